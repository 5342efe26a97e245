//! Connections that wait for a peer of some role to come online.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use junction_shared::protocol::context_text::fold;
use junction_shared::protocol::id::ConnectionId;
use junction_shared::protocol::limits::MAX_WATCHES;

/// The role to wait for, folded, or `None` for any.
type RoleFilter = Option<String>;

/// The unanswered watches of all connections, indexed both ways.
#[derive(Default)]
pub(super) struct Watches {
    by_role: BTreeMap<RoleFilter, BTreeSet<(ConnectionId, u32)>>,
    by_connection: HashMap<ConnectionId, BTreeMap<u32, RoleFilter>>,
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
    pub(super) fn add(&mut self, connection: ConnectionId, number: u32, role: Option<String>) {
        let role = role.map(|role| fold(&role));
        self.by_role.entry(role.clone()).or_default().insert((connection, number));
        self.by_connection.entry(connection).or_default().insert(number, role);
    }

    /// Ends a watch, if it is open.
    pub(super) fn remove(&mut self, connection: ConnectionId, number: u32) {
        let Some(open) = self.by_connection.get_mut(&connection) else { return };
        let Some(role) = open.remove(&number) else { return };
        if open.is_empty() {
            self.by_connection.remove(&connection);
        }
        self.remove_from_role(&role, connection, number);
    }

    /// Ends all watches of a connection.
    pub(super) fn forget(&mut self, connection: ConnectionId) {
        for (number, role) in self.by_connection.remove(&connection).unwrap_or_default() {
            self.remove_from_role(&role, connection, number);
        }
    }

    /// Removes and returns the watches that a peer of this role answers. Those of its own connection stay.
    pub(super) fn answered_by(
        &mut self,
        role: &Option<String>,
        own: ConnectionId,
    ) -> Vec<(ConnectionId, u32)> {
        let role = role.as_deref().map(fold);
        let waiting = |role: &RoleFilter| self.by_role.get(role).into_iter().flatten().copied();
        let mut answered: BTreeSet<_> = waiting(&None).chain(waiting(&role)).collect();
        answered.retain(|(connection, _)| *connection != own);
        for (connection, number) in &answered {
            self.remove(*connection, *number);
        }
        answered.into_iter().collect()
    }

    fn remove_from_role(&mut self, role: &RoleFilter, connection: ConnectionId, number: u32) {
        if let Some(waiting) = self.by_role.get_mut(role) {
            waiting.remove(&(connection, number));
            if waiting.is_empty() {
                self.by_role.remove(role);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ConnectionId = ConnectionId(1);
    const TWO: ConnectionId = ConnectionId(2);

    fn role(name: &str) -> RoleFilter {
        Some(name.to_owned())
    }

    #[test]
    fn a_peer_answers_watches_for_its_role_and_for_any_but_not_its_own() {
        let mut watches = Watches::default();
        watches.add(ONE, 1, None);
        watches.add(ONE, 2, role("critic"));
        watches.add(ONE, 3, role("author"));
        watches.add(TWO, 4, None);
        assert_eq!(watches.answered_by(&role(" CRITIC"), TWO), [(ONE, 1), (ONE, 2)]);
        assert_eq!(watches.answered_by(&role("critic"), TWO), []);
    }

    #[test]
    fn a_connection_has_a_bounded_number_of_watches_and_each_number_once() {
        let mut watches = Watches::default();
        for number in 0..64 {
            assert_eq!(watches.admits(ONE, number), Ok(()));
            watches.add(ONE, number, None);
        }
        assert_eq!(watches.admits(ONE, 64), Err(WatchError::TooMany));
        assert_eq!(watches.admits(ONE, 63), Err(WatchError::Duplicate));
        watches.remove(ONE, 63);
        assert_eq!(watches.admits(ONE, 64), Ok(()));
    }

    #[test]
    fn a_forgotten_connection_leaves_nothing_behind() {
        let mut watches = Watches::default();
        watches.add(ONE, 1, role("critic"));
        watches.forget(ONE);
        assert!(watches.by_role.is_empty() && watches.by_connection.is_empty());
    }
}
