//! The conformance suite of engines: what every adapter of the port must do. A new engine brings a
//! [`Stage`] and the list of what it cannot do.

mod refusals;
mod simulator;
mod stage;
mod success;
mod waha;

use std::collections::BTreeSet;

use futures::future::BoxFuture;
use wagroups::domain::operation::OperationName;

use self::stage::Scene;

/// A case that every engine must pass that can do the operation.
pub struct Case {
    pub operation: OperationName,
    pub run: for<'a> fn(&'a Scene) -> BoxFuture<'a, ()>,
}

/// Runs all cases. What the engine cannot do is named with the cause, and must say so by itself.
pub async fn conforms(scene: &Scene, exceptions: &[(OperationName, &str)]) {
    let cannot: BTreeSet<OperationName> = exceptions.iter().map(|(op, _)| *op).collect();
    for operation in OperationName::ALL.iter().copied() {
        assert_eq!(
            scene.engine.supports(&scene.alice.session, operation),
            !cannot.contains(&operation),
            "{operation:?}: what an engine cannot do stands in its list, and nothing else"
        );
    }
    for case in success::CASES.iter().chain(refusals::CASES) {
        if !cannot.contains(&case.operation) {
            (case.run)(scene).await;
        }
    }
}

#[test]
fn every_operation_has_a_case() {
    let covered: BTreeSet<OperationName> =
        success::CASES.iter().map(|case| case.operation).collect();
    let all: BTreeSet<OperationName> = OperationName::ALL.iter().copied().collect();
    let missing: Vec<_> = all.difference(&covered).collect();
    assert!(missing.is_empty(), "no case of success for {missing:?}");
}
