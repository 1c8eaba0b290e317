//! The log on a real NATS JetStream: what is published, in which order, how often, and that none is lost.

mod failing;
mod kills;
mod login;
mod nats;
mod nats_server;
mod publishing;
mod replay;
mod stale;

use wagroups::config::Settings;
use wagroups::pb;
use wagroups::pb::relay_service_client::RelayServiceClient;

use self::nats::Nats;
use crate::harness::service::{Service, eventually};

/// Settings of a service that hands its log to this server.
pub fn relaying(url: &str) -> impl FnOnce(&mut Settings) + use<> {
    let url = url.to_owned();
    move |settings| settings.nats.url = url
}

pub async fn status(service: &Service) -> pb::Relay {
    let mut client = RelayServiceClient::new(service.channel.clone());
    let answer = client.get_relay(pb::GetRelayRequest {}).await;
    answer.expect("the relay").into_inner().relay.expect("the relay")
}

pub async fn until_failing(service: &Service, why: &str) -> pb::Relay {
    eventually(&format!("the relay fails: {why}"), || async {
        let relay = RelayServiceClient::new(service.channel.clone())
            .get_relay(pb::GetRelayRequest {})
            .await
            .ok()?
            .into_inner()
            .relay?;
        let fails = relay.state() == pb::RelayState::Failing && relay.state_reason.contains(why);
        fails.then_some(relay)
    })
    .await
}

/// Until all of the log is published.
pub async fn until_published(service: &Service) -> pb::Relay {
    eventually("all is published", || async {
        let relay = status(service).await;
        let is_done = relay.behind_count == 0 && relay.state() == pb::RelayState::Publishing;
        is_done.then_some(relay)
    })
    .await
}

/// The ids that the log of the session has, and those that the stream has of it, each in its order.
pub async fn both(service: &Service, nats: &Nats, session: &str) -> (Vec<String>, Vec<String>) {
    let logged = service.log(session).await.into_iter().map(|event| event.id).collect();
    let messages = nats.messages().await.into_iter();
    let own = messages.filter(|message| message.session() == session);
    (logged, own.map(|message| message.header("ce-id").to_owned()).collect())
}

pub async fn make_groups(service: &Service, count: usize) {
    for number in 0..count {
        service.create_group(&format!("Group {number}"), &["4915100000001"]).await;
    }
}
