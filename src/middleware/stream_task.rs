//! The task that serves one stream of HTTP/2, and how a call finds the one that it runs in.
//!
//! hyper hands each stream to an executor. What it hands over can only be ended by dropping it, which no one
//! else can do; so the executor wraps it, and the call that runs inside learns how to end its own task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::{AbortHandle, Abortable};
use hyper::rt::Executor;

use super::connection::Connection;

tokio::task_local! {
    static CURRENT: StreamTask;
}

/// Ends the task of a stream: what it holds is dropped, and the peer sees the stream reset.
#[derive(Debug, Clone)]
pub struct StreamTask {
    abort: AbortHandle,
    answered: Arc<AtomicBool>,
}

impl StreamTask {
    /// The task that this runs in; none on HTTP/1.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    pub fn end(&self) {
        self.abort.abort();
    }

    /// The call's head is on its way: from now on an end of the stream is none before the answer.
    pub fn answered(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }
}

/// Runs the streams of one connection.
#[derive(Debug, Clone)]
pub struct StreamExecutor {
    connection: Arc<Connection>,
}

impl StreamExecutor {
    pub fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }
}

impl<F> Executor<F> for StreamExecutor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let (abort, registration) = AbortHandle::new_pair();
        let task = StreamTask { abort, answered: Arc::default() };
        let (answered, connection) = (task.answered.clone(), self.connection.clone());
        tokio::spawn(async move {
            let stream = Abortable::new(stream, registration);
            let _ = CURRENT.scope(task, stream).await;
            // Also where we have ended it: its client has kept us waiting.
            if !answered.load(Ordering::Relaxed) {
                connection.taken_back();
            }
        });
    }
}
