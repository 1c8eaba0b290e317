//! Headers of every answer over HTTP/1: browsers must not guess its type, and nobody may cache it.

use axum::http::{HeaderValue, header};
use axum::response::Response;

/// The same answer with them. One with a Cache-Control of its own, as pages and streams have, keeps it.
pub async fn cautious(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
