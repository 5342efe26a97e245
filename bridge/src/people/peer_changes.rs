//! Which peers came, went or changed between two looks at the list.

use std::collections::BTreeMap;

use junction_engine::PeerInfo;

/// Looks in a row that a peer may be missing before it counts as gone: after a hub's restart, peers come back one by one.
const MISSING_LOOKS: u32 = 2;

/// What is new about a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerNews {
    /// The peer was not there before.
    Came,
    /// The peer is not there any more.
    Left,
    /// The peer's presence, state, alias or work is another.
    Changed,
}

/// The peers as they were last seen, by fingerprint.
#[derive(Default)]
pub(crate) struct PeerChanges {
    seen: BTreeMap<String, SeenPeer>,
    /// Whether the list was looked at before. What is there at first is no news.
    has_looked: bool,
}

struct SeenPeer {
    peer: PeerInfo,
    missing: u32,
}

impl PeerChanges {
    /// Takes in the whole list, and gives what is new since the last look.
    pub(crate) fn look(&mut self, peers: Vec<PeerInfo>) -> Vec<(PeerNews, PeerInfo)> {
        let mut news = Vec::new();
        for seen in self.seen.values_mut() {
            seen.missing += 1;
        }
        for peer in peers {
            let known = self
                .seen
                .insert(peer.fingerprint.clone(), SeenPeer { peer: peer.clone(), missing: 0 });
            match known {
                None if self.has_looked => news.push((PeerNews::Came, peer)),
                Some(known) if differs(&known.peer, &peer) => news.push((PeerNews::Changed, peer)),
                _ => {}
            }
        }
        let gone = self.seen.extract_if(.., |_, seen| seen.missing >= MISSING_LOOKS);
        news.extend(gone.map(|(_, seen)| (PeerNews::Left, seen.peer)));
        self.has_looked = true;
        news
    }
}

fn differs(one: &PeerInfo, other: &PeerInfo) -> bool {
    let told = |peer: &PeerInfo| {
        let availability = peer.availability;
        (peer.alias.clone(), peer.online, availability.state, availability.is_unattended)
    };
    told(one) != told(other) || one.context != other.context
}

#[cfg(test)]
mod tests {
    use junction_engine::Availability;
    use junction_shared::protocol::alias::Alias;
    use junction_shared::protocol::wire::{Context, State};

    use super::*;

    fn peer(alias: &str) -> PeerInfo {
        PeerInfo {
            alias: Alias::parse(alias).unwrap(),
            fingerprint: alias.to_owned(),
            connected_ms: 0,
            online: true,
            availability: Availability::default(),
            context: Context::default(),
        }
    }

    fn kinds(news: &[(PeerNews, PeerInfo)]) -> Vec<(PeerNews, &str)> {
        news.iter().map(|(news, peer)| (*news, peer.alias.as_str())).collect()
    }

    #[test]
    fn who_is_there_at_first_is_no_news() {
        let mut changes = PeerChanges::default();
        assert!(changes.look(vec![peer("alice")]).is_empty());
        let news = changes.look(vec![peer("alice"), peer("bob")]);
        assert_eq!(kinds(&news), [(PeerNews::Came, "bob")]);
    }

    #[test]
    fn peer_that_is_missing_once_has_not_left() {
        let mut changes = PeerChanges::default();
        changes.look(vec![peer("alice")]);
        assert!(changes.look(Vec::new()).is_empty());
        assert!(changes.look(vec![peer("alice")]).is_empty());
        changes.look(Vec::new());
        assert_eq!(kinds(&changes.look(Vec::new())), [(PeerNews::Left, "alice")]);
        assert_eq!(kinds(&changes.look(vec![peer("alice")])), [(PeerNews::Came, "alice")]);
    }

    #[test]
    fn change_of_state_presence_or_work_is_news_and_nothing_else_is() {
        let mut changes = PeerChanges::default();
        let mut alice = peer("alice");
        changes.look(vec![alice.clone()]);
        alice.connected_ms = 9;
        assert!(changes.look(vec![alice.clone()]).is_empty());
        alice.availability.state = Some(State::Busy);
        assert_eq!(kinds(&changes.look(vec![alice.clone()])), [(PeerNews::Changed, "alice")]);
        alice.online = false;
        assert_eq!(kinds(&changes.look(vec![alice.clone()])), [(PeerNews::Changed, "alice")]);
        alice.context.task = Some("x".to_owned());
        assert_eq!(kinds(&changes.look(vec![alice])), [(PeerNews::Changed, "alice")]);
    }
}
