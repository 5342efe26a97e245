//! Hubs that are not there, hang, or are not what they should be.

use std::net::TcpListener;

use junction_shared::invite_link::InviteLink;
use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::hosts::set_link;
use junction_shared::machine::identity::own_link;
use junction_shared::secret::Secret;
use junction_testkit::client::Launch;
use junction_testkit::{
    Stranger, TestBridge, TestHome, TestHub, Version, eventually, free_port, processes_of, signal,
};
use rustix::process::Signal;

use super::diagnose;

#[tokio::test]
async fn stranger_on_the_port_that_was_set_is_named() {
    for stranger in [Stranger::NotFound, Stranger::Silent, Stranger::Healthy] {
        let home = TestHome::installed();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let _serving = stranger.serve(listener);
        // In a thread, as the stranger needs this one.
        let diagnosis = tokio::task::spawn_blocking(move || {
            diagnose(&home, &[("JUNCTION_PORT", &port.to_string())])
        });
        let us = format!("(process {})", std::process::id());
        let words = ["hub: ", &format!("127.0.0.1:{port}"), "in use by", &us, "JUNCTION_PORT"];
        diagnosis.await.expect("it ends").assert("failure", &words);
    }
}

#[tokio::test]
async fn hub_that_hangs_is_named_with_its_process_and_within_the_time() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    signal(hub.pid(), Signal::STOP);
    let started = std::time::Instant::now();
    let diagnosis = diagnose(&home, &[]);
    let took = started.elapsed();
    signal(hub.pid(), Signal::CONT);
    diagnosis.assert("failure", &["hub: ", &format!("kill {}", hub.pid()), "junction-bridge stop"]);
    assert!(took.as_secs() < 10, "{took:?}");
}

#[tokio::test]
async fn another_port_than_the_hubs_is_told_with_both() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let other = free_port().to_string();
    let diagnosis = diagnose(&home, &[("JUNCTION_PORT", &other)]);
    let words = ["hub: ", &format!("127.0.0.1:{}", hub.port), "Unset JUNCTION_PORT"];
    diagnosis.assert("failure", &words);
    assert!(diagnosis.of("ok").iter().all(|line| !line.starts_with("message")));
}

#[tokio::test]
async fn no_hub_and_none_that_may_be_started_is_a_failure() {
    let home = TestHome::installed();
    let diagnosis = diagnose(&home, &[("JUNCTION_AUTOSTART", "false")]);
    diagnosis
        .assert("failure", &["hub: No hub runs here", "JUNCTION_AUTOSTART", "Run junction-hub"]);
    assert!(!home.config().exists(), "it made nothing");
}

#[tokio::test]
async fn hub_that_was_stopped_stays_so_and_is_a_warning() {
    let home = TestHome::installed();
    let _hub = TestHub::start(&home).await;
    let launch = Launch::new(home.bin().join("junction-bridge"))
        .env("JUNCTION_CONFIG_DIR", home.config())
        .env("XDG_RUNTIME_DIR", home.runtime("all"))
        .env_remove("CLAUDE_PROJECT_DIR")
        .cwd(home.path());
    let mut alice = TestBridge::open(&home, launch, Version::Stateful).await;
    alice.register("alice").await;
    let mut stop = std::process::Command::new(home.bin().join("junction-bridge"));
    stop.args(["stop", "--yes"]).env("JUNCTION_CONFIG_DIR", home.config());
    let stopped = stop.env_remove("JUNCTION_PORT").output().expect("it runs");
    assert!(stopped.status.success(), "{stopped:?}");
    let diagnosis = eventually("alice knows", async || {
        let diagnosis = diagnose(&home, &[]);
        let own = diagnosis.of("warning").into_iter().find(|line| line.starts_with("this session"));
        own.is_some_and(|line| line.contains("The hub was stopped.")).then_some(diagnosis)
    });
    let diagnosis = diagnosis.await;
    diagnosis.assert_healthy();
    diagnosis.assert("warning", &["hub: You stopped the hub", "next tool call"]);
    assert!(diagnosis.of("ok").iter().all(|line| !line.starts_with("message")));
    assert_eq!(processes_of(home.path(), "junction-hub"), Vec::<u32>::new());
}

#[tokio::test]
async fn hub_program_that_is_missing_is_a_warning_while_a_hub_runs() {
    let home = TestHome::installed();
    let _hub = TestHub::start(&home).await;
    std::fs::remove_file(home.bin().join("junction-hub")).expect("removed");
    let diagnosis = diagnose(&home, &[]);
    diagnosis.assert_healthy();
    diagnosis.assert("warning", &["programs: ", "junction-hub", "side by side"]);
}

#[tokio::test]
async fn name_of_no_host_is_a_failure() {
    let home = TestHome::new();
    let _hub = TestHub::start(&home).await;
    let diagnosis = diagnose(&home, &[("JUNCTION_HUB", "attic")]);
    diagnosis.assert(
        "failure",
        &["JUNCTION_HUB: ", "a host that is not known", "junction-bridge hosts"],
    );
}

/// The link to a hub on this machine by which another configuration directory may know it.
fn link_to(home: &TestHome, port: u16) -> InviteLink {
    let link = own_link(&ConfigDir::at(home.config())).expect("a link");
    InviteLink { host: "127.0.0.1".to_owned(), port, ..link }
}

#[tokio::test]
async fn known_hosts_are_told_by_what_they_prove() {
    let (home, attic) = (TestHome::new(), TestHome::new());
    let _hub = TestHub::start(&home).await;
    let far = TestHub::start(&attic).await;
    let dir = ConfigDir::at(home.config());
    set_link(&dir, "attic", &link_to(&attic, far.port)).expect("stored");
    let diagnosis = diagnose(&home, &[]);
    diagnosis.assert_healthy();
    diagnosis.assert("ok", &["known hosts: attic", "answers in", "proves its key"]);
    // Sessions there would be seen.
    diagnose(&home, &[("JUNCTION_HUB", "attic")]).assert("ok", &["message: Not tried on attic"]);

    let other_key = InviteLink { pin: [7; 32], ..link_to(&attic, far.port) };
    set_link(&dir, "attic", &other_key).expect("stored");
    diagnose(&home, &[]).assert("failure", &["known hosts: attic", "is not the hub"]);

    let secret = Secret::try_filled(|key| {
        key.fill(9);
        Ok::<_, ()>(())
    });
    let old = InviteLink { secret: secret.expect("a secret"), ..link_to(&attic, far.port) };
    set_link(&dir, "attic", &old).expect("stored");
    diagnose(&home, &[]).assert("failure", &["known hosts: attic", "no longer valid"]);

    set_link(&dir, "attic", &link_to(&attic, free_port())).expect("stored");
    let away = diagnose(&home, &[]);
    away.assert_healthy();
    away.assert("warning", &["known hosts: attic", "does not answer", "forget attic"]);
    let in_use = diagnose(&home, &[("JUNCTION_HUB", "attic")]);
    in_use.assert("failure", &["known hosts: attic", "does not answer"]);
}
