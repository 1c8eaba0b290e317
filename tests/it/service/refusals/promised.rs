//! What `errors.proto` promises of each reason, read out of its comments, and whether a status keeps it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use tonic::Status;
use tonic_types::StatusExt;

/// What the comment of one reason says.
#[derive(Debug, Clone)]
pub struct Promise {
    /// As gRPC names it, `NOT_FOUND`.
    code: String,
    details: String,
    /// Keys that are always there, and those that may be.
    keys: BTreeSet<String>,
    optional_keys: BTreeSet<String>,
}

/// All reasons of the contract, by name.
pub fn promises() -> BTreeMap<String, Promise> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/proto/wagroups/v1/errors.proto");
    let contract = fs::read_to_string(path).expect("the contract");
    let mut promises = BTreeMap::new();
    let mut comment = String::new();
    for line in contract.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("//") {
            comment.push(' ');
            comment.push_str(text.trim());
        } else if let Some((name, _)) =
            line.strip_prefix("REASON_").and_then(|rest| rest.split_once(" = "))
        {
            if name != "UNSPECIFIED" {
                promises.insert(name.to_owned(), promise(&comment));
            }
            comment.clear();
        } else {
            comment.clear();
        }
    }
    promises
}

fn promise(comment: &str) -> Promise {
    let between = |from: &str, to: &str| {
        let rest = comment.split_once(from).map_or("", |(_, rest)| rest);
        rest.split_once(to).map_or(rest, |(text, _)| text).to_owned()
    };
    let metadata = between("Metadata:", "Caller:");
    let (mut keys, mut optional_keys) = (BTreeSet::new(), BTreeSet::new());
    // What stands in brackets explains a key; "or" and "where" make it one that may be missing.
    let is_optional = metadata.contains(" or ");
    for part in metadata.split(',') {
        let Some(key) = part.split('`').nth(1) else { continue };
        if is_optional || part.contains("where") {
            optional_keys.insert(key.to_owned());
        } else if part.trim_start().starts_with('`') {
            keys.insert(key.to_owned());
        }
    }
    Promise {
        code: between("gRPC ", ",").trim().to_owned(),
        details: between("Details:", "Metadata:"),
        keys,
        optional_keys,
    }
}

/// Checks a status against what its reason promises; says what is wrong with it.
pub fn broken(promise: &Promise, status: &Status) -> Vec<String> {
    let mut broken = Vec::new();
    let details = status.get_error_details();
    let code = format!("{:?}", status.code());
    let wanted: String = promise.code.split('_').map(capitalized).collect();
    if code != wanted {
        broken.push(format!("has code {code}, not {wanted}"));
    }
    let mut check = |name: &str, is_there: bool| {
        let is_promised = promise.details.contains(name);
        if is_promised != is_there {
            let verb = if is_there { "has" } else { "lacks" };
            broken.push(format!("{verb} {name}"));
        }
    };
    check("BadRequest", details.bad_request().is_some());
    check("RetryInfo", details.retry_info().is_some());
    check("QuotaFailure", details.quota_failure().is_some());
    check("PreconditionFailure", details.precondition_failure().is_some());
    check("ResourceInfo", details.resource_info().is_some());
    let named = |name: &str| promise.details.contains(&format!("type `{name}`"));
    for violation in details.precondition_failure().into_iter().flat_map(|f| &f.violations) {
        if !named(&violation.r#type) {
            broken.push(format!("has a precondition of type {}", violation.r#type));
        }
    }
    if let Some(resource) = details.resource_info()
        && !named(&resource.resource_type)
    {
        broken.push(format!("speaks of a resource of type {}", resource.resource_type));
    }
    let metadata = details.error_info().map(|info| info.metadata.clone()).unwrap_or_default();
    for key in &promise.keys {
        if !metadata.contains_key(key) {
            broken.push(format!("lacks the metadata {key}"));
        }
    }
    for key in metadata.keys() {
        let is_usual = ["session", "group_id", "code"].contains(&key.as_str());
        if !is_usual && !promise.keys.contains(key) && !promise.optional_keys.contains(key) {
            broken.push(format!("has metadata {key}, which is not promised"));
        }
    }
    broken
}

fn capitalized(word: &str) -> String {
    let lower = word.to_ascii_lowercase();
    let (first, rest) = lower.split_at(1);
    format!("{}{rest}", first.to_ascii_uppercase())
}
