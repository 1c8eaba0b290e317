//! The loop of a watch: connect, read, print, remember, and again.

use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::print::Printer;
use super::start::Place;
use super::token_file::TokenFile;
use crate::cli::connect::{ClientOptions, Connection};
use crate::cli::effect::Effect;
use crate::cli::errors::Failure;
use crate::cli::output::Output;
use crate::cli::reconnect;
use crate::pb::{WatchGroupEventsRequest, WatchGroupEventsResponse};

/// How many responses may wait for one flush while more are there already.
const UNFLUSHED_RESPONSES: usize = 256;

type Responses = Streaming<WatchGroupEventsResponse>;

pub struct Follower {
    pub options: ClientOptions,
    /// Whom and what to watch, without the place.
    pub request: WatchGroupEventsRequest,
    /// The service is never silent for longer than this, give or take 10 %.
    pub silence: Duration,
    pub reconnect: bool,
    pub output: Output,
    pub place: Place,
    pub printer: Printer,
    pub file: Option<TokenFile>,
}

impl Follower {
    /// Follows until asked to stop, or until something comes in the way that another try cannot mend.
    pub async fn run(&mut self, stop: &CancellationToken) -> Result<(), Failure> {
        let mut pauses = reconnect::PAUSES;
        // The first connection fails at once, since an address is easily mistyped; but a follower
        // with a place to go on from is a daemon, which waits for its service.
        let mut was_connected = self.place.resumes();
        loop {
            let begin = Instant::now();
            let ended = tokio::select! {
                () = stop.cancelled() => None,
                ended = self.connection(&mut was_connected) => Some(ended),
            };
            // What was read before the end is printed and remembered in any case.
            self.settle()?;
            let Some(Err(failure)) = ended else { return Ok(()) };
            if !was_connected || !self.reconnect || !reconnect::may_help(&failure) {
                return Err(failure);
            }
            if begin.elapsed() >= reconnect::GOOD_CONNECTION {
                pauses.reset();
            }
            let delay = reconnect::delay_before(&mut pauses, &failure);
            self.note_reconnect(&failure, delay)?;
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = sleep(delay) => {}
            }
        }
    }

    /// One connection from its beginning to its end, which always is a failure.
    async fn connection(&mut self, was_connected: &mut bool) -> Result<(), Failure> {
        let failed = |status| Failure::refused(status, Effect::Read);
        let connection = Connection::open(&self.options).await?;
        let mut groups = connection.groups();
        let call = groups.watch_group_events(self.place.request(&self.request));
        let patience = self.options.patience();
        let mut responses = match timeout(patience, call).await {
            Ok(answer) => answer.map_err(failed)?.into_inner(),
            Err(_) => {
                return Err(Failure::TimedOut { after: patience, call: Effect::Read });
            }
        };
        *was_connected = true;
        loop {
            let response = self.next(&mut responses).await?.map_err(failed)?;
            self.take(&response)?;
            // While catching up the next response is there already; flushing once for many is faster.
            let mut unflushed = 1;
            while unflushed < UNFLUSHED_RESPONSES {
                match responses.next().now_or_never() {
                    Some(Some(response)) => self.take(&response.map_err(failed)?)?,
                    Some(None) => return Err(failed(ended())),
                    None => break,
                }
                unflushed += 1;
            }
            self.settle()?;
        }
    }

    /// The next response, unless the silence lasts so long that the connection must be dead.
    async fn next(
        &self,
        responses: &mut Responses,
    ) -> Result<Result<WatchGroupEventsResponse, Status>, Failure> {
        let patience = self.silence.mul_f64(2.2) + Duration::from_secs(1);
        match timeout(patience, responses.next()).await {
            Ok(Some(response)) => Ok(response),
            Ok(None) => Ok(Err(ended())),
            Err(_) => {
                let silence = humantime::format_duration(Duration::from_secs(patience.as_secs()));
                let status =
                    Status::unavailable(format!("the service has been silent for {silence}"));
                Err(Failure::refused(status, Effect::Read))
            }
        }
    }

    fn take(&mut self, response: &WatchGroupEventsResponse) -> Result<(), Failure> {
        self.printer.response(response)?;
        self.place.advance(&response.resume_token);
        Ok(())
    }

    /// Brings out what was printed, then stores how far that is: a crash in between prints a few
    /// events twice and loses none.
    fn settle(&mut self) -> Result<(), Failure> {
        self.printer.flush()?;
        if let (Some(file), Some(token)) = (&mut self.file, self.place.token()) {
            file.store(token)?;
        }
        Ok(())
    }

    fn note_reconnect(&self, failure: &Failure, delay: Duration) -> Result<(), Failure> {
        let why = reconnect::cause(failure);
        let again = if self.place.resumes() { "resuming" } else { "beginning again" };
        let delay = reconnect::shown(delay);
        self.output.note(&format!("connection lost ({why}); {again} in {delay}"))
    }
}

/// A watch never ends with OK, but something between us and the service may close the stream so.
fn ended() -> Status {
    Status::unavailable("the stream ended")
}
