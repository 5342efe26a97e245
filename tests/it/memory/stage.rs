//! Alice, bob and their hub, whose memory is looked at.

use bytes::Bytes;
use junction_testkit::{
    FrameProxy, ProxiedFrame, SlowClient, TcpProxy, TestBridge, TestHome, TestHub, eventually,
    pass, skipped,
};

use super::text::Text;
use junction_testkit::memory_scan::{Needle, ScannedProcess, are_found, are_gone};

/// Two bridges on a hub.
pub(super) struct MemoryStage {
    pub(super) home: TestHome,
    pub(super) hub: TestHub,
    pub(super) alice: TestBridge,
    pub(super) bob: TestBridge,
    /// Between alice and the hub.
    proxy: TcpProxy,
}

impl MemoryStage {
    /// Two bridges that know each other; none where this user may not look into them.
    pub(super) async fn set(settings: &[(&str, &str)]) -> Option<Self> {
        Self::set_with(settings, pass).await
    }

    /// Two bridges that know each other, with `tamper` between alice and the hub.
    pub(super) async fn set_with(
        settings: &[(&str, &str)],
        tamper: impl FnMut(&ProxiedFrame) -> Vec<Bytes> + Send + 'static,
    ) -> Option<Self> {
        let home = TestHome::new();
        let hub = TestHub::start_with(&home, settings).await;
        if !may_look(hub.pid()) {
            return None;
        }
        let proxy = FrameProxy::start(hub.port, tamper).await;
        let proxy = TcpProxy::start(proxy.port).await;
        let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
        let bob = TestBridge::join(&home, &hub, "bob").await;
        // Each is to have heard of the other: so a message is taken while there is no hub.
        let sent = alice.send("bob", "first").await;
        bob.read_one().await;
        alice.receipt(&sent["id"]).await;
        Some(Self { home, hub, alice, bob, proxy })
    }

    /// Kills the hub, and waits until alice has seen it: until then she would seal what she is to send.
    pub(super) async fn lose_hub(&mut self) {
        let before = self.proxy.dials().len();
        self.hub.kill();
        eventually("alice looks for a hub", async || {
            (self.proxy.dials().len() > before).then_some(())
        })
        .await;
    }

    pub(super) fn alice(&self) -> ScannedProcess {
        bridge("alice", &self.alice)
    }

    pub(super) fn bob(&self) -> ScannedProcess {
        bridge("bob", &self.bob)
    }

    pub(super) fn hub(&self) -> ScannedProcess {
        hub(&self.hub)
    }

    /// No process holds any part of these texts any more.
    pub(super) async fn nobody_holds(&self, texts: &[&Text]) {
        nobody_holds(&[self.alice(), self.bob(), self.hub()], texts).await;
    }
}

/// Whether this user may look into this process; says so if not.
pub(super) fn may_look(pid: u32) -> bool {
    let may = ScannedProcess { name: "it", pid }.is_readable();
    if !may {
        skipped("only root may read the memory of a process that cannot be dumped");
    }
    may
}

pub(super) fn bridge(name: &'static str, bridge: &TestBridge) -> ScannedProcess {
    ScannedProcess { name, pid: bridge.client.pid() }
}

pub(super) fn slow(name: &'static str, bridge: &SlowClient) -> ScannedProcess {
    ScannedProcess { name, pid: bridge.pid() }
}

pub(super) fn hub(hub: &TestHub) -> ScannedProcess {
    ScannedProcess { name: "the hub", pid: hub.pid() }
}

/// The process holds each of these texts, whole.
pub(super) async fn holds(process: ScannedProcess, texts: &[&Text]) {
    let needles: Vec<&Needle> = texts.iter().map(|text| &text.whole).collect();
    are_found(process, &needles).await;
}

/// Waits until no process holds any part of these texts.
pub(super) async fn nobody_holds(processes: &[ScannedProcess], texts: &[&Text]) {
    let needles: Vec<&Needle> = texts.iter().flat_map(|text| &text.parts).collect();
    are_gone(processes, &needles).await;
}
