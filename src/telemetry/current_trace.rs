//! The trace of the call that runs, for what it sends on its way to others.

use tracing::{Instrument as _, Span};

use crate::domain::trace_context::TraceContext;

tokio::task_local! {
    static CURRENT: Option<TraceContext>;
}

/// Runs the work as a part of the trace.
pub fn traced<F: Future>(
    trace: Option<TraceContext>,
    work: F,
) -> impl Future<Output = F::Output> + use<F> {
    CURRENT.scope(trace, work)
}

/// Where a call runs that came with one.
pub fn current_trace() -> Option<TraceContext> {
    CURRENT.try_with(Clone::clone).ok().flatten()
}

/// For work of a call that becomes a task of its own: it stays in the call's trace and in its span of the log.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> + use<F> {
    traced(current_trace(), work).instrument(Span::current())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_is_in_the_trace_only_where_it_is_carried() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = TraceContext::parse(parent, "");
        assert_eq!(current_trace(), None);
        let (carried, left) = traced(trace.clone(), async {
            let left = tokio::spawn(async { current_trace() });
            (tokio::spawn(carried(async { current_trace() })).await, left.await)
        })
        .await;
        assert_eq!(carried.expect("it ran"), trace);
        assert_eq!(left.expect("it ran"), None);
        assert_eq!(current_trace(), None);
    }
}
