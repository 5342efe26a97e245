//! What others write to the person. A message waits unread until it is on the screen: tabs are told that it waits, ask for its
//! text once there is a place for it in sight, and say when the text is there. Only then it counts as read.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use junction_engine::error::Error;
use junction_engine::{Availability, Engine, MailPage, UnreadMessage};
use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::wire::Reach;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::letter::{Letter, intent_word};
use super::live::LiveScene;
use crate::results::words::{status, uuid};

/// How long a tab may take to show messages that it asked for.
const SHOW_TIME: Duration = Duration::from_secs(2);
/// How long to wait after what failed.
const PAUSE: Duration = Duration::from_secs(1);
/// Messages that are shown at once.
const AT_ONCE: usize = 20;
/// Ids that are remembered: as many as the inbox has messages, and as many again.
const MAX_IDS: usize = 512;

/// What tabs have asked for, and have shown.
#[derive(Default)]
pub(crate) struct PageInbox {
    ids: Mutex<TabIds>,
    changed: Notify,
}

#[derive(Default)]
struct TabIds {
    /// Messages that have a place in sight, and wait unread.
    wanted: BTreeSet<MessageId>,
    /// Messages whose text has been in sight.
    shown: BTreeSet<MessageId>,
    /// Messages whose place went out of sight before their text was there.
    missed: BTreeSet<MessageId>,
}

/// What a tab has in sight of the messages that wait unread.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct InSight {
    /// Messages whose places have come into sight, and wait for their texts.
    wanted: Vec<String>,
    /// Messages whose texts have come into sight.
    shown: Vec<String>,
    /// Messages whose places went out of sight without a text.
    missed: Vec<String>,
}

impl PageInbox {
    /// A tab says what it has in sight.
    pub(crate) fn hear(&self, InSight { wanted, shown, missed }: &InSight) {
        let mut ids = self.lock();
        // One whose text was in sight when nothing held it any more is read anew.
        ids.wanted.extend(parsed(wanted).chain(parsed(shown)));
        ids.shown.extend(parsed(shown));
        ids.missed.extend(parsed(missed));
        if [&ids.wanted, &ids.shown, &ids.missed].iter().any(|ids| ids.len() > MAX_IDS) {
            // Tabs ask again for what is in sight.
            *ids = TabIds::default();
        }
        drop(ids);
        self.changed.notify_one();
    }

    /// The messages to show next: those of these that a tab has asked for.
    fn take_wanted(&self, unread: &[UnreadMessage]) -> Vec<MessageId> {
        let mut guard = self.lock();
        let TabIds { wanted, shown, missed } = &mut *guard;
        missed.iter().for_each(|id| _ = wanted.remove(id));
        missed.clear();
        let waits = |id: &MessageId| unread.iter().any(|unread| unread.id == *id);
        // One that was shown may be held for a moment yet.
        wanted.retain(|id| waits(id) || shown.contains(id));
        let next: Vec<_> = wanted.iter().filter(|id| waits(id)).take(AT_ONCE).copied().collect();
        next.iter().for_each(|id| _ = wanted.remove(id));
        next
    }

    /// Nobody sees a tab.
    fn nobody_sees(&self) {
        *self.lock() = TabIds::default();
    }

