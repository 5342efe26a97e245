//! The tabs that show the page: what each is to be told, and whether anybody sees it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// Tabs that may be open at once.
const MAX_TABS: usize = 16;
/// Frames that may wait for a tab beside those that it begins with. With more, it is too slow, and has to connect again.
const MAX_WAITING: usize = 64;

/// How long the page is served after its last tab was closed: a tab that is reloaded comes back.
const LINGER: Duration = Duration::from_secs(30);

/// The open tabs. Clones share them.
#[derive(Clone)]
pub(crate) struct Tabs {
    open: Arc<Mutex<BTreeMap<u64, TabQueue>>>,
    counts: Arc<watch::Sender<TabCounts>>,
}

struct TabQueue {
    frames: mpsc::Sender<Arc<str>>,
    is_visible: bool,
}

/// How many tabs there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TabCounts {
    pub(crate) open: usize,
    /// How many of the open ones a person can see.
    pub(crate) visible: usize,
    /// How many there were in all.
    pub(crate) ever: u64,
}

/// A tab. Dropping it closes the tab here.
pub(crate) struct Tab {
    tabs: Tabs,
    number: u64,
    pub(crate) frames: mpsc::Receiver<Arc<str>>,
}

impl Tabs {
    /// No tabs.
    pub(crate) fn new() -> Self {
        Self { open: Arc::default(), counts: Arc::new(watch::Sender::default()) }
    }

    /// A new tab, which nobody sees yet. `None` if there are too many.
    pub(crate) fn open(&self) -> Option<Tab> {
        let (frames, receiver) = mpsc::channel(MAX_WAITING);
        let mut number = None;
        self.change(|open, ever| {
            if open.len() < MAX_TABS {
                *ever += 1;
                number = Some(*ever);
                open.insert(*ever, TabQueue { frames, is_visible: false });
            }
        });
        Some(Tab { tabs: self.clone(), number: number?, frames: receiver })
    }

    /// Tells each visible tab of these frames. One that is too slow is closed.
    pub(crate) fn tell(&self, frames: Vec<String>) {
        let frames: Vec<Arc<str>> = frames.into_iter().map(Arc::from).collect();
        self.change(|open, _| {
            open.retain(|_, tab| {
                !tab.is_visible || frames.iter().all(|it| tab.frames.try_send(it.clone()).is_ok())
            });
        });
    }

    /// Tells each tab that nobody sees of this frame. One that is too slow misses it.
    pub(crate) fn tell_hidden(&self, frame: &str) {
        let frame: Arc<str> = frame.into();
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for tab in open.values().filter(|tab| !tab.is_visible) {
            let _ = tab.frames.try_send(frame.clone());
        }
    }

    /// How many there are, now and as that changes.
    pub(crate) fn counts(&self) -> watch::Receiver<TabCounts> {
        self.counts.subscribe()
    }

    /// Waits until the last tab has been closed for a while. Before the first was opened, that is not so.
    pub(crate) async fn are_left(&self) {
        let mut counts = self.counts();
        loop {
            if counts.wait_for(|counts| counts.open == 0 && counts.ever > 0).await.is_err() {
                return;
            }
            if timeout(LINGER, counts.wait_for(|counts| counts.open > 0)).await.is_err() {
                return;
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<u64, TabQueue>, &mut u64)) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        self.counts.send_if_modified(|counts| {
            let before = *counts;
            change(&mut open, &mut counts.ever);
            counts.open = open.len();
            counts.visible = open.values().filter(|tab| tab.is_visible).count();
            *counts != before
        });
    }
}

impl Tab {
    /// The number that no other tab has.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Whether the person can see the tab.
    pub(crate) fn is_visible(&self) -> bool {
        let open = self.tabs.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(&self.number).is_some_and(|tab| tab.is_visible)
    }

    /// Notes whether the person can see the tab. Returns whether that is new.
    pub(crate) fn set_visible(&self, is_visible: bool) -> bool {
        let mut is_new = false;
        self.tabs.change(|open, _| {
            if let Some(tab) = open.get_mut(&self.number) {
                is_new = std::mem::replace(&mut tab.is_visible, is_visible) != is_visible;
            }
        });
        is_new
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        self.tabs.change(|open, _| _ = open.remove(&self.number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabs_are_counted_and_bounded() {
        let tabs = Tabs::new();
        let mut open: Vec<_> = (0..MAX_TABS).map(|_| tabs.open().unwrap()).collect();
        assert!(tabs.open().is_none());
        assert!(open[0].set_visible(true) && !open[0].set_visible(true));
        let counts = *tabs.counts().borrow();
        assert_eq!((counts.open, counts.visible, counts.ever), (MAX_TABS, 1, MAX_TABS as u64));
        open.truncate(1);
        assert_eq!((tabs.counts().borrow().open, tabs.counts().borrow().visible), (1, 1));
        open.clear();
        assert_eq!((tabs.counts().borrow().open, tabs.counts().borrow().visible), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn page_is_left_only_while_no_tab_comes_back() {
        let tabs = Tabs::new();
        let is_left = async || timeout(Duration::from_secs(3600), tabs.are_left()).await.is_ok();
        assert!(!is_left().await, "nobody has come yet");
        let tab = tabs.open().unwrap();
        assert!(!is_left().await);
        drop(tab);
        let reloaded = async {
            tokio::time::sleep(LINGER / 2).await;
            tabs.open().unwrap()
        };
        let (_left, tab) = tokio::select! {
            () = tabs.are_left() => panic!("a tab comes back"),
            tab = reloaded => ((), tab),
        };
        assert!(!is_left().await);
        drop(tab);
        assert!(is_left().await);
    }

    #[test]
    fn slow_tab_is_closed_and_hidden_ones_are_told_little() {
        let tabs = Tabs::new();
        let (mut seen, mut hidden) = (tabs.open().unwrap(), tabs.open().unwrap());
        seen.set_visible(true);
        tabs.tell(vec!["a".to_owned(), "b".to_owned()]);
        tabs.tell_hidden("c");
        assert_eq!(seen.frames.try_recv().as_deref(), Ok("a"));
        assert_eq!(hidden.frames.try_recv().as_deref(), Ok("c"));
        (0..=MAX_WAITING).for_each(|_| tabs.tell(vec!["d".to_owned()]));
        (0..=MAX_WAITING).for_each(|_| tabs.tell_hidden("e"));
        assert_eq!(tabs.counts().borrow().open, 1, "the slow one is closed");
        let mut told = 0;
        while seen.frames.try_recv().is_ok() {
            told += 1;
        }
        assert_eq!((told, seen.frames.is_closed()), (MAX_WAITING, true));
        assert!(hidden.frames.try_recv().is_ok());
    }
}
