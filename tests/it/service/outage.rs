//! The database goes away, and comes back.

use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use wagroups::pb;

use crate::harness::service::{Service, eventually, reason};

pub async fn health(service: &Service, name: &str) -> Option<ServingStatus> {
    let mut health = HealthClient::new(service.channel.clone());
    let request = HealthCheckRequest { service: name.into() };
    Some(health.check(request).await.ok()?.into_inner().status())
}

pub async fn becomes(service: &Service, wanted: ServingStatus) {
    for name in ["", "wagroups.v1.GroupsService", "wagroups.v1.SessionsService"] {
        eventually("the health is told", || async {
            (health(service, name).await == Some(wanted)).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_the_service_is_not_serving_and_says_that_nothing_was_done() {
    let Some(service) = Service::on_postgres().await else { return };
    let id = service.group_id("Before", &[]).await;
    becomes(&service, ServingStatus::Serving).await;

    service.database().cut_off().await;
    becomes(&service, ServingStatus::NotServing).await;
    let list = pb::ListGroupsRequest { session: "default".into(), ..Default::default() };
    let status = service.groups().list_groups(list.clone()).await.expect_err("no database");
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unavailable, "DATABASE_UNAVAILABLE")
    );
    let create = pb::CreateGroupRequest {
        session: "default".into(),
        request_id: "2f1c9a52-6c1d-4f0e-9a53-0c5a3b1f7d11".into(),
        subject: "During".into(),
        ..Default::default()
    };
    let status = service.groups().create_group(create.clone()).await.expect_err("no database");
    assert_eq!(status.code(), Code::Unavailable, "nothing was sent: {status:?}");

    service.database().restore().await;
    becomes(&service, ServingStatus::Serving).await;
    let created = service.groups().create_group(create).await.expect("made").into_inner();
    assert!(created.changed);
    assert_eq!(created.sequence, 2, "nothing was half-done meanwhile");
    assert_eq!(service.get_group(&id, 2).await.expect("the group").subject, "Before");
}
