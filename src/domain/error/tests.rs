use super::*;

fn fields(error: &Error) -> Vec<&str> {
    error.violations().iter().map(|violation| violation.field.as_str()).collect()
}

fn refused(fields: &[(&str, &str)]) -> Error {
    let mut violations = Violations::default();
    for (field, description) in fields {
        violations.add(field, description);
    }
    violations.into_error()
}

#[test]
fn causes_are_told_from_the_outside_in() {
    #[derive(Debug, thiserror::Error)]
    #[error("inner")]
    struct Within;
    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Without(#[source] Within);
    let told: Vec<String> = causes(&Without(Within)).map(ToString::to_string).collect();
    assert_eq!(told, ["outer", "inner"]);
}

#[test]
fn an_error_that_is_kept_has_all_but_its_cause() {
    let plain = Error::new(Reason::GroupFull, "it is full");
    let json = serde_json::to_value(&plain).expect("JSON");
    assert_eq!(json, serde_json::json!({ "reason": "GROUP_FULL", "message": "it is full" }));

    let mut error = plain
        .with("code", 419)
        .about("group", "120363000000000001@g.us")
        .retry_after(Duration::from_secs(3))
        .caused_by("a secret");
    for number in 0..=MAX_VIOLATIONS {
        error = error.blaming(&format!("f{number}"), "must be another");
    }
    let json = serde_json::to_string(&error).expect("JSON");
    assert!(!json.contains("secret"));
    let read: Error = serde_json::from_str(&json).expect("an error");
    assert_eq!(read.to_string(), error.to_string());
    assert_eq!(read.violations(), error.violations());
    assert_eq!(read.more_violations(), 1);
    assert_eq!(read.metadata()["code"], "419");
    assert_eq!(read.resource(), error.resource());
    assert_eq!(read.retry_delay(), Some(Duration::from_secs(3)));
    assert_eq!((error.cause(), read.cause()), (Some("a secret"), None));
}

#[test]
fn what_is_not_there_is_named() {
    let session: SessionName = "shop".parse().expect("a name");
    let group_id: GroupId = "120363000000000001@g.us".parse().expect("an id");
    let resource = |kind: &str, name: &str| Resource { kind: kind.into(), name: name.into() };

    let error = Error::session_not_found(&session);
    assert_eq!(error.reason(), Reason::SessionNotFound);
    assert!(error.message().contains("session shop does not exist"), "{error}");
    assert_eq!(error.resource(), Some(&resource("session", "shop")));
    assert_eq!(error.metadata()["session"], "shop");

    let error = Error::group_not_found(&session, &group_id);
    assert_eq!(error.reason(), Reason::GroupNotFound);
    assert_eq!(error.resource(), Some(&resource("group", group_id.as_str())));
    assert_eq!(error.metadata()["session"], "shop");
    assert_eq!(error.metadata()["group_id"], group_id.as_str());
}

#[test]
fn a_fault_of_ours_tells_its_cause_to_the_log_alone() {
    let error = Error::internal("row 7 is corrupt");
    assert_eq!((error.reason(), error.cause()), (Reason::Internal, Some("row 7 is corrupt")));
    assert!(!error.to_string().contains("row 7"), "{error}");
}

#[test]
fn without_an_owner_the_same_call_may_come_again_soon() {
    let error = Error::not_owner();
    assert_eq!(error.reason(), Reason::NoOwner);
    assert!(error.reason().invites_retry());
    assert_eq!(error.retry_delay(), Some(Duration::from_secs(1)));
    let unknown = Error::outcome_unknown("look at the group first");
    assert_eq!(unknown.reason(), Reason::OutcomeUnknown);
    assert_eq!(unknown.message(), "look at the group first");
}

#[test]
fn no_text_of_an_error_is_longer_than_the_trailers_have_room_for() {
    let long = "ä".repeat(5000);
    let error = Error::new(Reason::Internal, long.as_str())
        .with("text", &long)
        .about("group", &long)
        .caused_by(&long)
        .blaming(&long, &long);
    assert!(error.message().len() <= 400 && error.message().ends_with('…'));
    assert!(error.metadata()["text"].len() <= 200);
    assert!(error.resource().is_some_and(|about| about.name.len() <= 200));
    assert!(error.cause().is_some_and(|cause| (4000..=4096).contains(&cause.len())));
    let [violation] = error.violations() else { panic!("{error}") };
    assert!(violation.field.len() <= 100 && violation.description.len() <= 400);
}

#[test]
fn metadata_takes_what_there_is_room_for_keys_and_values_together() {
    let long = "x".repeat(500);
    let size = |error: &Error| -> usize {
        error.metadata().iter().map(|(key, value)| key.len() + value.len()).sum()
    };
    let mut error = Error::new(Reason::Internal, "");
    for key in ["k1", "k2", "k3"] {
        error = error.with(key, &long);
    }
    assert_eq!(size(&error), 3 * 202);
    error = error.with("k4", &long);
    assert_eq!((size(&error), error.metadata()["k4"].len()), (768, 160));
    let error = error.with("k5", "y");
    assert_eq!(size(&error), 768, "there is no room left");

    // What takes another one's place has its room.
    let error = error.with("k1", "short");
    assert_eq!(error.metadata()["k1"], "short");
    assert_eq!(size(&error), 768 - 195);
}

#[test]
fn what_a_caller_adds_does_not_replace_what_the_error_knows() {
    let error = Error::new(Reason::Internal, "").with("session", "shop");
    let error = error.with_context("session", "other").with_context("group_id", "g");
    assert_eq!((&*error.metadata()["session"], &*error.metadata()["group_id"]), ("shop", "g"));
}

#[test]
fn an_error_prints_its_reason_its_sentence_and_every_field() {
    let error = Error::new(Reason::InvalidPageToken, "no token of ours");
    assert_eq!(error.to_string(), "INVALID_PAGE_TOKEN: no token of ours");
    let mut error = error.blaming("page_token", "must be empty");
    assert_eq!(error.to_string(), "INVALID_PAGE_TOKEN: no token of ours; page_token must be empty");
    for _ in 0..MAX_VIOLATIONS + 1 {
        error = error.blaming("f", "x");
    }
    assert!(error.to_string().ends_with("; f x; and 2 more"), "{error}");
}

#[test]
fn the_first_violations_are_listed_and_the_others_counted() {
    let names: Vec<String> = (0..23).map(|number| format!("f{number}")).collect();
    let all: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "is wrong")).collect();
    let error = refused(&all[..20]);
    assert_eq!((error.violations().len(), error.more_violations()), (20, 0));
    let error = refused(&all);
    assert_eq!(fields(&error), names[..20]);
    assert_eq!(error.more_violations(), 3);
    assert_eq!(error.metadata()["more_violations"], "3");
}

