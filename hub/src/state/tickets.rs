//! Tickets, by which a restarted hub gives aliases back, and what a session's claim to its alias rests on.
//!
//! Of two tickets for one alias the newer wins, so the hub must never issue one that is older than another of somebody who
//! had the alias before. It knows only what it granted and what it was shown; what it cannot know is who is still to come
//! back. So during the restart grace an alias that nobody has claimed is granted with the lowest time of all.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use junction_shared::protocol::alias::{Alias, Folded};
use junction_shared::protocol::handshake::{GrantTime, ticket, ticket_time};
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::wire::{HelloBody, Ticket};
use junction_shared::secret::Secret;

use super::inbox::millis;

/// The maximum number of aliases and of leaves remembered during the restart grace: more than a hub can have sessions.
const MAX_REMEMBERED: usize = 65_536;

/// What a session's claim to its alias rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClaimBasis {
    /// A grant during the restart grace, without a ticket: the owner may still come back.
    Provisional,
    /// A ticket that the session showed: the owner of a newer one may still come back.
    Ticket,
    /// A grant after the restart grace: every session from before the hub started has ended.
    Settled,
}

/// A session's claim to its alias.
#[derive(Clone, Copy, Debug)]
pub(super) struct AliasClaim {
    basis: ClaimBasis,
    /// The time in the ticket of the session.
    pub(super) granted: GrantTime,
    /// The newest ticket that was shown for the alias. Only a newer one takes the alias away.
    newest_shown: Option<GrantTime>,
}

impl AliasClaim {
    /// Returns the same claim with a ticket of this time.
    pub(super) fn at(self, granted: GrantTime) -> Self {
        Self { granted, ..self }
    }
}

/// What is known of an alias during the restart grace.
#[derive(Clone, Copy)]
struct AliasHistory {
    /// The newest ticket, issued or shown.
    newest: GrantTime,
    /// The newest ticket that was shown.
    newest_shown: Option<GrantTime>,
}

/// Issues and judges the tickets of a hub.
pub(super) struct Tickets {
    key: Secret,
    /// When the hub started, by the wall clock of its machine.
    started: GrantTime,
    /// The newest ticket of all, issued or shown.
    newest: GrantTime,
    /// The aliases that were granted during the restart grace. Nothing after it.
    history: Option<HashMap<Folded, AliasHistory>>,
    /// The peers that left during the restart grace. Their tickets still verify, and must not take an alias back from a
    /// later owner.
    left: HashSet<PeerKey>,
}

impl Tickets {
    /// The tickets of a hub that starts at this time of the wall clock, in milliseconds since 1970.
    pub(super) fn new(key: Secret, started_ms: u64) -> Self {
        Self {
            key,
            started: GrantTime(started_ms),
            newest: GrantTime::default(),
            history: Some(HashMap::new()),
            left: HashSet::new(),
        }
    }

    /// Returns the ticket of an alias.
    pub(super) fn ticket(&self, alias: &Alias, key: &PeerKey, claim: &AliasClaim) -> Ticket {
        ticket(&self.key, alias.as_str(), key, claim.granted)
    }

    /// Returns the time of the ticket that this hello shows for an alias, if this hub's keys made it.
    pub(super) fn shown(&mut self, hello: &HelloBody, alias: &Alias) -> Option<GrantTime> {
        let shown = hello.ticket.as_ref()?;
        let time = ticket_time(&self.key, alias.as_str(), &hello.key, shown)?;
        // All later grants are newer, even if the clock of this machine was set back.
        self.newest = self.newest.max(time);
        Some(time)
    }

    /// Returns whether a ticket of this time still counts, where its owner begins a session. A session that this hub has
    /// seen end has no claim any more.
    pub(super) fn counts(&self, owner: &PeerKey, time: GrantTime) -> bool {
        if self.history.is_some() {
            // With so many leaves some of them may be forgotten: then no ticket counts.
            return self.left.len() < MAX_REMEMBERED && !self.left.contains(owner);
        }
        // A ticket of this hub is of a session that has ended since.
        time < self.started && !self.left.contains(owner)
    }

    /// Returns whether the alias of this claim goes to the peer that shows a ticket of this time.
    pub(super) fn yields(&self, claim: &AliasClaim, shown: GrantTime) -> bool {
        let is_newer = claim.newest_shown.is_none_or(|newest| shown > newest);
        match claim.basis {
            ClaimBasis::Provisional => is_newer && self.history.is_some(),
            ClaimBasis::Ticket => is_newer,
            ClaimBasis::Settled => false,
        }
    }

    /// Returns the claim to an alias that is granted now, to a peer that shows a ticket of this time or none.
    pub(super) fn claim(
        &mut self,
        alias: &Alias,
        shown: Option<GrantTime>,
        now: Duration,
    ) -> AliasClaim {
        let claim = match self.history.is_some() {
            true => self.claim_in_grace(alias, shown),
            false => AliasClaim {
                basis: if shown.is_some() { ClaimBasis::Ticket } else { ClaimBasis::Settled },
                granted: self.clock(now).max(self.newest.next()),
                newest_shown: shown,
            },
        };
        self.newest = self.newest.max(claim.granted);
        claim
    }

