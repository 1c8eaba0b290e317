//! Comparing a session of very many groups with WhatsApp's, beside reading them all from the service.

use std::time::Instant;

use futures::{StreamExt, stream};
use tonic::transport::Channel;
use wagroups::pb;
use wagroups::pb::groups_service_client::GroupsServiceClient;
use wagroups::pb::sessions_service_client::SessionsServiceClient;
use wagroups::pb::simulator_service_client::SimulatorServiceClient;

use super::table::Table;
use super::{Child, Effort};

const MEMBERS: usize = 256;
const MAX_ANSWER: usize = 64 << 20;

pub async fn measure(effort: Effort, table: &mut Table) {
    let count = effort.groups;
    let service = Child::service();
    let channel = service.connect().await;
    make_groups_that_nobody_tells_us_of(channel.clone(), count).await;
    let before = service.resident_bytes();

    let learned = compare(&channel, count).await;
    let peak = service.peak_bytes();
    let read = read_all(&channel, count).await;
    let compared = compare(&channel, 0).await;
    let what = |text: &str| format!("{count} groups x {MEMBERS}: {text}");
    table.add(what("learn them (limit: list them)"), learned, read, "s", None);
    table.add(what("compare, nothing new"), compared, read, "s", None);
    let mebibytes = (peak - before) / f64::from(1 << 20);
    table.add(what("memory on top (of 1 GiB)"), mebibytes, 1024.0, "MiB", None);
}

/// Seconds that a comparison takes which finds so many differences.
async fn compare(channel: &Channel, differences: usize) -> f64 {
    let mut groups = GroupsServiceClient::new(channel.clone());
    let request = pb::RefreshGroupsRequest { session: "default".into(), ..Default::default() };
    let started = Instant::now();
    let found = groups.refresh_groups(request).await.expect("compared").into_inner();
    assert_eq!(usize::try_from(found.event_count).expect("a number"), differences);
    started.elapsed().as_secs_f64()
}

/// Seconds that reading all groups with their members takes.
async fn read_all(channel: &Channel, count: usize) -> f64 {
    let mut groups =
        GroupsServiceClient::new(channel.clone()).max_decoding_message_size(MAX_ANSWER);
    let (mut read, mut page_token) = (0, String::new());
    let started = Instant::now();
    loop {
        let request = pb::ListGroupsRequest {
            session: "default".into(),
            view: pb::GroupView::Full.into(),
            page_size: 1000,
            page_token,
            ..Default::default()
        };
        let page = groups.list_groups(request).await.expect("a page").into_inner();
        read += page.groups.len();
        page_token = page.next_page_token;
        if page_token.is_empty() {
            assert_eq!(read, count);
            return started.elapsed().as_secs_f64();
        }
    }
}

async fn make_groups_that_nobody_tells_us_of(channel: Channel, count: usize) {
    let simulator = SimulatorServiceClient::new(channel.clone());
    let lose = pb::inject_fault_request::Fault::LoseNotifications(pb::LoseNotificationsFault {});
    let fault = pb::InjectFaultRequest { uses: -1, fault: Some(lose), ..Default::default() };
    simulator.clone().inject_fault(fault).await.expect("a fault");
    let mut sessions = SessionsServiceClient::new(channel);
    let request = pb::GetSessionRequest { session: "default".into() };
    let me = sessions.get_session(request).await.expect("the session").into_inner();
    let me = me.session.and_then(|session| session.account).expect("an account").id;
    let made = stream::iter(0..count).map(|number| {
        let (mut simulator, me) = (simulator.clone(), me.clone());
        async move {
            let people = (0..MEMBERS - 2).map(|n| format!("49160{:08}", 1000 + number * 7 + n));
            let create = pb::CreateGroupAction {
                subject: format!("Group {number}"),
                participant_ids: std::iter::once(me).chain(people).collect(),
                addressing_mode: pb::AddressingMode::Lid.into(),
            };
            let action = Some(pb::act_request::Action::CreateGroup(create));
            let actor = "+491700000001".to_owned();
            let request = pb::ActRequest { actor, action, ..Default::default() };
            simulator.act(request).await.expect("a group");
        }
    });
    made.buffer_unordered(32).collect::<Vec<()>>().await;
    // What waits for the session is lost in batches; it is over once all of it was.
    loop {
        let counted = simulator.clone().get_statistics(pb::GetStatisticsRequest::default()).await;
        let counted = counted.expect("statistics").into_inner();
        if usize::try_from(counted.notification_count).expect("a number") >= count {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let all = pb::ClearFaultsRequest { all: true, ..Default::default() };
    simulator.clone().clear_faults(all).await.expect("no faults");
}
