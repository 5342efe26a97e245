//! Connections that wait for a peer to come online, to be idle or to be gone.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::context_text::fold;
use junction_shared::protocol::id::{ConnectionId, PeerKey};
use junction_shared::protocol::limits::MAX_WATCHES;
use junction_shared::protocol::wire::AwaitedEnd;

/// What a watch is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Condition {
    end: AwaitedEnd,
    alias: Option<Alias>,
    /// The role, folded, or `None` for any.
    role: Option<String>,
}

impl Condition {
    /// Creates what a watch is for: the peer of this alias, or peers of this role, or both, or any.
    pub(super) fn new(end: AwaitedEnd, alias: Option<Alias>, role: Option<&str>) -> Self {
        Self { end, alias, role: role.map(fold) }
    }

    /// Returns what ends the watch.
    pub(super) fn end(&self) -> AwaitedEnd {
        self.end
    }

    /// Returns the alias of the one peer that is watched, if the watch is for one.
    pub(super) fn alias(&self) -> Option<&Alias> {
        self.alias.as_ref()
    }

    /// Returns whether a peer of this alias and role is watched.
    pub(super) fn is_about(&self, alias: &Alias, role: Option<&str>) -> bool {
        self.alias.as_ref().is_none_or(|wanted| wanted == alias)
            && self.role.as_ref().is_none_or(|wanted| role.map(fold).as_ref() == Some(wanted))
    }

    /// Returns what watches with this end may be for that are about a peer of this alias and role.
    fn about(end: AwaitedEnd, alias: &Alias, role: Option<&str>) -> Vec<Self> {
        let roles: BTreeSet<_> = [None, role].into();
        let aliases = [None, Some(alias)];
        let of_role = |role| aliases.map(|alias| Self::new(end, alias.cloned(), role));
        roles.into_iter().flat_map(of_role).collect()
    }
}

/// A watch that may be answered because one of the peers that it is about has left or changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Suspect {
    /// What the watch is for.
    pub(super) condition: Condition,
    /// The peer that it is no longer about; `None` once the hub knows that no more peers come back.
    pub(super) former: Option<PeerKey>,
}

/// The unanswered watches of all connections, indexed both ways.
#[derive(Default)]
pub(super) struct Watches {
    by_condition: BTreeMap<Condition, BTreeSet<(ConnectionId, u32)>>,
    by_connection: HashMap<ConnectionId, BTreeMap<u32, Condition>>,
    /// The watches for the end of peers that are looked at once the present change is complete.
    suspects: BTreeSet<Suspect>,
    /// The peers that came into view by the present change, other than by a card.
    shown: BTreeSet<PeerKey>,
}

/// Why a watch cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WatchError {
    /// The connection has the maximum number of watches.
    TooMany,
    /// The connection already has a watch of this number.
    Duplicate,
}

impl Watches {
    /// Checks whether a connection may open a watch of this number.
    ///
    /// # Errors
    /// The reason if it may not.
    pub(super) fn admits(&self, connection: ConnectionId, number: u32) -> Result<(), WatchError> {
        match self.by_connection.get(&connection) {
            Some(open) if open.contains_key(&number) => Err(WatchError::Duplicate),
            Some(open) if open.len() >= MAX_WATCHES => Err(WatchError::TooMany),
            _ => Ok(()),
        }
    }

    /// Adds a watch.
    pub(super) fn add(&mut self, connection: ConnectionId, number: u32, condition: Condition) {
        self.by_condition.entry(condition.clone()).or_default().insert((connection, number));
        self.by_connection.entry(connection).or_default().insert(number, condition);
    }

    /// Ends a watch, if it is open.
    pub(super) fn remove(&mut self, connection: ConnectionId, number: u32) {
        let Some(open) = self.by_connection.get_mut(&connection) else { return };
        let Some(condition) = open.remove(&number) else { return };
        if open.is_empty() {
            self.by_connection.remove(&connection);
        }
        self.remove_from_condition(&condition, connection, number);
    }

    /// Ends all watches of a connection.
    pub(super) fn forget(&mut self, connection: ConnectionId) {
        for (number, condition) in self.by_connection.remove(&connection).unwrap_or_default() {
            self.remove_from_condition(&condition, connection, number);
        }
    }

    /// Removes and returns the watches that a peer answers which is online. Those of its own connection stay.
    pub(super) fn answered_by(
        &mut self,
        alias: &Alias,
        role: Option<&str>,
        is_idle: bool,
        own: ConnectionId,
    ) -> Vec<(ConnectionId, u32)> {
        let ends = [Some(AwaitedEnd::Online), is_idle.then_some(AwaitedEnd::Idle)];
        let conditions =
            ends.into_iter().flatten().flat_map(|end| Condition::about(end, alias, role));
        let waiting = |condition: Condition| self.waiting(&condition);
        let mut answered: BTreeSet<_> = conditions.flat_map(waiting).collect();
        answered.retain(|(connection, _)| *connection != own);
        for (connection, number) in &answered {
            self.remove(*connection, *number);
        }
        answered.into_iter().collect()
    }

    /// Returns the watches for this.
    pub(super) fn waiting(&self, condition: &Condition) -> Vec<(ConnectionId, u32)> {
        self.by_condition.get(condition).into_iter().flatten().copied().collect()
    }

