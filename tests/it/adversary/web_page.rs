//! What a web page can do with the hub of the machine on which it is looked at: read nothing of it, and not speak
//! to it.
//!
//! The pages run in a real Chromium, and the hub is the real one. One page comes from another origin. The other
//! comes under a name that leads to the page's server at first and to the hub afterwards, so that to the browser
//! both are one origin (DNS rebinding). The name server, the two addresses with one port and the browser's own
//! look-ups are real, in a network made for it; only the minute for which Chromium would keep the first address is
//! cut short, by a change of that network. Each page is put before a server that lets all in, too: what it finds
//! there it would find at a hub that did not guard itself.

mod chromium;
mod machine;
mod web;

use std::net::Ipv4Addr;
use std::path::Path;

use junction_testkit::{TestHome, TestHub, Transport, http_at};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use chromium::Chromium;
use machine::Machine;
use web::{PageServer, Reports, SECRET, let_all_in};

/// The address of a page that tries `target`, or else its own origin.
fn url(page: &str, reports: &Reports, target: &str) -> String {
    format!("http://{page}/?tell=http://{}&target={target}", reports.address)
}

async fn free_listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a port")
}

fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().expect("an address").port()
}

/// What a page finds that is on another origin than the server at this port.
async fn found_from_elsewhere(chromium: &Path, target: u16) -> Value {
    let mut reports = Reports::start(free_listener().await);
    let listener = free_listener().await;
    let page = format!("127.0.0.1:{}", port_of(&listener));
    let _server = PageServer::start(listener);
    let url = url(&page, &reports, &format!("http://127.0.0.1:{target}"));
    let _chromium = Chromium::show(chromium, &[], &url);
    reports.loaded().await;
    reports.go();
    reports.found().await
}

#[tokio::test]
async fn a_page_of_another_origin_neither_connects_nor_reads() {
    let Some(chromium) = chromium::installed() else { return };
    let open = free_listener().await;
    let port = port_of(&open);
    let_all_in(open);
    let read = json!({ "status": 200, "type": "cors", "text": SECRET });
    // The answer is there, but not for the page.
    let kept = json!({ "status": 0, "type": "opaque", "text": "" });
    let all = json!({
        "link": "open",
        "metrics": read,
        "health": read,
        "blindMetrics": kept,
        "blindHealth": kept,
        "framedMetrics": null,
        "framedHealth": null,
        "runMetrics": { "names": 1, "error": null },
    });
    assert_eq!(found_from_elsewhere(&chromium, port).await, all);

    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let nothing = json!({
        "link": "closed",
        "metrics": null,
        "health": null,
        "blindMetrics": kept,
        "blindHealth": kept,
        "framedMetrics": null,
        "framedHealth": null,
        // What a browser says where it may not say what is wrong.
        "runMetrics": { "names": 0, "error": "Script error." },
    });
    assert_eq!(found_from_elsewhere(&chromium, hub.port).await, nothing);
    let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let counted = http_at(Transport::Plain, (Ipv4Addr::LOCALHOST, hub.port).into(), request).await;
    // The websocket and the question for /metrics that named its origin.
    assert!(counted.contains("\njunction_rejected_requests_total 2\n"), "{counted}");
}

/// Where the page's server is, the one that the name leads to afterwards, and the one that hears of it.
const SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const TARGET: Ipv4Addr = Ipv4Addr::LOCALHOST;
const CONFIDANT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// How a name that led to the page's server comes to lead elsewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Turn {
    /// The name has led to both all along, and the page's server is gone.
    Both,
    /// The name is looked up again.
    Again,
}

/// What a page finds under its own name, once that leads to this port of the target.
async fn found_by_rebinding(chromium: &Path, machine: &Machine, port: u16, turn: Turn) -> Value {
    let name = "rebind.example";
    let both = [SERVER, TARGET];
    machine.lead(name, if turn == Turn::Both { &both } else { &both[..1] });
    let mut reports = Reports::start(machine.listen((CONFIDANT, 0)));
    let server = PageServer::start(machine.listen((SERVER, port)));
    let url = url(&format!("{name}:{port}"), &reports, "");
    let _chromium = machine.show(chromium, &url);
    reports.loaded().await;
    server.stop().await;
    if turn == Turn::Again {
        machine.lead(name, &[TARGET]);
        machine.moves();
    }
    reports.go();
    reports.found().await
}

#[tokio::test]
async fn a_page_whose_name_is_rebound_to_the_hub_neither_connects_nor_reads() {
    let Some(chromium) = chromium::installed() else { return };
    let Some(machine) = Machine::start() else { return };
    let open = machine.listen((TARGET, 0));
    let port = port_of(&open);
    let_all_in(open);
    let home = TestHome::new();
    let hub = TestHub::start_by(&home, 0, machine.prefix()).await;
    let read = json!({ "status": 200, "type": "basic", "text": SECRET });
    let all = json!({
        "link": "open",
        "metrics": read,
        "health": read,
        "blindMetrics": read,
        "blindHealth": read,
        "framedMetrics": SECRET,
        "framedHealth": SECRET,
        "runMetrics": { "names": 1, "error": null },
    });
    let refused = json!({ "status": 403, "type": "basic", "text": "" });
    let nothing = json!({
        "link": "closed",
        "metrics": refused,
        "health": refused,
        "blindMetrics": refused,
        "blindHealth": refused,
        "framedMetrics": "",
        "framedHealth": "",
        "runMetrics": { "names": 0, "error": null },
    });
    for turn in [Turn::Both, Turn::Again] {
        let found = found_by_rebinding(&chromium, &machine, port, turn).await;
        assert_eq!(found, all, "{turn:?}");
        let found = found_by_rebinding(&chromium, &machine, hub.port, turn).await;
        assert_eq!(found, nothing, "{turn:?}");
    }
}