    /// Waits until each of these is shown, or missed. Returns whether all are shown.
    async fn are_shown(&self, ids: &[MessageId]) -> bool {
        loop {
            {
                let mut tabs = self.lock();
                if ids.iter().all(|id| tabs.shown.contains(id)) {
                    ids.iter().for_each(|id| _ = tabs.shown.remove(id));
                    return true;
                }
                if ids.iter().all(|id| tabs.shown.contains(id) || tabs.missed.contains(id)) {
                    return false;
                }
            }
            self.changed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, TabIds> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ids in what a tab has said.
fn parsed(ids: &[String]) -> impl Iterator<Item = MessageId> {
    ids.iter().filter_map(|id| Uuid::try_parse(id).ok()).map(|id| MessageId(id.into_bytes()))
}

/// Shows which messages wait, and what tabs have asked for, until the session has ended. `spoken` is called when a message
/// is read.
pub(crate) async fn read(
    engine: Engine,
    live: LiveScene,
    inbox: &PageInbox,
    mut spoken: impl FnMut(),
) {
    let (mut counts, mut snapshot) = (live.tabs.counts(), engine.watch());
    loop {
        snapshot.borrow_and_update();
        let is_seen = counts.borrow_and_update().visible > 0;
        let unread = engine.unread_messages().await;
        live.scene(|scene| scene.set_unread(unread.iter().map(waiting).collect()));
        if !is_seen {
            inbox.nobody_sees();
        }
        match engine.read_these(inbox.take_wanted(&unread)).await {
            Ok(page) if page.is_empty() => {}
            Ok(page) => {
                if !page.messages.is_empty() {
                    spoken();
                }
                if timeout(SHOW_TIME, show(&engine, &live, inbox, page)).await.is_err() {
                    // The tab that was to show it is slow, or has gone.
                    sleep(PAUSE).await;
                }
                continue;
            }
            Err(Error::Left) => return,
            Err(_) => sleep(PAUSE).await,
        }
        tokio::select! {
            changed = snapshot.changed() => if changed.is_err() { return },
            changed = counts.changed() => if changed.is_err() { return },
            () = inbox.changed.notified() => {}
        }
    }
}

/// What a tab is told of a message that waits unread.
fn waiting(unread: &UnreadMessage) -> Value {
    let UnreadMessage { id, from, sent_ms, reply_to, intent } = unread;
    let mut told = json!({ "id": uuid(*id), "from": from.as_str(), "at": sent_ms, "mine": false, "unread": true });
    if let Some(reply_to) = reply_to {
        told["reply_to"] = uuid(*reply_to).into();
    }
    if let Some(intent) = intent_word(*intent) {
        told["intent"] = intent.into();
    }
    told
}

/// Shows a page of mail. Its messages count as read if a tab has shown them all. If it has shown some, those are wanted once
/// more, and count as read then.
async fn show(engine: &Engine, live: &LiveScene, inbox: &PageInbox, page: MailPage) {
    let MailPage { messages, receipts, lease, .. } = page;
    let own = engine.snapshot().alias.map(|alias| alias.to_string()).unwrap_or_default();
    let ids: Vec<_> = messages.iter().map(|message| message.id).collect();
    live.scene(|scene| {
        messages.iter().for_each(|message| scene.put_letter(Letter::received(message, &own)));
        for end in receipts.iter().filter(|end| end.attachment.is_none()) {
            scene.change_letter(&uuid(end.id), |letter| {
                letter.ended(end.to.as_str(), status(end.status));
            });
        }
    });
    live.tell();
    if !inbox.are_shown(&ids).await {
        return;
    }
    lease.ack();
    live.scene(|scene| {
        for id in &ids {
            scene.change_letter(&uuid(*id), |letter| letter.marks.unread = false);
        }
    });
}

/// Tells others whether the person sees that messages come.
pub(crate) async fn announce(engine: Engine, live: LiveScene) {
    let mut counts = live.tabs.counts();
    loop {
        let sees = counts.borrow_and_update().visible > 0;
        let reach = if sees { Reach::Push } else { Reach::Pull };
        let availability = Availability { reach, unwoken: reach, ..Availability::default() };
        engine.set_availability(availability).await;
        // A tab that is reloaded is gone for a moment, of which nobody need know.
        sleep(PAUSE).await;
        if counts.wait_for(|counts| (counts.visible > 0) != sees).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use junction_engine::intent::Intent;
    use junction_shared::protocol::alias::Alias;

    use super::*;

    fn id(number: u8) -> MessageId {
        MessageId([number; 16])
    }

    fn ids(numbers: &[u8]) -> Vec<String> {
        numbers.iter().map(|number| uuid(id(*number))).collect()
    }

    fn unread(numbers: &[u8]) -> Vec<UnreadMessage> {
        let from = Alias::parse("bob").unwrap();
        let one = |number: &u8| UnreadMessage {
            id: id(*number),
            from: from.clone(),
            sent_ms: 1,
            reply_to: None,
            intent: Intent::Inform,
        };
        numbers.iter().map(one).collect()
    }

    fn says(inbox: &PageInbox, wanted: &[u8], shown: &[u8], missed: &[u8]) {
        let (wanted, shown, missed) = (ids(wanted), ids(shown), ids(missed));
        inbox.hear(&InSight { wanted, shown, missed });
    }

    #[test]
    fn only_what_waits_and_has_a_place_in_sight_is_shown() {
        let inbox = PageInbox::default();
        says(&inbox, &[1, 2, 9], &[], &[2]);
        assert_eq!(inbox.take_wanted(&unread(&[1, 2, 3])), [id(1)]);
        assert!(inbox.take_wanted(&unread(&[1, 2, 3])).is_empty(), "it was taken");
        says(&inbox, &[3], &[], &[]);
        inbox.nobody_sees();
        assert!(inbox.take_wanted(&unread(&[3])).is_empty());
    }

    #[tokio::test]
    async fn page_is_shown_once_all_of_it_is_and_what_was_seen_of_another_is_wanted_again() {
        let inbox = PageInbox::default();
        says(&inbox, &[], &[1, 2], &[]);
        assert!(inbox.are_shown(&[id(1), id(2)]).await);
        says(&inbox, &[], &[3], &[4]);
        assert!(!inbox.are_shown(&[id(3), id(4)]).await, "one was missed");
        // What they held has not been given back yet.
        assert!(inbox.take_wanted(&unread(&[])).is_empty());
        assert_eq!(inbox.take_wanted(&unread(&[3, 4])), [id(3)]);
        assert!(inbox.are_shown(&[id(3)]).await, "its text was in sight");
    }

    #[test]
    fn what_tabs_say_is_bounded_and_may_be_nonsense() {
        let inbox = PageInbox::default();
        let many = |from: u32| (from..from + 300).map(|n| format!("{n:032x}")).collect();
        inbox.hear(&InSight { wanted: many(0), shown: many(1000), missed: many(2000) });
        inbox.hear(&InSight { wanted: many(300), shown: many(1300), missed: Vec::new() });
        inbox.hear(&InSight { wanted: vec!["x".to_owned()], ..InSight::default() });
        let kept = inbox.lock();
        let most = [&kept.wanted, &kept.shown, &kept.missed].map(BTreeSet::len);
        assert!(most.iter().all(|len| *len <= MAX_IDS), "{most:?}");
    }
}