    /// Notes that there is no peer any more that has this key, this alias and this role.
    pub(super) fn suspect(&mut self, key: PeerKey, alias: &Alias, role: Option<&str>) {
        for condition in Condition::about(AwaitedEnd::Gone, alias, role) {
            if self.by_condition.contains_key(&condition) {
                self.suspects.insert(Suspect { condition, former: Some(key) });
            }
        }
    }

    /// Notes that the hub knows all peers from now on.
    pub(super) fn suspect_all(&mut self) {
        let conditions = self.by_condition.keys().filter(|about| about.end == AwaitedEnd::Gone);
        let suspects =
            conditions.map(|condition| Suspect { condition: condition.clone(), former: None });
        self.suspects.extend(suspects);
    }

    /// Notes that a peer came into view, other than by a card.
    pub(super) fn shown(&mut self, key: PeerKey) {
        if !self.by_condition.is_empty() {
            self.shown.insert(key);
        }
    }

    /// Takes what is to be looked at now that a change is complete.
    pub(super) fn take_suspects(&mut self) -> BTreeSet<Suspect> {
        std::mem::take(&mut self.suspects)
    }

    /// Takes the peers that came into view, other than by a card.
    pub(super) fn take_shown(&mut self) -> BTreeSet<PeerKey> {
        std::mem::take(&mut self.shown)
    }

    fn remove_from_condition(
        &mut self,
        condition: &Condition,
        connection: ConnectionId,
        number: u32,
    ) {
        if let Some(waiting) = self.by_condition.get_mut(condition) {
            waiting.remove(&(connection, number));
            if waiting.is_empty() {
                self.by_condition.remove(condition);
            }
        }
    }

    /// Returns the number of open watches.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_condition.values().map(BTreeSet::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ConnectionId = ConnectionId(1);
    const TWO: ConnectionId = ConnectionId(2);

    fn alias(text: &str) -> Alias {
        Alias::parse(text).unwrap()
    }

    fn online(alias: Option<&str>, role: Option<&str>) -> Condition {
        Condition::new(AwaitedEnd::Online, alias.map(self::alias), role)
    }

    #[test]
    fn a_peer_answers_watches_for_its_alias_and_role_and_for_any_but_not_its_own() {
        let mut watches = Watches::default();
        watches.add(ONE, 1, online(None, None));
        watches.add(ONE, 2, online(None, Some("critic")));
        watches.add(ONE, 3, online(None, Some("author")));
        watches.add(TWO, 4, online(None, None));
        watches.add(ONE, 5, online(Some("ann"), None));
        watches.add(ONE, 6, online(Some("ann"), Some("Critic")));
        watches.add(ONE, 7, online(Some("bob"), None));
        let mut answered = || watches.answered_by(&alias("ann"), Some(" CRITIC"), false, TWO);
        assert_eq!(answered(), [(ONE, 1), (ONE, 2), (ONE, 5), (ONE, 6)]);
        assert_eq!(answered(), []);
    }

    #[test]
    fn a_watch_for_an_idle_peer_is_answered_by_no_other() {
        let mut watches = Watches::default();
        watches.add(ONE, 1, Condition::new(AwaitedEnd::Idle, Some(alias("ann")), None));
        assert_eq!(watches.answered_by(&alias("ann"), None, false, TWO), []);
        assert_eq!(watches.answered_by(&alias("ann"), None, true, TWO), [(ONE, 1)]);
    }

    #[test]
    fn only_watches_for_the_end_of_a_peer_are_suspects() {
        let mut watches = Watches::default();
        let gone = Condition::new(AwaitedEnd::Gone, Some(alias("ann")), None);
        watches.add(ONE, 1, gone.clone());
        watches.add(ONE, 2, online(Some("ann"), None));
        watches.suspect(PeerKey([1; 32]), &alias("bob"), None);
        assert_eq!(watches.take_suspects(), BTreeSet::new());
        watches.suspect(PeerKey([1; 32]), &alias("ann"), Some("critic"));
        let former = Some(PeerKey([1; 32]));
        assert_eq!(
            watches.take_suspects(),
            BTreeSet::from([Suspect { condition: gone.clone(), former }])
        );
        watches.suspect_all();
        let all = BTreeSet::from([Suspect { condition: gone, former: None }]);
        assert_eq!(watches.take_suspects(), all);
    }

    #[test]
    fn a_connection_has_a_bounded_number_of_watches_and_each_number_once() {
        let mut watches = Watches::default();
        for number in 0..64 {
            assert_eq!(watches.admits(ONE, number), Ok(()));
            watches.add(ONE, number, online(None, None));
        }
        assert_eq!(watches.admits(ONE, 64), Err(WatchError::TooMany));
        assert_eq!(watches.admits(ONE, 63), Err(WatchError::Duplicate));
        watches.remove(ONE, 63);
        assert_eq!(watches.admits(ONE, 64), Ok(()));
    }

    #[test]
    fn a_forgotten_connection_leaves_nothing_behind() {
        let mut watches = Watches::default();
        watches.add(ONE, 1, online(None, Some("critic")));
        watches.forget(ONE);
        assert!(watches.by_condition.is_empty() && watches.by_connection.is_empty());
    }
}
