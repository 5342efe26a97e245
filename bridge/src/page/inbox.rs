//! What others write to the person. A message waits unread until it is on the screen: tabs are told that it waits, ask for its
//! text once there is a place for it in sight, and say when the text is there. Only then it counts as read.

use std::collections::{BTreeMap, BTreeSet};
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
/// Ids that are kept of one tab: as many as the inbox has messages, and as many again.
const MAX_IDS: usize = 512;

/// What tabs have in sight of the messages that wait unread.
#[derive(Default)]
pub(crate) struct PageInbox {
    /// By the numbers of the tabs.
    tabs: Mutex<BTreeMap<u64, TabSight>>,
    changed: Notify,
}

/// What one tab has in sight.
#[derive(Default)]
struct TabSight {
    /// Messages that have a place in sight, and no text yet.
    places: BTreeSet<MessageId>,
    /// Messages whose text has been in sight.
    shown: BTreeSet<MessageId>,
}

/// What has changed in a tab of what it has in sight.
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
    /// A tab says what has come into sight, or left it.
    pub(crate) fn hear(&self, tab: u64, InSight { wanted, shown, missed }: &InSight) {
        let mut tabs = self.lock();
        let sight = tabs.entry(tab).or_default();
        parsed(missed).for_each(|id| _ = sight.places.remove(&id));
        sight.places.extend(parsed(wanted));
        for id in parsed(shown) {
            sight.places.remove(&id);
            sight.shown.insert(id);
        }
        if sight.places.len() + sight.shown.len() > MAX_IDS {
            // No page says so much, because fewer messages can wait.
            *sight = TabSight::default();
        }
        drop(tabs);
        self.changed.notify_one();
    }

    /// Nobody sees this tab any more.
    pub(crate) fn is_out_of_sight(&self, tab: u64) {
        self.lock().remove(&tab);
        self.changed.notify_one();
    }

    /// Which of these messages to show next: a tab has their place, or their text, in sight.
    fn wanted(&self, unread: &[UnreadMessage]) -> Vec<MessageId> {
        let tabs = self.lock();
        let is_in_sight = |id: &MessageId| tabs.values().any(|tab| tab.has(id));
        unread.iter().map(|unread| unread.id).filter(is_in_sight).take(AT_ONCE).collect()
    }

    /// Waits until each of these is shown, or has no place in sight any more.
    async fn settled(&self, ids: &[MessageId]) {
        while self.awaits(ids) {
            self.changed.notified().await;
        }
    }

    /// Whether a tab has a place in sight for one of these, and no tab its text.
    fn awaits(&self, ids: &[MessageId]) -> bool {
        let tabs = self.lock();
        let is_shown = |id: &MessageId| tabs.values().any(|tab| tab.shown.contains(id));
        tabs.values().any(|tab| ids.iter().any(|id| tab.places.contains(id) && !is_shown(id)))
    }

    /// Which of these messages have their text in sight.
    fn shown_of(&self, ids: &[MessageId]) -> Vec<MessageId> {
        let tabs = self.lock();
        let is_shown = |id: &MessageId| tabs.values().any(|tab| tab.shown.contains(id));
        ids.iter().copied().filter(is_shown).collect()
    }

    /// Notes that these are read: tabs need say no more of them.
    fn are_read(&self, ids: &[MessageId]) {
        for tab in self.lock().values_mut() {
            tab.places.retain(|id| !ids.contains(id));
            tab.shown.retain(|id| !ids.contains(id));
        }
    }

    /// Forgets the places of these, since tabs had time to fill them. A tab that still has one in sight asks again when the text
    /// is taken back.
    fn are_late(&self, ids: &[MessageId]) {
        for tab in self.lock().values_mut() {
            tab.places.retain(|id| !ids.contains(id));
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, TabSight>> {
        self.tabs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TabSight {
    fn has(&self, id: &MessageId) -> bool {
        self.places.contains(id) || self.shown.contains(id)
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
    let mut snapshot = engine.watch();
    loop {
        snapshot.borrow_and_update();
        let unread = engine.unread_messages().await;
        live.scene(|scene| scene.set_unread(unread.iter().map(waiting).collect()));
        match engine.read_these(inbox.wanted(&unread)).await {
            Ok(page) if page.is_empty() => {}
            Ok(page) => {
                if !page.messages.is_empty() {
                    spoken();
                }
                if !show(&engine, &live, inbox, page).await {
                    // The tab that was to show it is slow.
                    sleep(PAUSE).await;
                }
                continue;
            }
            Err(Error::Left) => return,
            Err(_) => {
                sleep(PAUSE).await;
                continue;
            }
        }
        tokio::select! {
            changed = snapshot.changed() => if changed.is_err() { return },
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

/// Shows a page of mail. Its messages count as read if a tab has shown them all. Otherwise the texts of those that no tab has
/// shown are taken back; the others are read again, and count then. Returns whether tabs have said what they show.
async fn show(engine: &Engine, live: &LiveScene, inbox: &PageInbox, page: MailPage) -> bool {
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
    let is_in_time = timeout(SHOW_TIME, inbox.settled(&ids)).await.is_ok();
    if !is_in_time {
        inbox.are_late(&ids);
    }
    let shown = inbox.shown_of(&ids);
    let is_whole = shown.len() == ids.len();
    if is_whole {
        lease.ack();
        inbox.are_read(&ids);
    }
    live.scene(|scene| {
        for id in &ids {
            if is_whole {
                scene.change_letter(&uuid(*id), |letter| letter.marks.unread = false);
            } else if !shown.contains(id) {
                scene.take_back(&uuid(*id));
            }
        }
    });
    is_in_time
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

    fn says(inbox: &PageInbox, tab: u64, wanted: &[u8], shown: &[u8], missed: &[u8]) {
        let (wanted, shown, missed) = (ids(wanted), ids(shown), ids(missed));
        inbox.hear(tab, &InSight { wanted, shown, missed });
    }

    #[test]
    fn only_what_waits_and_has_a_place_in_sight_is_shown() {
        let inbox = PageInbox::default();
        says(&inbox, 1, &[1, 2, 9], &[], &[2]);
        assert_eq!(inbox.wanted(&unread(&[1, 2, 3])), [id(1), id(2)], "it came again");
        says(&inbox, 1, &[], &[], &[2]);
        assert_eq!(inbox.wanted(&unread(&[1, 2, 3])), [id(1)]);
        assert_eq!(inbox.wanted(&unread(&[1])), [id(1)], "as long as its place is in sight");
        says(&inbox, 2, &[3], &[], &[1]);
        assert_eq!(inbox.wanted(&unread(&[1, 3])), [id(1), id(3)], "another tab has it in sight");
        inbox.is_out_of_sight(1);
        assert_eq!(inbox.wanted(&unread(&[1, 3])), [id(3)]);
    }

    #[tokio::test]
    async fn page_is_read_once_all_of_it_is_shown_and_what_left_the_screen_is_not_waited_for() {
        let inbox = PageInbox::default();
        says(&inbox, 1, &[1, 2], &[], &[]);
        says(&inbox, 1, &[], &[1, 2], &[]);
        inbox.settled(&[id(1), id(2)]).await;
        assert_eq!(inbox.shown_of(&[id(1), id(2)]), [id(1), id(2)]);
        inbox.are_read(&[id(1), id(2)]);
        assert!(inbox.wanted(&unread(&[1, 2])).is_empty());
        says(&inbox, 1, &[3, 4], &[], &[]);
        says(&inbox, 1, &[], &[3], &[4]);
        inbox.settled(&[id(3), id(4)]).await;
        assert_eq!(inbox.shown_of(&[id(3), id(4)]), [id(3)], "one was missed");
        // The one that was in sight is read by itself, and the other once it is back.
        assert_eq!(inbox.wanted(&unread(&[3, 4])), [id(3)]);
        says(&inbox, 1, &[4], &[], &[]);
        assert_eq!(inbox.wanted(&unread(&[3, 4])), [id(3), id(4)]);
        // The tab does not show it in time. What is in sight is read without it, until the tab asks again.
        assert!(inbox.awaits(&[id(3), id(4)]));
        inbox.are_late(&[id(3), id(4)]);
        assert!(!inbox.awaits(&[id(3), id(4)]));
        assert_eq!(inbox.wanted(&unread(&[3, 4])), [id(3)]);
    }

    #[test]
    fn what_tabs_say_is_bounded_and_may_be_nonsense() {
        let inbox = PageInbox::default();
        let many = |from: u32| (from..from + 300).map(|n| format!("{n:032x}")).collect();
        inbox.hear(1, &InSight { wanted: many(0), shown: many(1000), missed: many(2000) });
        inbox.hear(1, &InSight { wanted: vec!["x".to_owned()], ..InSight::default() });
        let tabs = inbox.lock();
        assert!(tabs.values().all(|tab| tab.places.len() + tab.shown.len() <= MAX_IDS));
    }
}
