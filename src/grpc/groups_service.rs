//! GroupsService: where each RPC goes.

use std::pin::Pin;

use futures::{Stream, StreamExt};
use tonic::{Request, Response, Status};

use super::request::call;
use super::respond::refuse;
use super::watch;
use crate::app::App;
use crate::domain::error::Error;
use crate::pb;
use crate::pb::groups_service_server::GroupsService;

#[derive(Debug, Clone)]
pub(super) struct Groups {
    pub(super) app: App,
}

/// The service: each RPC as the method of its name.
#[derive(Debug, Clone)]
pub struct GroupsRpcs(Groups);

impl GroupsRpcs {
    pub fn new(app: App) -> Self {
        Self(Groups { app })
    }
}

pub(super) type WatchStream =
    Pin<Box<dyn Stream<Item = Result<pb::WatchGroupEventsResponse, Status>> + Send>>;

impl Groups {
    async fn watch_group_events(
        &self,
        request: Request<pb::WatchGroupEventsRequest>,
    ) -> Result<Response<WatchStream>, Status> {
        let call = call(&request)?;
        let items =
            self.app.watch(&call, watch::request(request.get_ref())?).await.map_err(refuse)?;
        // A panic inside a stream is beyond the layer that catches those of calls.
        let items = std::panic::AssertUnwindSafe(items).catch_unwind().map(|item| match item {
            Ok(item) => watch::response(item),
            Err(_) => Err(refuse(Error::internal("a watch has panicked"))),
        });
        Ok(Response::new(Box::pin(items)))
    }
}

// `GroupsService`, each RPC led to the method of its name: in `group_reads`, `group_changes`, `group_joining`,
// `group_pictures`, `group_settings`, `group_work`, or above. `build.rs` makes it of the contract.
include!(concat!(env!("OUT_DIR"), "/groups_service.rs"));
