//! A hub that lies about who has a seat, to the session itself or to those who write to it.

use super::super::member::SeatedMember;
use super::*;

#[tokio::test]
async fn session_is_unseated_by_nothing_but_a_newer_card_of_its_seat() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let proxy = FrameProxy::start(hub.port, pass).await;
    let acquainted = Acquainted::on(&home, &hub, proxy.port, hub.port).await;
    let Acquainted { alice, name, .. } = &acquainted;
    let theirs = card_of(&home, &hub, name).await;
    let (thief, stranger, own) = (RawPeer::new(&home), RawPeer::stranger(), RawSeat::random());
    let mut seat = seat_of(&home);
    let newer = thief.unsigned_card(name, Some(seat.shown()));
    seat.incarnation = Incarnation(open(&theirs).seat.expect("a seat").incarnation.0 - 1);
    let older = thief.unsigned_card(name, Some(seat.shown()));
    let truth = thief.sign_seated(&newer, &seat.keys);
    let mut lies = usurping_cards(&theirs, &thief, name);
    lies.extend([
        theirs,
        thief.sign_seated(&older, &seat.keys),
        stranger.sign_seated(&newer, &seat.keys),
        SignedCard { mac: stranger.sign(&newer).mac, ..truth.clone() },
        thief.sign_seated(&thief.unsigned_card(name, Some(own.shown())), &own.keys),
    ]);
    for (before, lie) in lies.into_iter().enumerate() {
        proxy.inject_and_wait(0, alice, before as u64, &ToBridge::Unseated(lie)).await;
        assert_unmoved(&home, &acquainted).await;
    }
    // Only the seat itself could have signed this one.
    proxy.inject(0, &ToBridge::Unseated(truth)).await;
    is_replaced(alice, name).await;
}

#[tokio::test]
async fn replayed_end_of_an_earlier_bridge_does_not_unseat_a_later_one() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let unseated: Noted<Vec<ToBridge>> = Arc::default();
    let record = Arc::clone(&unseated);
    let proxy = FrameProxy::start(hub.port, move |heard| {
        if let Some(frame @ ToBridge::Unseated(_)) = from_hub(heard) {
            record.lock().expect("the record").push(frame);
        }
        pass(heard)
    })
    .await;
    let Acquainted { session, alice: first, bob, name } =
        Acquainted::on(&home, &hub, proxy.port, hub.port).await;
    let second = session.elsewhere(&home).resume(&home).await;
    assert_came_back(&second, &name).await;
    is_replaced(&first, &name).await;
    BridgeEnding::Terminate.of(&second).await;
    loses_sight(&bob, &name).await;
    let frames = unseated.lock().expect("the record").clone();
    assert_eq!(frames.len(), 1);
    let later = FrameProxy::start(hub.port, pass).await;
    let alice = TestSession { port: later.port, ..session }.start(&home).await;
    assert_came_back(&alice, &name).await;
    alice.send("bob", "it is me").await;
    assert_is_from(&bob.read_one().await, &name, true);
    let acquainted =
        Acquainted { session: TestSession::new(&home, &hub, "session"), alice, bob, name };
    later.inject_and_wait(0, &acquainted.alice, 0, &frames[0]).await;
    assert_unmoved(&home, &acquainted).await;
}

/// The news that the owner of this card is connected.
fn is_online(card: &SignedCard) -> ToBridge {
    ToBridge::Peer(open(card).key, Standing::Online, Some(card.clone()))
}

#[tokio::test]
async fn of_two_bridges_that_the_hub_says_have_the_seat_the_newer_gets_the_mail() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let shown: Noted<Vec<SignedCard>> = Arc::default();
    let say = Arc::clone(&shown);
    let mut lied_to = LiedTo::new(&home, &hub, move |heard| {
        let frame = from_hub(heard)?;
        let cards = say.lock().expect("the cards");
        let told = match (frame, cards.last()) {
            (ToBridge::Answer(number, Answer::Found(standing, Some(card))), Some(last))
                if open(&card).alias == open(last).alias =>
            {
                encode(&ToBridge::Answer(number, Answer::Found(standing, Some(last.clone()))))
            }
            _ => heard.bytes.clone(),
        };
        let news = cards.iter().map(|card| encode(&is_online(card)));
        Some([told].into_iter().chain(news).collect())
    })
    .await;
    let name = lied_to.acquainted.name.clone();
    let older = card_of(&home, &hub, &name).await;
    lied_to.restart(&home).await;
    let newer = card_of(&home, &hub, &name).await;
    *shown.lock().expect("the cards") = vec![older.clone(), newer.clone()];
    let mut ids = lied_to.acquainted.send(&["one", "two"]).await;
    for text in ["one", "two"] {
        reads(&lied_to.acquainted.alice, text).await;
    }
    // Nothing is sent to the older one where it is shown last.
    *shown.lock().expect("the cards") = vec![newer.clone(), older.clone()];
    let Acquainted { bob, .. } = &lied_to.acquainted;
    lied_to.proxy.inject_and_wait(0, bob, 0, &is_online(&older)).await;
    let message = json!({ "target_alias": name, "message": "to the newer or to nobody" });
    match bob.try_call("send_message", message).await {
        // The older one had another card since.
        Ok(sent) => {
            reads(&lied_to.acquainted.alice, "to the newer or to nobody").await;
            ids.push(sent["id"].clone());
        }
        Err(error) => assert!(error.to_string().contains("fingerprint"), "{error}"),
    }
    shown.lock().expect("the cards").reverse();
    lied_to.proxy.inject_and_wait(0, bob, 1, &is_online(&newer)).await;
    ids.extend(lied_to.acquainted.send(&["three"]).await);
    reads(&lied_to.acquainted.alice, "three").await;
    lied_to.were_read(&ids).await;
}

