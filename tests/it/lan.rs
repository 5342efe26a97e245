//! Several machines on one network. The machines are network namespaces; without the right to make them, or without
//! `ip`, each of these tests says that it is skipped.

mod abuse;
mod groups;
mod links;
mod page;
mod peers;

use std::process::{Command, Output, Stdio};

use junction_shared::invite_link::InviteLink;
use junction_shared::protocol::limits::PORT;
use junction_testkit::client::Launch;
use junction_testkit::{
    Network, TestBridge, TestHome, TestHub, Transport, Version, bridge_binary, http_at,
};

/// The machine of the hub, and those of others.
const HUB: u8 = 1;
const BOB: u8 = 2;
const CAROL: u8 = 3;

/// A command of a bridge on a machine, with this on its stdin.
fn run(network: &Network, machine: u8, home: &TestHome, arguments: &[&str], input: &str) -> Output {
    let mut command = network.command(machine, bridge_binary());
    finish(command.args(arguments).env("JUNCTION_CONFIG_DIR", home.config()), input)
}

/// Runs a command with this input to its end.
pub(crate) fn finish(command: &mut Command, input: &str) -> Output {
    use std::io::Write as _;

    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    // It may end without reading.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// What a command says that has to succeed.
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// What a command says that has to fail: one sentence that says what is wrong, one that says what to do.
fn refused(output: &Output) -> String {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("Error: ") && output.stdout.is_empty(), "{said}");
    said
}

/// The one link to the hub of this home.
fn invite(network: &Network, home: &TestHome) -> String {
    let links = said(&run(network, HUB, home, &["invite"], ""));
    let link = links.trim_end().to_owned();
    assert_eq!(link.lines().count(), 1, "one address, one link: {links}");
    link
}

/// A bridge on a machine, on the hub that is called so there.
async fn join(
    network: &Network,
    machine: u8,
    home: &TestHome,
    hub: &str,
    alias: &str,
) -> TestBridge {
    let mut bridge = open(network, machine, home, hub).await;
    bridge.register(alias).await;
    bridge
}

async fn open(network: &Network, machine: u8, home: &TestHome, hub: &str) -> TestBridge {
    TestBridge::open(home, launch(network, machine, home, hub), Version::Stateful).await
}

fn launch(network: &Network, machine: u8, home: &TestHome, hub: &str) -> Launch {
    network
        .bridge(machine)
        .env("JUNCTION_CONFIG_DIR", home.config())
        .env("JUNCTION_HUB", hub)
        .env("JUNCTION_AUTOSTART", "false")
        .env("JUNCTION_SEND_LIMIT", "off")
        .env_remove("CLAUDE_PROJECT_DIR")
        .cwd(home.path())
}

/// A hub on the first machine of a network, and the home that joined it by its link on the second.
async fn linked(network: &Network) -> (TestHome, TestHub, TestHome) {
    let (home, guest) = (TestHome::new(), TestHome::new());
    let hub = TestHub::start_for(network, HUB, &home).await;
    let link = invite(network, &home);
    said(&run(network, BOB, &guest, &["join", "--name", "attic"], &link));
    (home, hub, guest)
}

/// The fingerprint of a hub's key, as it is shown.
fn fingerprint(link: &InviteLink) -> String {
    link.pin.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// What the hub counts, as a person on its machine reads it.
async fn metrics(network: &Network) -> String {
    network.on(HUB, async || {
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        http_at(Transport::Plain, ([127, 0, 0, 1], PORT).into(), request).await
    })
}

/// The link that a home has under a name.
fn link_of(home: &TestHome, name: &str) -> InviteLink {
    let hosts = std::fs::read_to_string(home.config().join("hosts.toml")).expect("hosts.toml");
    let line = hosts.lines().find(|line| line.starts_with(name)).expect("a line");
    InviteLink::parse(line.split('"').nth(1).expect("a link")).expect("a link")
}
