//! What engines say of their connections: it moves a session's status, and a new connection is
//! followed by a comparison with WhatsApp.

use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::domain::id::SessionName;
use crate::domain::port::engine::ConnectionNews;

type News = (SessionName, ConnectionNews);

#[derive(Debug)]
pub(super) struct Connections {
    /// A handful of small messages for each session and hour, so that there is no bound on them.
    pub sender: mpsc::UnboundedSender<News>,
    receiver: Mutex<Option<mpsc::UnboundedReceiver<News>>>,
}

impl Default for Connections {
    fn default() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { sender, receiver: Mutex::new(Some(receiver)) }
    }
}

impl Connections {
    /// The news to be followed; once.
    pub fn follow(&self) -> Option<mpsc::UnboundedReceiver<News>> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
