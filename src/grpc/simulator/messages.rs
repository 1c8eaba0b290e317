//! The simulator's things as the contract has them.

use std::collections::BTreeSet;

use crate::domain::id::{PhoneNumber, SessionName};
use crate::domain::operation::OperationName;
use crate::domain::participant::Account;
use crate::engine::simulator::world::{
    AccountChange, AccountRecord, AddPrivacy, CallOutcome, CallRecord, Statistics, Tally,
};
use crate::grpc::request::Fields;
use crate::pb;
use crate::pb::wire::{number, timestamp};

pub(super) fn account((account, record): (Account, AccountRecord)) -> pb::SimulatorAccount {
    let settings = record.settings;
    let ids = |phones: BTreeSet<PhoneNumber>| phones.iter().map(ToString::to_string).collect();
    pb::SimulatorAccount {
        phone_number_id: account.phone().map(|phone| phone.to_string()).unwrap_or_default(),
        lid: account.lid().map(|lid| lid.to_string()).unwrap_or_default(),
        push_name: settings.push_name,
        not_on_whatsapp: !settings.on_whatsapp,
        add_privacy: match settings.add_privacy {
            AddPrivacy::Everyone => pb::AddPrivacy::Everyone,
            AddPrivacy::Contacts => pb::AddPrivacy::Contacts,
            AddPrivacy::Nobody => pb::AddPrivacy::Nobody,
        }
        .into(),
        contact_ids: ids(settings.contacts),
        blocked_ids: ids(settings.blocked),
        session: record.session.map(|session| session.to_string()).unwrap_or_default(),
    }
}

/// What may be set of an account.
const SETTINGS: [&str; 5] =
    ["push_name", "not_on_whatsapp", "add_privacy", "contact_ids", "blocked_ids"];

/// The settings that the mask names; without one, those that the account has.
pub(super) fn account_change(
    fields: &mut Fields,
    account: &pb::SimulatorAccount,
    mask: Option<&prost_types::FieldMask>,
) -> AccountChange {
    if account.push_name.len() > 100 {
        fields.add("account.push_name", "must have at most 100 bytes");
    }
    let known = SETTINGS.join(", ");
    // Some clients send an empty mask for none.
    let mask = mask.filter(|mask| !mask.paths.is_empty());
    let paths = mask.map(|mask| fields.paths(Some(mask), &known));
    for path in paths.unwrap_or_default() {
        if !SETTINGS.contains(&path.as_str()) {
            fields.add_unknown_path(path, &known);
        }
    }
    let is_named = |path: &str, is_there: bool| match paths {
        Some(paths) => paths.iter().any(|named| named == path),
        None => is_there,
    };
    let contacts = phones(fields, "account.contact_ids", &account.contact_ids);
    let blocked = phones(fields, "account.blocked_ids", &account.blocked_ids);
    let has_privacy = account.add_privacy() != pb::AddPrivacy::Unspecified;
    AccountChange {
        push_name: is_named("push_name", !account.push_name.is_empty())
            .then(|| account.push_name.clone()),
        on_whatsapp: is_named("not_on_whatsapp", account.not_on_whatsapp)
            .then_some(!account.not_on_whatsapp),
        add_privacy: is_named("add_privacy", has_privacy).then(|| match account.add_privacy() {
            pb::AddPrivacy::Unspecified | pb::AddPrivacy::Everyone => AddPrivacy::Everyone,
            pb::AddPrivacy::Contacts => AddPrivacy::Contacts,
            pb::AddPrivacy::Nobody => AddPrivacy::Nobody,
        }),
        contacts: is_named("contact_ids", !contacts.is_empty()).then_some(contacts),
        blocked: is_named("blocked_ids", !blocked.is_empty()).then_some(blocked),
    }
}

fn phones(fields: &mut Fields, field: &str, texts: &[String]) -> BTreeSet<PhoneNumber> {
    fields.each::<PhoneNumber>(field, texts, 1024).into_iter().collect()
}

pub(super) fn call(call: &CallRecord) -> pb::SimulatorCall {
    pb::SimulatorCall {
        number: number(call.number),
        session: call.session.to_string(),
        operation: call.operation.as_str().to_owned(),
        group_id: call.group_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        request_id: call.request_id().map(|id| id.to_string()).unwrap_or_default(),
        receive_time: Some(timestamp(call.time)),
        applied: call.applied,
        outcome: match call.outcome {
            CallOutcome::Open => pb::CallOutcome::Unspecified,
            CallOutcome::Ok => pb::CallOutcome::Ok,
            CallOutcome::Refused => pb::CallOutcome::Refused,
            CallOutcome::Lost => pb::CallOutcome::Lost,
        }
        .into(),
        code: i32::try_from(call.code).unwrap_or(i32::MAX),
    }
}

pub(super) fn statistics(statistics: &Statistics) -> pb::GetStatisticsResponse {
    let operation = |((session, operation), tally): (&(SessionName, OperationName), &Tally)| {
        pb::OperationStatistics {
            session: session.to_string(),
            operation: operation.as_str().to_owned(),
            received_count: number(tally.received),
            applied_count: number(tally.applied),
            refused_count: number(tally.refused),
            lost_count: number(tally.lost),
        }
    };
    let mut operations: Vec<_> = statistics.operations.iter().map(operation).collect();
    operations.sort_by(|a, b| (&a.session, &a.operation).cmp(&(&b.session, &b.operation)));
    pb::GetStatisticsResponse {
        operations,
        notification_count: number(statistics.notifications),
        delivered_count: number(statistics.delivered),
        repeated_request_ids: statistics.repeated.iter().map(ToString::to_string).collect(),
    }
}