/// Cards of a member in the place of the session's: with its own seat, on its own key or on that of the session.
fn false_cards(theirs: &SignedCard, thief: &RawPeer, name: &str) -> Vec<SignedCard> {
    let own = RawSeat::random();
    let mine = thief.unsigned_card(name, Some(own.shown()));
    let Card { epoch, .. } = open(theirs);
    let receive_key = mine.receive_key;
    let on_their_key = Card { epoch: epoch.next(), receive_key, ..open(theirs) };
    let seated = Card { seat: mine.seat, ..on_their_key };
    let mut cards = usurping_cards(theirs, thief, name);
    cards.extend([thief.sign_seated(&mine, &own.keys), thief.sign_seated(&seated, &own.keys)]);
    cards
}

#[tokio::test]
async fn cards_that_a_member_makes_for_a_session_get_no_mail_and_move_no_pin() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let lied_to = LiedTo::new(&home, &hub, |_| None).await;
    let Acquainted { alice, bob, name, .. } = &lied_to.acquainted;
    let fingerprint = seat_of(&home).key().fingerprint();
    let lies = false_cards(&card_of(&home, &hub, name).await, &RawPeer::new(&home), name);
    for (before, lie) in lies.iter().enumerate() {
        lied_to.proxy.inject_and_wait(0, bob, before as u64, &is_online(lie)).await;
        let message = json!({ "target_alias": name, "message": "for the session alone" });
        match bob.try_call("send_message", message).await {
            Ok(_) => reads(alice, "for the session alone").await,
            Err(error) => assert!(error.to_string().contains("fingerprint"), "{error}"),
        }
    }
    // Her next cards are newer than all that were invented.
    for task in ["one", "two", "three"] {
        alice.call("register", json!({ "task": task })).await;
    }
    eventually("bob sees her seat", async || {
        let seen = bob.sees(name, "online").await;
        (seen["fingerprint"] == fingerprint).then_some(())
    })
    .await;
    assert_unmoved(&home, &lied_to.acquainted).await;
}

/// A card of the session's own key and no seat is what a hub without seats shows. Made by a member, it costs the mail that
/// is sealed to it, as a hub that lies could have it any time: nobody can open that, and nobody says that it was read.
#[tokio::test]
async fn card_that_a_member_makes_for_the_key_of_a_session_gets_no_mail_that_anyone_can_open() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let lied_to = LiedTo::new(&home, &hub, |_| None).await;
    let Acquainted { alice, bob, name, .. } = &lied_to.acquainted;
    let (theirs, thief) = (card_of(&home, &hub, name).await, RawPeer::new(&home));
    let receive_key = thief.unsigned_card(name, None).receive_key;
    let card = Card { epoch: open(&theirs).epoch.next(), seat: None, receive_key, ..open(&theirs) };
    lied_to.proxy.inject_and_wait(0, bob, 0, &is_online(&thief.sign(&card))).await;
    let sent = bob.send(name, "for the session alone").await;
    assert_eq!(bob.receipt(&sent["id"]).await["status"], "unconfirmed");
    for task in ["one", "two"] {
        alice.call("register", json!({ "task": task })).await;
    }
    assert_unmoved(&home, &lied_to.acquainted).await;
}

