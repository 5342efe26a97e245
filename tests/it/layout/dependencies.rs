//! The crates that a crate is made of, as cargo resolves them.

use std::collections::BTreeSet;
use std::process::Command;

use super::source::root;

/// The names of all crates that a package of the workspace needs, itself left out. `edges` and `depth` are those of
/// `cargo tree`.
pub(super) fn crates_of(package: &str, edges: &str, depth: Option<usize>) -> BTreeSet<String> {
    let mut tree = Command::new(env!("CARGO"));
    tree.args(["tree", "--locked", "--offline", "--prefix", "none", "--format", "{p}"]);
    tree.args(["--package", package, "--edges", edges]);
    if let Some(depth) = depth {
        tree.args(["--depth", &depth.to_string()]);
    }
    let output = tree.current_dir(root()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let names = text.lines().filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != package).map(str::to_owned).collect()
}

/// The crates of this workspace among them.
pub(super) fn ours(package: &str, edges: &str) -> BTreeSet<String> {
    let mut crates = crates_of(package, edges, Some(1));
    crates.retain(|name| name.starts_with("junction-"));
    crates
}
