//! When an agent is reminded of requests that it has read and not answered: once at the start of a context that does not
//! show them, and once for each before it ends a turn. A pure state machine.

use junction_engine::{OpenRequestSign, Snapshot};
use junction_shared::protocol::alias::Alias;

use crate::wake::notice::{RequestNotice, requests_greeting};

/// What the agent was reminded of.
#[derive(Clone, Default)]
pub(super) struct RequestReminder {
    /// The number of the newest request that is older than the context.
    before_context: u64,
    /// The number of the newest request that the agent was told of in this context.
    told: u64,
    /// The number of the newest request that the agent was asked about before it ended a turn.
    asked: u64,
    /// What was before the last reminder, in case it does not arrive.
    before: Option<Box<RequestReminder>>,
}

impl RequestReminder {
    /// A context began that shows nothing of what was read before.
    pub(super) fn context_began(&mut self, snapshot: &Snapshot) {
        (self.before_context, self.told) = (newest(snapshot), 0);
    }

    /// What the agent is told in a context that does not show the requests.
    pub(super) fn in_context(&mut self, snapshot: &Snapshot) -> Option<String> {
        let is_unknown = |sign: &OpenRequestSign| {
            sign.number > self.told && (sign.number <= self.before_context || sign.is_repeated)
        };
        if !snapshot.team.open_requests.iter().any(is_unknown) {
            return None;
        }
        self.keep_before();
        self.told = newest(snapshot);
        let from = senders(&snapshot.team.open_requests);
        Some(requests_greeting(snapshot.team.open_requests.len(), &from))
    }

    /// What the agent is asked before it ends its turn, under the number of a notice.
    pub(super) fn before_stop(
        &mut self,
        snapshot: &Snapshot,
        number: u64,
    ) -> Option<RequestNotice> {
        let is_new = |sign: &&OpenRequestSign| sign.number > self.asked;
        let open: Vec<_> = snapshot.team.open_requests.iter().filter(is_new).cloned().collect();
        if open.is_empty() {
            return None;
        }
        self.keep_before();
        self.asked = newest(snapshot);
        Some(RequestNotice { number, open: open.len(), from: senders(&open) })
    }

    /// Forgets the last reminder, because the agent never got it.
    pub(super) fn lost(&mut self) {
        if let Some(before) = self.before.take() {
            *self = *before;
        }
    }

    fn keep_before(&mut self) {
        self.before = None;
        self.before = Some(Box::new(self.clone()));
    }
}

fn newest(snapshot: &Snapshot) -> u64 {
    snapshot.team.open_requests.iter().map(|sign| sign.number).max().unwrap_or_default()
}

/// The senders of these requests, each once.
fn senders(signs: &[OpenRequestSign]) -> Vec<Alias> {
    let mut from: Vec<Alias> = Vec::new();
    for sign in signs {
        if !from.contains(&sign.from) {
            from.push(sign.from.clone());
        }
    }
    from
}

#[cfg(test)]
mod tests {
    use junction_engine::ConnectionState;

    use super::*;

    fn snapshot(numbers: &[u64]) -> Snapshot {
        let mut snapshot = Snapshot::new("local".to_owned(), ConnectionState::Connected);
        let sign = |number: &u64| OpenRequestSign {
            number: *number,
            from: Alias::parse("bob").unwrap(),
            is_repeated: false,
        };
        snapshot.team.open_requests = numbers.iter().map(sign).collect();
        snapshot
    }

    #[test]
    fn each_request_is_asked_about_once() {
        let mut reminder = RequestReminder::default();
        assert_eq!(reminder.before_stop(&snapshot(&[]), 1), None);
        assert_eq!(reminder.before_stop(&snapshot(&[1, 2]), 1).map(|it| it.open), Some(2));
        assert_eq!(reminder.before_stop(&snapshot(&[1, 2]), 2), None);
        assert_eq!(reminder.before_stop(&snapshot(&[2, 3]), 3).map(|it| it.open), Some(1));
    }

    #[test]
    fn new_context_is_told_of_older_requests_once_and_not_of_those_that_it_shows() {
        let mut reminder = RequestReminder::default();
        assert_eq!(reminder.in_context(&snapshot(&[1])), None, "the agent has just read it");
        reminder.context_began(&snapshot(&[1]));
        assert!(reminder.in_context(&snapshot(&[1])).is_some());
        assert_eq!(reminder.in_context(&snapshot(&[1, 2])), None);
        let mut repeated = snapshot(&[1, 2, 3]);
        repeated.team.open_requests[2].is_repeated = true;
        assert!(reminder.in_context(&repeated).is_some());
        assert_eq!(reminder.in_context(&repeated), None);
    }

    #[test]
    fn reminder_that_did_not_arrive_comes_again() {
        let mut reminder = RequestReminder::default();
        for _ in 0..3 {
            assert!(reminder.before_stop(&snapshot(&[1]), 1).is_some());
            reminder.lost();
        }
        reminder.context_began(&snapshot(&[1]));
        for _ in 0..3 {
            assert!(reminder.in_context(&snapshot(&[1])).is_some());
            reminder.lost();
        }
    }
}