/// What the hub answers bob, who asks for the seat of a session that left, and what becomes of his message to it.
async fn seat_is_not_found_in(lie: impl Fn(&RawPeer, &SignedCard) -> SignedCard) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let answer: Noted<Option<SignedCard>> = Arc::default();
    let (say, is_told) = (Arc::clone(&answer), Arc::new(AtomicBool::new(false)));
    let (told, mut asked) = (Arc::clone(&is_told), None);
    let lied_to = LiedTo::new(&home, &hub, move |heard| {
        if let Some(ToHub::Ask(number, Question::Lookup(LookupTarget::Seat(_)))) =
            from_bridge(heard)
        {
            asked = Some(number);
        }
        let ToBridge::Answer(number, Answer::Found(..)) = from_hub(heard)? else { return None };
        let _ = asked.take_if(|asked| *asked == number)?;
        told.store(true, Ordering::Relaxed);
        let card = say.lock().expect("the lie").clone();
        Some(vec![encode(&ToBridge::Answer(number, Answer::Found(Standing::Online, card)))])
    })
    .await;
    let Acquainted { session, alice, name, .. } = &lied_to.acquainted;
    let thief = RawPeer::new(&home);
    let (mut socket, _) = RawSocket::join(hub.port, &thief, "mallory").await;
    *answer.lock().expect("the lie") = Some(lie(&thief, &card_of(&home, &hub, name).await));
    let ids = lied_to.acquainted.send(&["one"]).await;
    alice.holds(1).await;
    BridgeEnding::Terminate.of(alice).await;
    eventually("the lie is told", async || is_told.load(Ordering::Relaxed).then_some(())).await;
    let alice = session.start(&home).await;
    assert_came_back(&alice, name).await;
    reads(&alice, "one").await;
    lied_to.were_read(&ids).await;
    // The thief's first mail is that of a friend.
    let friend = RawPeer::new(&home);
    let (mut friends, _) = RawSocket::join(hub.port, &friend, "friend").await;
    friends.send(&ToHub::Send(friend.sending(thief.key, 1, &[0xaa; 272]))).await;
    let mail = |frame| match frame {
        ToBridge::Deliver(envelope, _) => Some(envelope.header.from),
        _ => None,
    };
    assert_eq!(socket.until("mail", mail).await, friend.key);
}

#[tokio::test]
async fn card_of_another_in_answer_to_a_lookup_of_a_seat_gets_no_mail() {
    for at in 0..3 {
        seat_is_not_found_in(move |thief, theirs| {
            usurping_cards(theirs, thief, &open(theirs).alias).swap_remove(at)
        })
        .await;
    }
    seat_is_not_found_in(|thief, theirs| {
        let own = RawSeat::random();
        let mine = thief.unsigned_card(&open(theirs).alias, Some(own.shown()));
        thief.sign_seated(&mine, &own.keys)
    })
    .await;
}

#[tokio::test]
async fn two_hubs_that_disagree_who_has_a_seat_get_nothing_read_twice() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let twin = home.twin();
    let other = TestHub::start(&twin).await;
    let mut lied_to = LiedTo::new(&home, &hub, |_| None).await;
    let name = lied_to.acquainted.name.clone();
    let older_read = lied_to.acquainted.send(&["one", "two"]).await;
    let older = &lied_to.acquainted.alice;
    older.holds(2).await;
    reads(older, "one").await;
    assert_eq!(lied_to.acquainted.bob.receipt(&older_read[0]).await["status"], "read");
    lied_to.proxy.redirect(other.port);
    let session = TestSession { port: other.port, ..TestSession::new(&home, &hub, "session") };
    let newer = session.start(&home).await;
    assert_eq!(alias(&newer).await, name);
    lied_to.acquainted.bob.sees(&name, "online").await;
    let mut ids = lied_to.acquainted.send(&["three"]).await;
    reads(&newer, "three").await;
    let bob = &lied_to.acquainted.bob;
    assert_eq!(bob.receipt(&older_read[1]).await["status"], "unconfirmed");
    // The older one lives, and reads what it has.
    lied_to.proxy.redirect(hub.port);
    older.sees("bob", "online").await;
    reads(older, "two").await;
    assert_eq!(bob.last_status(&older_read[1]).await, "read");
    assert_eq!(bob.statuses(&older_read[1]), ["unconfirmed", "read"]);
    let text = bob.error("send_message", json!({ "target_alias": name, "message": "no" })).await;
    assert!(text.contains("fingerprint"), "{text}");
    assert_eq!(older.leftovers().await, Vec::<Value>::new());
    lied_to.proxy.redirect(other.port);
    bob.sees(&name, "online").await;
    ids.extend(lied_to.acquainted.send(&["four"]).await);
    reads(&newer, "four").await;
    lied_to.acquainted.alice = newer;
    lied_to.were_read(&ids).await;
}

/// The hub says that the session of a member, which bob knows, goes on under the seat of another session. That one has
/// not agreed.
#[tokio::test]
async fn regression_session_of_a_member_does_not_go_on_under_the_seat_of_another() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let lied_to = LiedTo::new(&home, &hub, |_| None).await;
    let Acquainted { bob, name, .. } = &lied_to.acquainted;
    let mut member = SeatedMember::join(&home, &hub).await;
    let own = member.own.key();
    member.writes(bob, own).await;
    let theirs = card_of(&home, &hub, name).await;
    let group = member.peer.group.group;
    let wanted = member.own.keys.move_to(&group, member.own.incarnation, &seat_of(&home).keys);
    let consent = wanted.signature;
    let lie = SignedCard { moves: Some(vec![SeatMove { consent, ..wanted }]), ..theirs };
    lied_to.proxy.inject(0, &is_online(&lie)).await;
    // Nor does it get the name.
    let card = member.peer.unsigned_card(name, Some(member.own.shown()));
    let card = member.peer.sign_seated(&card, &member.own.keys);
    lied_to.proxy.inject(0, &is_online(&card)).await;
    let message = member.message(bob, own).await;
    assert_eq!((&message["from"], &message["key_changed"]), (&json!(name), &json!(true)));
}
