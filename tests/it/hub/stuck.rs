//! A hub whose stderr nobody reads.

use std::process::ExitStatus;

use junction_testkit::{
    TestBridge, TestHome, TestHub, eventually, free_port, health, signal, stuck_pipe, within,
};
use rustix::process::Signal;
use tokio::process::{Child, Command};

async fn ended(hub: &mut Child) -> ExitStatus {
    within("the hub ends", hub.wait()).await.expect("its status")
}

#[tokio::test]
async fn regression_hub_whose_stderr_is_not_read_serves_and_stops() {
    for with in [Signal::INT, Signal::TERM] {
        let home = TestHome::new();
        let port = free_port();
        let (_reader, stderr) = stuck_pipe(0);
        let mut command = TestHub::command(&home, port);
        command.env("JUNCTION_LOG", "trace").stderr(stderr);
        let mut hub = Command::from(command).kill_on_drop(true).spawn().expect("the hub starts");
        eventually("it serves", async || health(port).await).await;
        let alice = TestBridge::join_port(&home, port, "alice").await;
        let bob = TestBridge::join_port(&home, port, "bob").await;
        for _ in 0..50 {
            alice.send("bob", "hello").await;
            bob.read_one().await;
        }
        // It says so on stderr, and goes on with the new keys.
        let rotated = TestHub::command(&home, port).arg("rotate").output().expect("it runs");
        assert!(rotated.status.success());
        eventually("alice is back", async || {
            alice.try_call("list_peers", serde_json::json!({})).await.ok()
        })
        .await;
        // A second one cannot have the port, and ends although nobody reads why.
        let (_reader, stderr) = stuck_pipe(0);
        let mut second = TestHub::command(&home, port);
        second.stderr(stderr);
        let mut second = Command::from(second).kill_on_drop(true).spawn().expect("it starts");
        assert_eq!(ended(&mut second).await.code(), Some(1));
        signal(hub.id().expect("it runs"), with);
        assert!(ended(&mut hub).await.success());
    }
}
