//! Who is on a hub of another machine, as a person sees it who has a session there.

use std::process::{Command, Output};

use junction_testkit::{Network, TestHome, bridge_binary, eventually};

use super::{BOB, HUB, join, linked, text};

/// `peers` of the hub attic, as the user of this home on that machine, where bridges have their sockets in `runtime`.
fn peers(network: &Network, home: &TestHome, arguments: &[&str]) -> Output {
    let mut command: Command = network.command(BOB, bridge_binary());
    command.args(["peers", "--hub", "attic"]).args(arguments);
    command.env("JUNCTION_CONFIG_DIR", home.config());
    command.env("XDG_RUNTIME_DIR", home.runtime("person"));
    command.output().expect("it runs")
}

#[tokio::test]
async fn peers_of_another_machine_are_shown_through_a_session_that_is_there() {
    let Some(network) = Network::create(2) else { return };
    let (home, _hub, guest) = linked(&network).await;
    let _alice = join(&network, HUB, &home, "local", "alice").await;
    // Without a session there the command does not show itself to find out.
    let refused = peers(&network, &guest, &[]);
    let said = text(&refused.stderr);
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0), "{said}");
    assert!(said.starts_with("Error: The hub attic is on another machine"), "{said}");
    let launch = super::launch(&network, BOB, &guest, "attic");
    let launch = launch.env("XDG_RUNTIME_DIR", guest.runtime("person"));
    let mut bob =
        junction_testkit::TestBridge::open(&guest, launch, junction_testkit::Version::Stateful)
            .await;
    bob.register("bob").await;
    eventually("alice is shown", async || {
        let shown = peers(&network, &guest, &[]);
        text(&shown.stdout).starts_with("alice ").then_some(())
    })
    .await;
    let shown = peers(&network, &guest, &["--json"]);
    let lines = text(&shown.stdout);
    let peer: serde_json::Value = serde_json::from_str(lines.trim_end()).expect("one object");
    assert_eq!((&peer["alias"], &peer["presence"]), (&"alice".into(), &"online".into()));
    assert!(text(&shown.stderr).contains("bob"), "{}", text(&shown.stderr));
    assert_eq!(text(&peers(&network, &guest, &["--role", "nobody"]).stdout), "");
}