    fn claim_in_grace(&mut self, alias: &Alias, shown: Option<GrantTime>) -> AliasClaim {
        let overall = self.newest;
        let history = self.history.get_or_insert_default();
        let is_full = history.len() >= MAX_REMEMBERED;
        let known = history.get(&alias.fold()).copied();
        // What was forgotten may have been as new as anything.
        let newest = known.map(|known| known.newest).or(is_full.then_some(overall));
        let granted = match (shown, newest) {
            (None, None) => GrantTime::default(),
            // The owner goes on. A newer time would make a ticket that was given up newer than that of the owner after.
            (Some(shown), None) => shown,
            (Some(shown), Some(newest)) if shown > newest => shown,
            (_, Some(newest)) => newest.next(),
        };
        let newest_shown = shown.max(known.and_then(|known| known.newest_shown));
        if known.is_some() || !is_full {
            history.insert(alias.fold(), AliasHistory { newest: granted, newest_shown });
        }
        let basis = if shown.is_some() { ClaimBasis::Ticket } else { ClaimBasis::Provisional };
        AliasClaim { basis, granted, newest_shown }
    }

    /// Makes the ticket of a claim newer than every one that is known. Returns whether one as new was shown.
    pub(super) fn outdo(
        &mut self,
        alias: &Alias,
        claim: &mut AliasClaim,
        shown: GrantTime,
        now: Duration,
    ) -> bool {
        let is_outdone = shown >= claim.granted;
        if is_outdone {
            claim.granted = self.claim(alias, None, now).granted;
        }
        is_outdone
    }

    /// Makes the ticket of a claim that does not yield newer than one that was shown.
    pub(super) fn withstand(
        &mut self,
        alias: &Alias,
        claim: &mut AliasClaim,
        shown: GrantTime,
        now: Duration,
    ) {
        if shown >= claim.granted && self.history.is_some() {
            *claim = self.claim(alias, Some(shown), now);
        }
        self.outdo(alias, claim, shown, now);
    }

    /// Settles the claim of a session that has outlived the restart grace.
    pub(super) fn settle(&mut self, alias: &Alias, claim: &mut AliasClaim, now: Duration) {
        if self.history.is_none() && claim.basis == ClaimBasis::Provisional {
            *claim = self.claim(alias, None, now);
        }
    }

    /// Records that a peer has left.
    pub(super) fn left(&mut self, key: PeerKey) {
        if self.history.is_some() && self.left.len() < MAX_REMEMBERED {
            self.left.insert(key);
        }
    }

    /// Ends the restart grace.
    pub(super) fn end_grace(&mut self) {
        self.history = None;
    }

    /// Returns the wall clock.
    pub(super) fn clock(&self, now: Duration) -> GrantTime {
        GrantTime(self.started.0.saturating_add(millis(now)))
    }
}

#[cfg(test)]
mod tests {
    use junction_shared::protocol::id::Dial;

    use super::*;

    const STARTED: u64 = 1_700_000_000_000;

    fn tickets() -> Tickets {
        Tickets::new(Secret::filled(|key| key.fill(7)), STARTED)
    }

    fn alias(text: &str) -> Alias {
        Alias::parse(text).unwrap()
    }

    fn hello(key: u8, ticket: Ticket) -> HelloBody {
        HelloBody {
            version: 1,
            key: PeerKey([key; 32]),
            dial: Dial(1),
            want: None,
            ticket: Some(ticket),
            nonce: [0; 32],
            unlisted: None,
            seat: None,
        }
    }

    #[test]
    fn grants_after_the_grace_are_newer_than_every_ticket_that_was_shown() {
        let mut tickets = tickets();
        tickets.end_grace();
        let now = Duration::from_secs(9);
        let first = tickets.claim(&alias("ann"), None, now).granted;
        assert_eq!(first, GrantTime(STARTED + 9_000));
        assert_eq!(tickets.claim(&alias("bob"), None, now).granted, first.next());
        // A clock that was ahead has been set back.
        let ahead = GrantTime(STARTED * 2);
        let key = Secret::filled(|key| key.fill(7));
        let shown = hello(1, ticket(&key, "eve", &PeerKey([1; 32]), ahead));
        tickets.shown(&shown, &alias("eve"));
        assert_eq!(tickets.claim(&alias("ann"), None, now).granted, ahead.next());
    }

    #[test]
    fn grants_in_the_grace_are_the_oldest_unless_more_is_known_of_the_alias() {
        let mut tickets = tickets();
        let mut granted = |text, shown: Option<u64>| {
            tickets.claim(&alias(text), shown.map(GrantTime), Duration::ZERO).granted.0
        };
        assert_eq!((granted("ann", None), granted("ann", None)), (0, 1));
        assert_eq!((granted("worker-1", Some(50)), granted("worker-l", None)), (50, 51));
        assert_eq!((granted("eve", None), granted("eve", Some(0))), (0, 1));
        assert_eq!((granted("joe", Some(50)), granted("joe", Some(40))), (50, 51));
    }

    #[test]
    fn with_more_leaves_than_are_remembered_no_ticket_counts() {
        let mut tickets = tickets();
        let key = |n: u32| {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&n.to_be_bytes());
            PeerKey(bytes)
        };
        let other = hello(9, {
            let key = Secret::filled(|key| key.fill(7));
            ticket(&key, "ann", &PeerKey([9; 32]), GrantTime(5))
        });
        let time = tickets.shown(&other, &alias("ann")).unwrap();
        assert!(tickets.counts(&other.key, time));
        (0..65_536).for_each(|n| tickets.left(key(n)));
        assert!(!tickets.counts(&other.key, time));
    }
}
