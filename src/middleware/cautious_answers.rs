//! What every answer over HTTP/1 says to browsers and proxies: it is what its type says, and is kept nowhere.

use axum::http::{HeaderValue, header};
use axum::response::Response;

/// The same answer. One that says of itself how it may be kept, as pages and streams do, is left with it.
pub async fn cautious(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
