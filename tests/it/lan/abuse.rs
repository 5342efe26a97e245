//! What a hub must survive from other machines. Whatever it closes is theirs alone: another machine, and this
//! one, notice nothing.

use junction_shared::protocol::close::Close;
use junction_shared::protocol::limits::PORT;
use junction_testkit::{
    Network, RawPeer, RawSocket, TestHome, TestHub, Transport, eventually, http_at,
    raise_file_limit, within,
};
use tokio::net::TcpStream;

const HUB: u8 = 1;
const MALLORY: u8 = 2;
const BOB: u8 = 3;

const HEALTH: &[u8] = b"GET /health HTTP/1.1\r\nHost: 10.77.0.1\r\n\r\n";

/// Whether a member of the group on a machine is let in at once.
fn comes_in(network: &Network, machine: u8, home: &TestHome) -> bool {
    let peer = RawPeer::new(home);
    network.on(machine, async || {
        let socket = RawSocket::open_at(Transport::Tls, network.at(HUB, PORT)).await;
        match socket {
            Some(socket) => socket.handshake(&peer, None).await.is_some(),
            None => false,
        }
    })
}

#[tokio::test]
async fn a_machine_that_connects_constantly_keeps_no_other_out() {
    let Some(network) = Network::create(3) else { return };
    raise_file_limit();
    let home = TestHome::new();
    let _hub = TestHub::start_for(&network, HUB, &home).await;
    network.on(MALLORY, async || {
        let mut held = Vec::new();
        for _ in 0..2_000 {
            let dial = TcpStream::connect(network.at(HUB, PORT));
            held.push(within("a connection", dial).await.expect("the system accepts"));
        }
        // While they all stand, and say nothing.
        for _ in 0..5 {
            assert!(comes_in(&network, BOB, &home), "another machine is kept out");
            let answer = network.on(HUB, async || {
                http_at(Transport::Plain, ([127, 0, 0, 1], PORT).into(), HEALTH).await
            });
            assert!(answer.starts_with("HTTP/1.1 200 "), "this machine is kept out: {answer}");
        }
    });
    let counted = network.on(HUB, async || {
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        http_at(Transport::Plain, ([127, 0, 0, 1], PORT).into(), request).await
    });
    let line = counted.lines().find(|line| line.contains("reason=\"ip_limit\"")).expect("a line");
    let refused: u32 = line.rsplit(' ').next().and_then(|n| n.parse().ok()).expect("a number");
    assert!(refused > 1_000, "{line}");
}

#[tokio::test]
async fn a_machine_that_fails_to_authenticate_is_kept_out_for_a_while() {
    let Some(network) = Network::create(3) else { return };
    let home = TestHome::new();
    let _hub = TestHub::start_for(&network, HUB, &home).await;
    let codes = network.on(MALLORY, async || {
        let mut codes = Vec::new();
        for _ in 0..200 {
            let stranger = RawPeer::stranger();
            let Some(mut socket) = RawSocket::open_at(Transport::Tls, network.at(HUB, PORT)).await
            else {
                codes.push(None);
                break;
            };
            let challenge = socket.bytes().await.expect("a challenge");
            let (hello, _) = stranger.answer_on(socket.pin, &challenge, None).expect("a hello");
            socket.send(&junction_shared::protocol::wire::ToHub::Hello(hello)).await;
            codes.push(socket.close_code().await);
        }
        codes
    });
    assert!((20..200).contains(&codes.len()), "{codes:?}");
    assert_eq!(codes.last(), Some(&None), "the door stays open: {codes:?}");
    let unauthorized = Some(Close::Unauthorized.code());
    assert!(codes[..codes.len() - 1].iter().all(|code| *code == unauthorized), "{codes:?}");
    assert!(comes_in(&network, BOB, &home), "another machine is kept out");
    eventually("the door opens again", async || comes_in(&network, MALLORY, &home).then_some(()))
        .await;
}

#[tokio::test]
async fn the_pin_of_a_connection_is_part_of_its_proof() {
    let Some(network) = Network::create(2) else { return };
    let home = TestHome::new();
    let _hub = TestHub::start_for(&network, HUB, &home).await;
    let peer = RawPeer::new(&home);
    let code = network.on(MALLORY, async || {
        let socket = RawSocket::open_at(Transport::Tls, network.at(HUB, PORT)).await;
        let mut socket = socket.expect("the hub opens");
        let challenge = socket.bytes().await.expect("a challenge");
        // What a bridge would say that took another for the hub, and was passed on.
        let (hello, _) = peer.answer_on([7; 32], &challenge, None).expect("a hello");
        socket.send(&junction_shared::protocol::wire::ToHub::Hello(hello)).await;
        socket.close_code().await
    });
    assert_eq!(code, Some(Close::Unauthorized.code()));
}