#[test]
fn violations_are_listed_as_far_as_an_answer_has_room() {
    let (name, long) = ("x".repeat(100), "y".repeat(400));
    let full = [(name.as_str(), long.as_str()), (&name, &long), ("rest", &long[..396])];
    let error = refused(&full);
    assert_eq!((error.violations().len(), error.more_violations()), (3, 0));
    // Once one is left out, all that follow are.
    let error = refused(&[full[0], full[1], ("rest", &long[..397]), ("a", "b")]);
    assert_eq!(error.violations().len(), 2);
    assert_eq!(error.more_violations(), 2);
}

#[test]
fn the_message_names_the_fields_as_far_as_it_has_room() {
    let message = |fields: &[&str]| {
        let all: Vec<_> = fields.iter().map(|field| (*field, "is wrong")).collect();
        refused(&all).message().to_owned()
    };
    assert_eq!(message(&["subject"]), "invalid request: subject");
    assert_eq!(message(&["subject", "page"]), "invalid request: subject, page");
    let (a, b, c) = ("a".repeat(100), "b".repeat(100), "c".repeat(37));
    assert_eq!(message(&[&a, &b, &c[..36]]), format!("invalid request: {a}, {b}, {}", &c[..36]));
    // One that is left out is followed by none that would fit.
    assert_eq!(message(&[&a, &b, &c, "d"]), format!("invalid request: {a}, {b}, and 2 more"));
    let many = ["f"; 22];
    let named = vec!["f"; 20].join(", ");
    assert_eq!(message(&many), format!("invalid request: {named}, and 2 more"));
}

#[test]
fn where_all_are_listed_nothing_speaks_of_more() {
    let error = refused(&[("subject", "is wrong")]);
    assert_eq!(error.reason(), Reason::InvalidRequest);
    assert!(error.metadata().is_empty(), "{:?}", error.metadata());
    assert!(!error.to_string().contains("more"), "{error}");
}

#[test]
fn a_request_is_looked_at_in_full_before_it_is_refused() {
    let mut violations = Violations::default();
    assert_eq!(
        violations.check("good", "7".parse::<u8>().map_err(|_| "must be a number")),
        Some(7)
    );
    violations.require("held", true, "must hold");
    assert!(violations.is_empty());
    assert_eq!(violations.check("bad", Err::<u8, _>("must be a number")), None);
    violations.require("broken", false, "must hold");
    assert!(!violations.is_empty());
    let error = violations.finish().expect_err("two fields are wrong");
    assert_eq!(fields(&error), ["bad", "broken"]);
    assert_eq!(error.violations()[0].description, "must be a number");
    assert_eq!(error.violations()[1].description, "must hold");
}

#[test]
fn a_value_is_handed_out_where_nothing_was_noted() {
    assert_eq!(checked(Violations::default(), Some(7)).ok(), Some(7));
    let mut violations = Violations::default();
    violations.add("a", "is wrong");
    let error = checked(violations, Some(7)).expect_err("something was noted");
    assert_eq!(error.reason(), Reason::InvalidRequest);
    let error = checked::<u8>(Violations::default(), None).expect_err("no value");
    assert_eq!(error.reason(), Reason::Internal);
}
