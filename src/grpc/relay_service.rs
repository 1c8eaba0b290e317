//! RelayService.

use tonic::{Request, Response, Status};

use super::request::{Fields, call};
use super::respond::refuse;
use super::start::{self, Start};
use crate::app::App;
use crate::app::relay::RelayView;
use crate::domain::relay::RelayState;
use crate::pb::relay_service_server::RelayService;
use crate::pb::wire::{number, timestamp};
use crate::pb::{self, replay_relay_request};

#[derive(Debug, Clone)]
pub struct Relay {
    app: App,
}

impl Relay {
    pub fn new(app: App) -> Self {
        Self { app }
    }
}

fn shown(view: RelayView) -> Option<pb::Relay> {
    let record = view.record;
    let state = match view.state {
        RelayState::Publishing => pb::RelayState::Publishing,
        RelayState::Failing => pb::RelayState::Failing,
        RelayState::Stopped => pb::RelayState::Stopped,
    };
    Some(pb::Relay {
        state: state.into(),
        state_time: Some(timestamp(view.since)),
        state_reason: view.reason,
        target: view.target,
        resume_token: record.place.encode().to_vec().into(),
        behind_count: number(view.behind),
        oldest_waiting_time: view.oldest_waiting.map(timestamp),
        published_count: number(record.published_count),
        last_publish_time: record.last_publish_time.map(timestamp),
        lost_count: number(record.lost_count),
        replay_count: i32::try_from(record.replay_count).unwrap_or(i32::MAX),
    })
}

#[tonic::async_trait]
impl RelayService for Relay {
    async fn get_relay(
        &self,
        request: Request<pb::GetRelayRequest>,
    ) -> Result<Response<pb::GetRelayResponse>, Status> {
        let view = self.app.relay(&call(&request)?).map_err(refuse)?;
        Ok(Response::new(pb::GetRelayResponse { relay: shown(view) }))
    }

    async fn replay_relay(
        &self,
        request: Request<pb::ReplayRelayRequest>,
    ) -> Result<Response<pb::ReplayRelayResponse>, Status> {
        use replay_relay_request::Start as Given;
        let call = call(&request)?;
        let start = request.get_ref().start.as_ref().map(|start| match start {
            Given::ResumeToken(token) => Start::Token(token),
            Given::StartTime(time) => Start::Time(time),
            Given::Earliest(pb::Earliest {}) => Start::Earliest,
            Given::Latest(pb::Latest {}) => Start::Latest,
        });
        let ((), start) = start::finish(Fields::default(), Some(()), start)?;
        let view = self.app.replay_relay(&call, start).await.map_err(refuse)?;
        Ok(Response::new(pb::ReplayRelayResponse { relay: shown(view) }))
    }
}
