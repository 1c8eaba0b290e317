//! A route: where it is, who answers it, and what the OpenAPI document says of it. The router and the
//! document are made of the same list, so that neither has what the other lacks.

use axum::handler::Handler;
use axum::routing::{self, MethodRouter};
use utoipa::openapi::HttpMethod;

use super::RestState;
use super::openapi::says::OperationDoc;
pub use super::wire::at;

pub struct Route {
    pub method: HttpMethod,
    pub path: String,
    pub handler: MethodRouter<RestState>,
    pub says: OperationDoc,
}

macro_rules! methods {
    ($($name:ident, $method:ident;)+) => {
        $(pub fn $name<H, T>(path: impl Into<String>, handler: H, says: OperationDoc) -> Route
        where
            H: Handler<T, RestState>,
            T: 'static,
        {
            let (method, handler) = (HttpMethod::$method, routing::$name(handler));
            Route { method, path: path.into(), handler, says }
        })+
    };
}

methods! {
    get, Get;
    post, Post;
    put, Put;
    delete, Delete;
}
