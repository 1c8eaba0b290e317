//! What sees to the workers: whether there is one for each webhook that delivers, how far they are
//! behind, and which webhooks retention has overtaken.

use std::sync::Arc;
use std::time::Duration;

use super::registry::{Running, WebhookHandle};
use super::worker::Worker;
use crate::app::watch::WatchStart;
use crate::app::{App, Inner};
use crate::domain::error::Result;
use crate::domain::webhook::WebhookState;
use crate::telemetry;

/// How often the workers are checked.
const ROUND: Duration = Duration::from_secs(5);

impl App {
    /// Keeps a worker for each webhook that delivers, until the service stops.
    pub async fn deliver_webhooks(&self) {
        let inner = &self.inner;
        loop {
            for hook in inner.hooks.all() {
                // Where the turn is taken, its holder starts the worker.
                if let Ok(mut running) = hook.turn.try_lock()
                    && inner.hooks.get(hook.id).is_some()
                {
                    start(inner, &hook, &mut running);
                }
            }
            self.measure_webhooks();
            tokio::select! {
                () = tokio::time::sleep(ROUND) => {}
                () = inner.lifecycle.draining.cancelled() => return,
            }
        }
    }

    fn measure_webhooks(&self) {
        let inner = &self.inner;
        let (mut events, mut age) = (0, Duration::ZERO);
        let mut states = WebhookState::ALL.map(|state| (state.as_str(), 0));
        for hook in inner.hooks.all() {
            let view = inner.view(&hook);
            let state = view.webhook.status.state;
            for (name, count) in &mut states {
                *count += usize::from(*name == state.as_str());
            }
            if state.delivers() {
                events = view.behind.max(events);
                let waiting = view.oldest_waiting.map(|time| inner.clock.now().since(time));
                age = waiting.unwrap_or_default().max(age);
            }
        }
        telemetry::webhook_subscriptions(&states, events, age);
    }

    /// Marks the webhooks that do not deliver and are overtaken by retention.
    pub(in crate::app) async fn expire_webhooks(&self) -> Result<()> {
        let inner = &self.inner;
        if inner.hooks.len() == 0 {
            return Ok(());
        }
        let oldest = inner.token_of(&WatchStart::Earliest).await?;
        for hook in inner.hooks.all() {
            let Ok(_turn) = hook.turn.try_lock() else { continue };
            let webhook = hook.webhook();
            let place = webhook.progress.cursor;
            let stands = match webhook.status.state {
                WebhookState::Paused | WebhookState::PausedByFailure => true,
                // Its own worker finds out.
                WebhookState::Active | WebhookState::Failing | WebhookState::Expired => false,
            };
            if !stands || place.log_id != oldest.log_id || place.at.position >= oldest.at.position {
                continue;
            }
            let reason = hook.note_lost(oldest.at.position.since(place.at.position));
            let now = inner.clock.now();
            let webhook = hook.change(|webhook| {
                // What is lost is counted once, so that the place moves with it.
                webhook.progress.cursor = oldest;
                webhook.set_state(WebhookState::Expired, &reason, now);
                webhook.clone()
            });
            inner
                .repository
                .put_webhook_progress(webhook.id, &webhook.status, &webhook.progress, inner.epoch)
                .await?;
        }
        Ok(())
    }
}

/// Ends the worker and waits until it has written how far it got.
pub(super) async fn stop(running: &mut Option<Running>) {
    let Some(Running { stop, task }) = running.take() else { return };
    stop.cancel();
    if let Err(error) = task.await {
        tracing::error!(%error, "a webhook's worker has ended badly");
    }
}

/// Begins to deliver, where the webhook is to and no worker does yet.
pub(super) fn start(inner: &Arc<Inner>, hook: &Arc<WebhookHandle>, running: &mut Option<Running>) {
    let is_running = running.as_ref().is_some_and(|running| !running.task.is_finished());
    let may = !inner.is_draining() && !inner.hooks.is_fenced();
    if is_running || !may || !hook.state().delivers() {
        return;
    }
    let stop = inner.lifecycle.draining.child_token();
    let worker = Worker::new(inner.clone(), hook.clone(), stop.clone());
    let task = inner.lifecycle.tasks.spawn(worker.run());
    *running = Some(Running { stop, task });
}
