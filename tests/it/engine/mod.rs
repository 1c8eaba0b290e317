//! The conformance suite of engines: what every adapter of the port must do. A new engine brings a
//! [`Stage`] and the list of what it cannot do.

mod refusals;
mod simulator;
mod stage;
mod success;
mod waha;

use std::collections::BTreeSet;

use futures::future::BoxFuture;
use wagroups::domain::port::engine::EngineOperation;

use self::stage::Scene;

/// A case that every engine must pass that can do the operation.
pub struct Case {
    pub operation: EngineOperation,
    pub run: for<'a> fn(&'a Scene) -> BoxFuture<'a, ()>,
}

/// Runs all cases. What the engine cannot do is named with the cause, and must say so by itself.
pub async fn conforms(scene: &Scene, exceptions: &[(EngineOperation, &str)]) {
    let cannot: BTreeSet<EngineOperation> = exceptions.iter().map(|(op, _)| *op).collect();
    for operation in EngineOperation::ALL {
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
    let covered: BTreeSet<EngineOperation> =
        success::CASES.iter().map(|case| case.operation).collect();
    let all: BTreeSet<EngineOperation> = EngineOperation::ALL.into_iter().collect();
    let missing: Vec<_> = all.difference(&covered).collect();
    assert!(missing.is_empty(), "no case of success for {missing:?}");
}
