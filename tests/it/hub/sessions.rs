//! Sessions on a hub: their cards, names, connections and ends, as a raw socket sees them.

use junction_shared::protocol::close::Close;
use junction_shared::protocol::codec::encode;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::wire::{
    Answer, LookupTarget, Naming, Question, Standing, ToBridge, ToHub,
};

use super::with_and_without_tls;
use junction_testkit::{RawPeer, RawSocket, TestHome, TestHub, Transport};

with_and_without_tls! {
    a_card_of_another_key_or_alias_ends_the_connection
    unknown_fields_at_the_end_are_tolerated
    among_connections_of_one_key_the_highest_dial_wins
    requested_aliases_are_granted_refused_or_answered_with_a_free_one
    a_lookup_distinguishes_a_peer_that_left_from_one_that_never_joined
}

async fn a_card_of_another_key_or_alias_ends_the_connection(transport: Transport) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (peer, other) = (RawPeer::new(&home), RawPeer::new(&home));
    for card in [other.card("mine"), peer.card("not-mine")] {
        let want = Some(("mine".to_owned(), None));
        let (mut socket, body) = RawSocket::open_over(transport, hub.port)
            .await
            .handshake(&peer, want)
            .await
            .expect("a welcome");
        assert_eq!(body.grant.alias, "mine");
        socket.send(&ToHub::Card(card)).await;
        assert_eq!(socket.close_code().await, Some(Close::ProtocolError.code()));
    }
}

async fn unknown_fields_at_the_end_are_tolerated(transport: Transport) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (mut socket, _) =
        RawSocket::join_over(transport, hub.port, &RawPeer::new(&home), "from-tomorrow").await;
    // Repush, as a later version might say it: with two fields.
    assert_eq!(encode(&ToHub::Repush), [0x82, 0x06, 0x80].as_slice());
    socket.send_bytes(vec![0x82, 0x06, 0x82, 0x01, 0x02]).await;
    let repushing = |frame| matches!(frame, ToBridge::Repushing).then_some(());
    socket.until("the answer to repush", repushing).await;
}

async fn among_connections_of_one_key_the_highest_dial_wins(transport: Transport) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let peer = RawPeer::new(&home);
    let (mut first, welcome) = RawSocket::join_over(transport, hub.port, &peer, "roamer").await;
    let (mut second, again) = RawSocket::join_over(transport, hub.port, &peer, "roamer").await;
    assert_eq!(first.close_code().await, Some(Close::Superseded.code()));
    assert_eq!(again.grant, welcome.grant);
    assert!(again.resumed && again.connection != welcome.connection);
    second.send(&ToHub::Repush).await;
    let repushing = |frame| matches!(frame, ToBridge::Repushing).then_some(());
    second.until("the new connection lives", repushing).await;
}

async fn requested_aliases_are_granted_refused_or_answered_with_a_free_one(transport: Transport) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let peer = RawPeer::new(&home);
    let (_witness, _) =
        RawSocket::join_over(transport, hub.port, &RawPeer::new(&home), "witness").await;
    let (mut socket, _) = RawSocket::join_over(transport, hub.port, &peer, "worker-1").await;
    let long = "a".repeat(33);
    let wishes = [
        ("worker-2", "granted"),
        ("worker-2", "granted"),
        ("witness", "taken"),
        ("w1tness", "taken"),
        ("wit-ness", "taken"),
        ("", "bad"),
        ("..", "bad"),
        ("Worker", "bad"),
        ("wörker", "bad"),
        ("---", "bad"),
        (&long, "bad"),
    ];
    for (number, (wish, expected)) in (1..).zip(wishes) {
        let rename = Question::Rename(peer.card(wish));
        socket.send(&ToHub::Ask(number, rename)).await;
        let naming = socket
            .until("an answer to the wish", |frame| match frame {
                ToBridge::Answer(n, Answer::Named(naming)) if n == number => Some(naming),
                _ => None,
            })
            .await;
        let got = match naming {
            Naming::Granted(grant) => {
                assert_eq!(grant.alias, wish);
                "granted"
            }
            Naming::Taken { free } => {
                assert_ne!(free, wish);
                "taken"
            }
            Naming::Bad => "bad",
        };
        assert_eq!(got, expected, "{wish:?}");
    }
}

async fn a_lookup_distinguishes_a_peer_that_left_from_one_that_never_joined(transport: Transport) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let leaver = RawPeer::new(&home);
    let (mut socket, _) = RawSocket::join_over(transport, hub.port, &leaver, "leaver").await;
    let (mut asker, _) =
        RawSocket::join_over(transport, hub.port, &RawPeer::new(&home), "asker").await;
    let mut number = 0;
    let mut standing = async |target: LookupTarget| {
        number += 1;
        asker.send(&ToHub::Ask(number, Question::Lookup(target))).await;
        asker
            .until("an answer to the lookup", |frame| match frame {
                ToBridge::Answer(n, Answer::Found(standing, card)) if n == number => {
                    Some((standing, card.is_some()))
                }
                _ => None,
            })
            .await
    };
    assert_eq!(standing(LookupTarget::Key(leaver.key)).await, (Standing::Online, true));
    socket.send(&ToHub::Leave).await;
    let _ = socket.close_code().await;
    assert_eq!(standing(LookupTarget::Key(leaver.key)).await.0, Standing::Gone);
    assert_eq!(standing(LookupTarget::Alias("leaver".to_owned())).await.0, Standing::Gone);
    let unknown = PeerKey([9; 32]);
    assert_eq!(
        standing(LookupTarget::Key(unknown)).await.0,
        Standing::NotYet,
        "the hub is in its restart grace"
    );
}
