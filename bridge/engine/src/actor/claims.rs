//! Claims to a seat, until it is known what came of them.

use std::collections::VecDeque;

use tokio::sync::oneshot;

/// The most calls that wait for a hub's answer to a claim; of more, the oldest go on.
const MAX_WAITING: usize = 64;

/// The calls that wait for a hub's answer to a claim.
#[derive(Default)]
pub(super) struct Claims {
    /// Whether a hub is still to answer the last claim.
    is_open: bool,
    waiting: VecDeque<oneshot::Sender<()>>,
}

impl Claims {
    /// A claim was made; `is_news` says whether the hub is to be asked.
    pub(super) fn made(&mut self, is_news: bool, reply: oneshot::Sender<()>) {
        if self.waiting.len() == MAX_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(reply);
        self.is_open |= is_news;
        if !self.is_open {
            self.settle();
        }
    }

    /// The hub has answered, or no hub can.
    pub(super) fn settle(&mut self) {
        self.is_open = false;
        self.waiting.drain(..).for_each(|call| _ = call.send(()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claim_that_the_hub_is_asked_about_waits_and_others_do_not() {
        let mut claims = Claims::default();
        let call = |claims: &mut Claims, is_news| {
            let (reply, settled) = oneshot::channel();
            claims.made(is_news, reply);
            settled
        };
        // A client that names no session keeps no call waiting, even before there is a hub.
        assert!(call(&mut claims, false).try_recv().is_ok());
        let mut first = call(&mut claims, true);
        assert!(first.try_recv().is_err());
        claims.settle();
        assert!(first.try_recv().is_ok());
        assert!(call(&mut claims, false).try_recv().is_ok());
        let mut second = call(&mut claims, true);
        assert!(second.try_recv().is_err());
        claims.settle();
        assert!(second.try_recv().is_ok());
    }
}
