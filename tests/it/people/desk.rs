//! A person's desk and the projects of agents: each a directory of the home.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use junction_testkit::{PersonRun, TestBridge, TestHome, TestHub, Version, finished, person};

/// A directory of this name in the home.
pub(super) fn directory(home: &TestHome, name: &str) -> PathBuf {
    let directory = home.path().join(name);
    std::fs::create_dir_all(&directory).expect("a directory");
    directory.canonicalize().expect("its real path")
}

/// A bridge whose project is the directory of its name.
pub(super) async fn bridge_in(home: &TestHome, hub: &TestHub, alias: &str) -> TestBridge {
    let launch = TestBridge::launch(home, hub.port).cwd(directory(home, alias));
    let mut bridge = TestBridge::open(home, launch, Version::Stateful).await;
    bridge.register(alias).await;
    bridge
}

/// A person's command that runs in the directory `desk`.
pub(super) fn at_desk(
    home: &TestHome,
    hub: &TestHub,
    arguments: &[&str],
) -> tokio::process::Command {
    let mut command = person(home, hub.port, arguments);
    command.current_dir(directory(home, "desk"));
    command
}

/// How such a command ends.
pub(super) async fn run_at_desk(home: &TestHome, hub: &TestHub, arguments: &[&str]) -> PersonRun {
    finished(at_desk(home, hub, arguments).spawn().expect("it starts")).await
}

/// The permissions of a file.
pub(super) fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}
