//! Who waits until every other session of a repository was heard.

use std::collections::VecDeque;

use tokio::sync::oneshot;

/// The most that wait; of more, the oldest go on with what is known.
const MAX_LISTENERS: usize = 64;

/// Callers that wait, each with the name of the repository.
#[derive(Default)]
pub(crate) struct ClaimListeners(VecDeque<(String, oneshot::Sender<bool>)>);

impl ClaimListeners {
    /// Adds a caller. Callers that have given up are dropped.
    pub(crate) fn add(&mut self, repository: String, reply: oneshot::Sender<bool>) {
        self.0.retain(|(_, reply)| !reply.is_closed());
        if self.0.len() == MAX_LISTENERS {
            self.0.pop_front().map(|(_, reply)| reply.send(false));
        }
        self.0.push_back((repository, reply));
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Answers the callers to whom `answer` has something to say about their repository.
    pub(crate) fn tell(&mut self, mut answer: impl FnMut(&str) -> Option<bool>) {
        for (repository, reply) in std::mem::take(&mut self.0) {
            match answer(&repository) {
                Some(is_complete) => _ = reply.send(is_complete),
                None => self.0.push_back((repository, reply)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_bounded_and_told_by_their_repository() {
        let mut listeners = ClaimListeners::default();
        let add = |listeners: &mut ClaimListeners, name: &str| {
            let (reply, answer) = oneshot::channel();
            listeners.add(name.to_owned(), reply);
            answer
        };
        drop(add(&mut listeners, "left"));
        let mut all: Vec<_> = (0..MAX_LISTENERS).map(|_| add(&mut listeners, "one")).collect();
        let mut other = add(&mut listeners, "other");
        assert_eq!((all[0].try_recv(), listeners.0.len()), (Ok(false), MAX_LISTENERS));
        listeners.tell(|name| (name == "other").then_some(true));
        assert!(other.try_recv() == Ok(true) && all[1].try_recv().is_err());
        listeners.tell(|_| Some(true));
        assert!(listeners.is_empty() && all[1].try_recv() == Ok(true));
    }
}
