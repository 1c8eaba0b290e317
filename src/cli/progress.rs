//! That something goes on, while it does: a spinner or a bar on standard error. Only terminals see
//! them, and never beside `--json`.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::Output;
use crate::pb;

const SPINNER: &str = "{spinner} {msg} ({elapsed})";
const BAR: &str = "{spinner} {msg} [{bar:30}] {pos} of {len} ({elapsed})";
const TICK: Duration = Duration::from_millis(120);

/// Goes away without a trace when it is dropped, so that what is printed next stands alone.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Says what is being waited for, and for how long already.
    pub fn begin(output: Output, what: &str) -> Self {
        if output.is_structured() || !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        set_style(&bar, SPINNER);
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    pub fn is_shown(&self) -> bool {
        !self.0.is_hidden()
    }

    /// The numbers of a comparison, as soon as it has any.
    pub fn advance_to(&self, comparison: &pb::ComparisonProgress) {
        let done = u64::try_from(comparison.compared_count).unwrap_or(0);
        match u64::try_from(comparison.total_count) {
            Ok(all) if all > 0 => self.advance(done, all),
            // WhatsApp's list is on its way.
            Ok(_) | Err(_) => {}
        }
    }

    /// With numbers the spinner becomes a bar.
    pub fn advance(&self, done: u64, all: u64) {
        let was_spinner = self.0.length().is_none();
        self.0.set_position(done);
        self.0.set_length(all);
        if was_spinner {
            set_style(&self.0, BAR);
        }
    }
}

fn set_style(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Waits for the work under a spinner.
pub async fn during<T>(output: Output, what: &str, work: impl Future<Output = T>) -> T {
    let _shown = Progress::begin(output, what);
    work.await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::format::Format;

    #[test]
    fn the_templates_are_well_formed() {
        assert!(ProgressStyle::with_template(SPINNER).is_ok());
        assert!(ProgressStyle::with_template(BAR).is_ok());
    }

    #[tokio::test]
    async fn json_is_never_disturbed() {
        let output = Output::new(Format::Json);
        let progress = Progress::begin(output, "removing");
        progress.advance(1, 2);
        assert!(!progress.is_shown());
        assert_eq!(during(output, "waiting", async { 7 }).await, 7);
    }
}
