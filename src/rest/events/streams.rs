//! How many streams of events are open at the same time: fewer than there are connections, so that requests that
//! end find room beside them.

use std::time::Duration;

use crate::domain::auth::Caller;
use crate::domain::error::{Error, Result};
use crate::domain::fair_share::{FairShare, FairShares, Share};
use crate::domain::reason::Reason;
use crate::telemetry;

/// The places of streams, which keys share.
#[derive(Debug, Clone)]
pub struct Streams(FairShares);

/// A stream's place; given back when it is dropped.
#[derive(Debug)]
pub struct StreamPlace {
    streams: FairShares,
    share: Option<Share>,
}

impl Streams {
    pub fn new(rule: FairShare) -> Self {
        Self(FairShares::new(rule))
    }

    pub fn take(&self, caller: &Caller) -> Result<StreamPlace> {
        let key_name = caller.key_name();
        let Some(share) = self.0.take(key_name, 1) else {
            let (max, held) = (self.0.capacity(), self.0.held_by(key_name));
            let message = format!(
                "{max} streams may be open at the most, which API keys share; this one has {held} of them: close \
                 some, or share one"
            );
            return Err(Error::new(Reason::TooManyWatchers, message)
                .with("limit", max)
                .with("held", held)
                .retry_after(Duration::from_secs(5)));
        };
        telemetry::rest_streams(self.0.held());
        Ok(StreamPlace { streams: self.0.clone(), share: Some(share) })
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        drop(self.share.take());
        telemetry::rest_streams(self.streams.held());
    }
}
