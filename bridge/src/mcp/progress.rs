//! Progress notifications of a call, for a client that asks for them.

use std::future::pending;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::RequestContext;

use super::calls::CallHandle;
use crate::attachments::SaveProgress;
use crate::clients;

/// How often a client is told how far a save has come.
const SAVE_INTERVAL: Duration = Duration::from_millis(250);

/// Sends progress notifications for a call, without end, if the client asked for them: some clients give up on a call
/// after a minute of silence. Those of a call that saves an attachment tell how many of its bytes have come.
pub(super) async fn keep_alive(context: &RequestContext<RoleServer>, handle: &CallHandle) {
    let Some(token) = context.meta.get_progress_token() else { return pending().await };
    let mut ticker = ProgressTicker::new();
    let saving = loop {
        tokio::select! {
            count = ticker.next() => {
                let progress = ProgressNotificationParam::new(token.clone(), count);
                let _ = context.peer.notify_progress(progress).await;
            }
            saving = handle.saving() => break saving,
        }
    };
    loop {
        tokio::select! {
            () = tokio::time::sleep(SAVE_INTERVAL) => tell_saved(context, &token, &saving).await,
            // Everything may have come, and a command be at work on it. What is told has to grow.
            count = ticker.next() => {
                let (came, total) = saving.get();
                let progress = as_float(came) + count / 1000.0;
                let progress = ProgressNotificationParam::new(token.clone(), progress);
                let _ = context.peer.notify_progress(progress.with_total(as_float(total))).await;
            }
        }
    }
}

/// Tells how far a save came that has ended.
pub(super) async fn tell_last(context: &RequestContext<RoleServer>, handle: &CallHandle) {
    if let (Some(token), Some(saving)) = (context.meta.get_progress_token(), handle.saved()) {
        tell_saved(context, &token, &saving).await;
    }
}

/// Tells how many bytes have come, if that is news.
async fn tell_saved(
    context: &RequestContext<RoleServer>,
    token: &ProgressToken,
    saving: &SaveProgress,
) {
    if let Some((came, total)) = saving.take_news() {
        let progress = ProgressNotificationParam::new(token.clone(), as_float(came));
        let _ = context.peer.notify_progress(progress.with_total(as_float(total))).await;
    }
}

/// A number of bytes as JSON's kind of number, which is exact for an attachment.
fn as_float(bytes: u64) -> f64 {
    u32::try_from(bytes).map_or(f64::MAX, f64::from)
}

/// The moments of progress notifications, counted from 1.
struct ProgressTicker(tokio::time::Interval, f64);

impl ProgressTicker {
    fn new() -> Self {
        let interval = clients::progress_interval();
        let first = tokio::time::Instant::now() + interval;
        Self(tokio::time::interval_at(first, interval), 0.0)
    }

    async fn next(&mut self) -> f64 {
        self.0.tick().await;
        self.1 += 1.0;
        self.1
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn progress_is_notified_at_each_interval() {
        let started = Instant::now();
        let (mut ticker, interval) = (ProgressTicker::new(), clients::progress_interval());
        assert_eq!((ticker.next().await, started.elapsed()), (1.0, interval));
        assert_eq!((ticker.next().await, started.elapsed()), (2.0, 2 * interval));
    }
}
