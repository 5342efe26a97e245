//! What others write to the person. A message counts as read once a tab that the person can see has shown it, and waits
//! unread while there is none.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use junction_engine::error::Error;
use junction_engine::{Availability, Engine, MailPage, PageLimits};
use junction_shared::protocol::wire::Reach;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::letter::Letter;
use super::live::LiveScene;
use crate::results::words::{status, uuid};

/// How long a read waits before it is made again.
const READ_TIME: Duration = Duration::from_secs(60 * 60);
/// How long a tab may take to show messages.
const SHOW_TIME: Duration = Duration::from_secs(5);
/// How long to wait after what failed.
const PAUSE: Duration = Duration::from_secs(1);
/// Messages that are shown at once.
const AT_ONCE: usize = 20;
/// Ids of shown messages that are remembered until they are looked for.
const MAX_SHOWN: usize = 1000;

/// The messages that tabs have shown.
#[derive(Default)]
pub(crate) struct ShownLetters {
    ids: Mutex<BTreeSet<String>>,
    changed: Notify,
}

impl ShownLetters {
    /// Notes that a tab has shown these.
    pub(crate) fn add(&self, ids: Vec<String>) {
        let mut shown = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.len() + ids.len() > MAX_SHOWN {
            shown.clear();
        }
        shown.extend(ids.into_iter().take(MAX_SHOWN));
        drop(shown);
        self.changed.notify_one();
    }

    fn forget(&self) {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Waits until all of these are shown.
    async fn has_all(&self, ids: &[String]) {
        loop {
            let is_shown = {
                let shown = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
                ids.iter().all(|id| shown.contains(id))
            };
            if is_shown {
                return;
            }
            self.changed.notified().await;
        }
    }
}

/// Shows what comes, while a tab can be seen, until the session has ended.
pub(crate) async fn read(
    engine: Engine,
    live: LiveScene,
    shown: &ShownLetters,
    mut spoken: impl FnMut(),
) {
    let mut counts = live.tabs.counts();
    loop {
        if counts.wait_for(|counts| counts.visible > 0).await.is_err() {
            return;
        }
        let limits = PageLimits { messages: AT_ONCE, ..PageLimits::default() };
        let page = tokio::select! {
            page = engine.next_page(limits, READ_TIME) => page,
            _ = counts.wait_for(|counts| counts.visible == 0) => continue,
        };
        match page {
            Ok(page) => {
                if !page.messages.is_empty() {
                    spoken();
                }
                if !show(&engine, &live, shown, page).await {
                    // The tab that was to show it is slow, or has gone.
                    sleep(PAUSE).await;
                }
            }
            Err(Error::Left) => return,
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// Shows a page of mail. Its messages count as read if a tab has shown them.
async fn show(engine: &Engine, live: &LiveScene, shown: &ShownLetters, page: MailPage) -> bool {
    let MailPage { messages, receipts, lease, .. } = page;
    let own = engine.snapshot().alias.map(|alias| alias.to_string()).unwrap_or_default();
    let ids: Vec<_> = messages.iter().map(|message| uuid(message.id)).collect();
    shown.forget();
    live.scene(|scene| {
        messages.iter().for_each(|message| scene.put_letter(Letter::received(message, &own)));
        for end in receipts.iter().filter(|end| end.attachment.is_none()) {
            scene.change_letter(&uuid(end.id), |letter| {
                letter.ended(end.to.as_str(), status(end.status));
            });
        }
    });
    live.tell();
    if timeout(SHOW_TIME, shown.has_all(&ids)).await.is_err() {
        return false;
    }
    lease.ack();
    true
}

/// Tells others whether the person sees messages as they come, and tabs how many wait.
pub(crate) async fn announce(engine: Engine, live: LiveScene) {
    let (mut counts, mut snapshot) = (live.tabs.counts(), engine.watch());
    let mut told = None;
    loop {
        let unread = snapshot.borrow_and_update().unread.count;
        live.scene(|scene| scene.set_unread(unread));
        let sees = counts.borrow_and_update().visible > 0;
        if told != Some(sees) {
            told = Some(sees);
            let reach = if sees { Reach::Push } else { Reach::Pull };
            let availability = Availability { reach, unwoken: reach, ..Availability::default() };
            engine.set_availability(availability).await;
            // A tab that is reloaded is gone for a moment, of which nobody need know.
            sleep(PAUSE).await;
        }
        tokio::select! {
            changed = counts.changed() => if changed.is_err() { return },
            changed = snapshot.changed() => if changed.is_err() { return },
        }
    }
}
