//! What the page shows, and the tabs that show it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use super::scene::PageScene;
use super::tabs::{Tab, Tabs};

/// How long changes are gathered before tabs are told.
const GATHERING: Duration = Duration::from_millis(100);

/// What the page shows, and the tabs that show it. Clones share both.
#[derive(Clone)]
pub(crate) struct LiveScene {
    scene: Arc<Mutex<PageScene>>,
    changed: Arc<Notify>,
    pub(crate) tabs: Tabs,
}

impl LiveScene {
    /// A page with nothing on it.
    pub(crate) fn new() -> Self {
        Self { scene: Arc::default(), changed: Arc::default(), tabs: Tabs::new() }
    }

    /// Changes what the page shows, or looks at it. Tabs are told in a moment.
    pub(crate) fn scene<T>(&self, change: impl FnOnce(&mut PageScene) -> T) -> T {
        let mut scene = self.lock();
        let result = change(&mut scene);
        if scene.has_changed() {
            self.changed.notify_one();
        }
        result
    }

    /// Tells tabs what has changed, until the task is dropped.
    pub(crate) async fn run(self) {
        loop {
            self.changed.notified().await;
            self.tell();
            sleep(GATHERING).await;
        }
    }

    /// Tells tabs what has changed, now.
    pub(crate) fn tell(&self) {
        let mut scene = self.lock();
        let unread = scene.unread_has_changed().then(|| scene.unread());
        self.tabs.tell(scene.take_changes());
        unread.iter().for_each(|frame| self.tabs.tell_hidden(frame));
    }

    /// Notes whether a person can see a tab. What is returned tells it what it has missed: one that has come into sight all
    /// that there is, one that nobody sees what waits unread.
    pub(crate) fn tab_is_visible(&self, tab: &mut Tab, is_visible: bool) -> Vec<String> {
        // Under one lock, so that the tab gets all changes that come after what it is told here, and no others.
        let mut scene = self.lock();
        self.tabs.tell(scene.take_changes());
        if !tab.set_visible(is_visible) && is_visible {
            return Vec::new();
        }
        if !is_visible {
            return vec![scene.unread()];
        }
        while tab.frames.try_recv().is_ok() {}
        scene.whole()
    }

    fn lock(&self) -> MutexGuard<'_, PageScene> {
        self.scene.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
