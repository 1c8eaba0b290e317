//! Our own webhooks, to a real receiver: what is posted, in which order, how often, and that none is lost.

mod delivery;
mod failing;
mod kills;
mod managing;
mod places;
pub mod receiver;
mod scope;

use std::time::Duration;

use tonic::Status;
use wagroups::config::Settings;
use wagroups::pb;

use self::receiver::{KEY, Receiver};
use crate::harness::service::{Service, eventually};

/// Settings of a service whose webhooks may be posted to this machine.
pub fn posting(settings: &mut Settings) {
    settings.webhooks.allow_private_addresses = true;
    settings.webhooks.timeout = Duration::from_secs(5);
}

/// Declares tests that run on SQLite and on PostgreSQL: `async fn name(service: Service)`.
macro_rules! posted_on_each_database {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            use crate::harness::service::Service;
            use crate::hooks::posting;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(Service::on_sqlite_with(posting).await).await;
            })+
        }
        mod postgres {
            use crate::harness::service::Service;
            use crate::hooks::posting;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(service) = Service::on_postgres_with(posting).await {
                    super::$name(service).await;
                }
            })+
        }
    };
}
pub(crate) use posted_on_each_database;

/// A webhook to this receiver, signed, that tries again without a pause.
pub fn to(receiver: &Receiver) -> pb::CreateWebhookRequest {
    pb::CreateWebhookRequest {
        url: receiver.url(),
        hmac_key: KEY.into(),
        retries: Some(at_once(15)),
        ..Default::default()
    }
}

pub fn at_once(attempts: i32) -> pb::WebhookRetries {
    let delay = Some(prost_types::Duration::default());
    pb::WebhookRetries { delay, attempts: Some(attempts), ..Default::default() }
}

impl Service {
    pub async fn create_webhook(&self, request: pb::CreateWebhookRequest) -> pb::Webhook {
        let made = self.webhooks().create_webhook(request).await.expect("a webhook");
        made.into_inner().webhook.expect("a webhook")
    }

    pub async fn get_webhook(&self, id: &str) -> Result<pb::Webhook, Status> {
        let request = pb::GetWebhookRequest { webhook_id: id.into() };
        let got = self.webhooks().get_webhook(request).await?;
        Ok(got.into_inner().webhook.expect("a webhook"))
    }

    pub async fn resume_webhook(&self, id: &str) -> pb::Webhook {
        let request = pb::ResumeWebhookRequest { webhook_id: id.into() };
        let resumed = self.webhooks().resume_webhook(request).await.expect("resumed").into_inner();
        resumed.webhook.expect("a webhook")
    }

    /// The webhook once it is in this state.
    pub async fn until_state(&self, id: &str, state: pb::WebhookState) -> pb::Webhook {
        eventually(&format!("the webhook is {}", state.as_str_name()), || async {
            let webhook = self.get_webhook(id).await.expect("a webhook");
            (webhook.state() == state).then_some(webhook)
        })
        .await
    }

    /// The webhook once nothing waits to be delivered.
    pub async fn until_delivered(&self, id: &str) -> pb::Webhook {
        eventually("all is delivered", || async {
            let webhook = self.get_webhook(id).await.expect("a webhook");
            (webhook.behind_count == 0).then_some(webhook)
        })
        .await
    }

    /// Gives a group of session `default` so many subjects, one after the other.
    pub async fn rename(&self, session: &str, group_id: &str, subjects: std::ops::Range<u32>) {
        for number in subjects {
            let request = pb::SetGroupSubjectRequest {
                session: session.into(),
                group_id: group_id.into(),
                subject: format!("Subject {number}"),
                ..Default::default()
            };
            self.groups().set_group_subject(request).await.expect("renamed");
        }
    }
}
