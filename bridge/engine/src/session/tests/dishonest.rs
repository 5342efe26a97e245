//! A hub that lies, and a member that does: what is delivered, and who is blamed.

use super::*;

#[test]
fn a_hub_that_replays_delivers_nothing_twice() {
    let mut stage = Stage::new();
    stage.tamper = |frames| {
        let again: Vec<_> =
            frames.iter().filter(|f| matches!(f, ToBridge::Deliver(..))).cloned().collect();
        frames.extend(again);
    };
    stage.send("alice", "bob", "once");
    assert_eq!(stage.read_for_good("bob"), ["once"]);
    let (now, envelope) = (stage.now, stage.inboxes[&stage.key("bob")][0].clone());
    stage.session("bob").frame(ToBridge::Deliver(envelope, 0), now);
    assert!(stage.read_for_good("bob").is_empty());
}

#[test]
fn a_hub_that_alters_an_envelope_delivers_nothing() {
    for fault in [
        (|e: &mut Envelope| e.header.seq = e.header.seq.next()) as fn(&mut Envelope),
        |e| e.header.enc[0] ^= 1,
        |e| e.sealed = Bytes::from_static(b"x"),
        |e| e.header.sent_ms ^= 1,
    ] {
        let mut stage = Stage::new();
        let now = stage.now;
        stage.send("alice", "bob", "hello");
        stage.read_for_good("bob");
        let mut envelope = stage.inboxes[&stage.key("bob")][0].clone();
        fault(&mut envelope);
        stage.session("bob").frame(ToBridge::Deliver(envelope, 0), now);
        stage.run();
        assert!(stage.read_for_good("bob").is_empty());
        stage.send("alice", "bob", "next");
        assert_eq!(stage.read_for_good("bob"), ["next"], "nothing of it was recorded");
    }
}

#[test]
fn a_hub_that_gives_mail_to_another_is_noticed() {
    let mut stage = Stage::new();
    stage.send("alice", "bob", "for bob");
    let (now, envelope) = (stage.now, stage.inboxes[&stage.key("bob")][0].clone());
    stage.enter("carol", "carol");
    stage.run();
    stage.session("carol").frame(ToBridge::Deliver(envelope, 0), now);
    assert_eq!(stage.misbehaviour("carol"), 1);
    assert!(stage.read_for_good("carol").is_empty());
}

#[test]
fn a_hub_cannot_fake_a_receipt() {
    let mut stage = Stage::new();
    let sent = stage.send("alice", "bob", "hello");
    let (now, to) = (stage.now, stage.key("alice"));
    for kind in [ReceiptKind::Read, ReceiptKind::Expired, ReceiptKind::Stale] {
        let forged = Receipt { to, id: sent.id, kind, mac: [1; 32], outlook: None, seat: None };
        stage.session("alice").frame(ToBridge::Receipt(forged), now);
    }
    let unknown = Receipt {
        to,
        id: MessageId([0; 16]),
        kind: ReceiptKind::Read,
        mac: [1; 32],
        outlook: None,
        seat: None,
    };
    stage.session("alice").frame(ToBridge::Receipt(unknown), now);
    assert_eq!(*sent.status.borrow(), Status::Opened);
}

#[test]
fn a_hub_that_answers_with_another_peers_card_is_noticed() {
    let mut stage = Stage::new();
    stage.enter("carol", "carol");
    stage.run();
    stage.session("alice").directory = Directory::default();
    let wrong = stage.cards[&stage.key("carol")].clone();
    let bob = stage.key("bob");
    stage.cards.insert(bob, wrong);
    let error = stage.try_send("alice", draft("bob", "hello")).err();
    assert_eq!(error, Some(Error::HubMisbehaving));
    assert_eq!(stage.misbehaviour("alice"), 1);
}

#[test]
fn regression_what_a_member_can_cause_is_not_blamed_on_the_hub() {
    let mut stage = Stage::new();
    let (bob, now) = (stage.key("bob"), stage.now);
    let old = stage.cards[&bob].clone();
    let change = Change { role: Some("worker".to_owned()), ..Change::default() };
    stage.ask("bob", |reply| Command::Apply(change, reply)).unwrap();
    stage.session("alice").frame(ToBridge::Peer(bob, Standing::Online, Some(old.clone())), now);
    assert_eq!(stage.session("alice").directory.get(&bob).unwrap().card.epoch, Epoch(2));
    let forged = SignedCard { mac: [0; 32], ..old.clone() };
    stage.session("alice").frame(ToBridge::Peer(bob, Standing::Online, Some(forged.clone())), now);
    let listed = |card| Listed { card, online: true, session_ms: 0 };
    let query = crate::PeerQuery::default();
    for card in [old, forged] {
        let (reply, mut page) = oneshot::channel();
        stage.session("alice").command(Command::List(query.clone(), reply), now);
        let number = stage.session("alice").requests.last_number();
        let shown = Page { peers: vec![listed(card.clone())], total: 1, next: None };
        stage.session("alice").frame(ToBridge::Answer(number, Answer::Page(shown)), now);
        assert!(page.try_recv().unwrap().unwrap().peers.is_empty());
        stage.cards.insert(bob, card);
        let unknown = Directory::default();
        let known = std::mem::replace(&mut stage.session("alice").directory, unknown);
        let is_forged = stage.cards[&bob].mac == [0; 32];
        let sent = stage.try_send("alice", draft("bob", "hello")).err();
        let expected = Error::UnusableCard(Alias::parse("bob").unwrap());
        assert_eq!(sent, is_forged.then_some(expected));
        stage.session("alice").directory = known;
    }
    stage.send("bob", "alice", "hello");
    stage.read_for_good("alice");
    let alice = stage.key("alice");
    let mut other = stage.inboxes[&alice][0].clone();
    other.header.group.0[0] ^= 1;
    stage.session("alice").frame(ToBridge::Deliver(other, 0), now);
    assert_eq!(stage.misbehaviour("alice"), 0);
    assert!(stage.read_for_good("alice").is_empty());
}
