//! The ways by which a waiting message gets to the agent, best first. If one fails, the next is tried.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::wire::Reach;

use crate::clients::{self, CallOrigin, Channel, WakingWay};

mod passive;
mod waiting_program;

use passive::{TurnHooks, UnreadCount, WaitingRead};
pub(super) use waiting_program::Readiness;
pub(crate) use waiting_program::WaitingProgram;
use waiting_program::{WaitingKind, WaitingPrograms};

/// All channels of one agent.
pub(super) struct Channels {
    pub(super) plugins: Arc<WaitingPrograms>,
    pub(super) rewake_hooks: Arc<WaitingPrograms>,
    pub(super) waiting_read: Arc<WaitingRead>,
    pub(super) turn_hooks: Arc<TurnHooks>,
    in_order: Vec<Arc<dyn Channel>>,
}

impl Channels {
    /// The clients' own channels, and those that every client has.
    pub(super) fn new() -> Self {
        let plugins = Arc::new(WaitingPrograms::new(WaitingKind::Plugin));
        let rewake_hooks = Arc::new(WaitingPrograms::new(WaitingKind::RewakeHook));
        let (waiting_read, turn_hooks) = (Arc::default(), Arc::default());
        let mut in_order = vec![Arc::<WaitingPrograms>::clone(&plugins) as Arc<dyn Channel>];
        in_order.extend(clients::channels());
        in_order.extend([
            Arc::<WaitingPrograms>::clone(&rewake_hooks) as Arc<dyn Channel>,
            Arc::<WaitingRead>::clone(&waiting_read) as _,
            Arc::<TurnHooks>::clone(&turn_hooks) as _,
            Arc::new(UnreadCount),
        ]);
        Self { plugins, rewake_hooks, waiting_read, turn_hooks, in_order }
    }

    /// The channels of an agent whose client only asks: a call that waits, and the number of unread messages.
    pub(super) fn of_asking_client() -> Self {
        let mut channels = Self::new();
        channels.in_order =
            vec![Arc::<WaitingRead>::clone(&channels.waiting_read) as _, Arc::new(UnreadCount)];
        channels
    }

    /// Puts a channel before all others.
    #[cfg(test)]
    pub(super) fn put_first(&mut self, channel: Arc<dyn Channel>) {
        self.in_order.insert(0, channel);
    }

    /// How a message gets to the agent now, with or without waking it.
    pub(super) fn reach(&self, may_wake: bool) -> Reach {
        let usable = self.in_order.iter().filter(|channel| may_wake || !channel.wakes());
        let reach = |channel: &Arc<dyn Channel>| {
            channel.reach().or_else(|| channel.is_expected().then_some(Reach::Push))
        };
        usable.filter_map(reach).max().unwrap_or_default()
    }

    /// Whether any channel can wake the agent, now or in a moment.
    pub(super) fn can_wake(&self) -> bool {
        let mut wakes = self.in_order.iter().filter(|channel| channel.wakes());
        wakes.any(|channel| channel.reach().is_some() || channel.is_expected())
    }

    /// Whether the channel at this index, or one after it, can wake the agent, which may be in a turn.
    pub(super) fn can_wake_from(&self, first: usize, is_in_turn: bool) -> bool {
        self.in_order.iter().skip(first).any(|channel| can_wake_now(channel.as_ref(), is_in_turn))
    }

    /// Gives the agent a notice by the first channel that takes it, from this index on. The index of that channel, if
    /// there is one.
    pub(super) async fn wake(&self, first: usize, is_in_turn: bool, notice: &str) -> Option<usize> {
        for (at, channel) in self.in_order.iter().enumerate().skip(first) {
            if can_wake_now(channel.as_ref(), is_in_turn) && channel.wake(notice).await {
                return Some(at);
            }
        }
        None
    }

    /// Gives the agent a notice for a person who asks, by the first channel that takes it. The index of that channel, if
    /// there is one.
    pub(super) async fn try_wake(&self, notice: &str) -> Option<usize> {
        for (at, channel) in self.in_order.iter().enumerate() {
            if channel.wakes() && channel.can_be_tried() && channel.wake(notice).await {
                return Some(at);
            }
        }
        None
    }

    /// Which way the channel at this index is.
    pub(super) fn way_of(&self, at: usize) -> Option<WakingWay> {
        self.in_order.get(at)?.way()
    }

    /// By which way a message would wake the agent now: a call that waits ends before anything else is tried.
    pub(super) fn way(&self) -> Option<WakingWay> {
        if self.waiting_read.reach().is_some() {
            return self.waiting_read.way();
        }
        let is_usable =
            |channel: &&Arc<dyn Channel>| channel.reach().is_some() || channel.is_expected();
        self.in_order.iter().filter(is_usable).find_map(|channel| channel.way())
    }

    /// Whether the channel at this index tells what became of a notice.
    pub(super) fn tells_outcome(&self, at: usize) -> bool {
        self.in_order.get(at).is_some_and(|channel| channel.tells_outcome())
    }

    /// How often the channels should be polled, if any can come and go without an event that says so.
    pub(super) fn poll_interval(&self) -> Option<Duration> {
        self.in_order.iter().filter_map(|channel| channel.poll_interval()).min()
    }

    /// Whether nobody can see the session.
    pub(super) fn are_unattended(&self) -> bool {
        self.in_order.iter().any(|channel| channel.is_unattended())
    }

    /// Checks which channels can be used.
    pub(super) async fn poll(&self) {
        for channel in &self.in_order {
            channel.poll().await;
        }
    }

    /// Takes note of the client's name in MCP. True if the channels should be polled now.
    pub(super) fn client_named(&self, mcp_name: &str) -> bool {
        let mut any = false;
        for channel in &self.in_order {
            any |= channel.client_named(mcp_name);
        }
        any
    }

    /// Takes note of the thread that a call belongs to. True if that may change the reach.
    pub(super) fn call_from(&self, origin: &CallOrigin) -> bool {
        let mut any = false;
        for channel in &self.in_order {
            any |= channel.call_from(origin);
        }
        any
    }
}

/// Whether a channel can wake the agent now. In a turn, a notice that waits for its end may come too late: the agent may
/// have read by then.
fn can_wake_now(channel: &dyn Channel, is_in_turn: bool) -> bool {
    let is_late = is_in_turn && channel.waits_for_turn_end();
    channel.wakes() && !is_late && channel.reach().is_some()
}
