//! The rules of the house, checked on its source: who may use whom, and how large things get.

use std::path::{Path, PathBuf};

/// Names that only these files of the bridge may say.
const CONFINED: [(&str, &[&str]); 9] = [
    ("rmcp", &["bridge/src/mcp/stdio/transport.rs", "bridge/src/mcp/server.rs"]),
    ("hpke", &["bridge/engine/src/seal.rs"]),
    ("aes_gcm", &["bridge/engine/src/seal.rs"]),
    ("tokio_tungstenite", &["bridge/engine/src/transport/dial.rs"]),
    ("tokio_rustls", &["bridge/engine/src/transport/tls.rs", "hub/src/accept/tls.rs"]),
    ("rcgen", &["hub/src/accept/tls.rs"]),
    ("rpassword", &["bridge/src/commands/join.rs"]),
    ("qrcode", &["bridge/src/commands/invite.rs"]),
    ("x25519_dalek", &["shared/src/protocol/handshake.rs"]),
];

/// Crates that may be in no part of `shared`: it has no runtime and cannot read a message.
const NOT_IN_SHARED: [&str; 6] = ["tokio", "axum", "rmcp", "hpke", "aes-gcm", "tokio-tungstenite"];

/// Lines of a file before its tests. The wire is one file on purpose.
const MAX_LINES: usize = 400;
const LARGER: [&str; 0] = [];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of a crate, by its path from the root.
fn sources(of: &str) -> Vec<(String, String)> {
    let mut open = vec![root().join(of)];
    let mut found: Vec<PathBuf> = Vec::new();
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(root()).expect("below the root").display().to_string();
            (name, std::fs::read_to_string(&path).expect("source"))
        })
        .collect()
}

/// The part of a file before its tests.
fn before_tests(source: &str) -> &str {
    let tests = source.match_indices("\n#[cfg(").find(|(at, _)| {
        let mut lines = source[at + 1..].lines();
        let condition = lines.next().unwrap_or_default();
        let item = lines.find(|line| !line.starts_with("#["));
        condition.contains("test") && item.is_some_and(|line| line.starts_with("mod tests {"))
    });
    tests.map_or(source, |(at, _)| &source[..at])
}

/// Whether a line of code says this name as a path or an import.
fn says(source: &str, name: &str) -> bool {
    before_tests(source).lines().map(str::trim).filter(|line| !line.starts_with("//")).any(|line| {
        line.match_indices(name).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = &line[at + name.len()..];
            let whole = before.is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == '-'));
            whole && (after.starts_with("::") || line == format!("use {name};"))
        })
    })
}

/// The names of a crate's dependencies.
fn dependencies(of: &str) -> Vec<String> {
    let manifest = std::fs::read_to_string(root().join(of).join("Cargo.toml")).expect("a manifest");
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.trim_end_matches(']').ends_with("dependencies") && !line.contains("dev-");
        } else if inside && let Some((name, _)) = line.split_once(['.', '=', ' ']) {
            names.push(name.to_owned());
        }
    }
    names
}

#[test]
fn hub_and_bridge_know_shared_and_never_each_other() {
    for (one, other, module) in
        [("hub", "junction-bridge", "junction_bridge"), ("bridge", "junction-hub", "junction_hub")]
    {
        assert!(dependencies(one).contains(&"junction-shared".to_owned()), "{one}");
        assert!(!dependencies(one).contains(&other.to_owned()), "{one}");
        for (name, source) in sources(&format!("{one}/src")) {
            // The main of each binary is part of the root package and names its own library.
            assert!(!says(&source, module), "{name} says {module}");
        }
    }
    for (name, source) in sources("shared/src") {
        for module in ["junction_bridge", "junction_hub"] {
            assert!(!says(&source, module), "{name} says {module}");
        }
    }
}

#[test]
fn shared_has_no_runtime_and_cannot_read_a_message() {
    let dependencies = dependencies("shared");
    for name in NOT_IN_SHARED {
        assert!(!dependencies.contains(&name.to_owned()), "shared depends on {name}");
        for (file, source) in sources("shared/src") {
            assert!(!says(&source, &name.replace('-', "_")), "{file} says {name}");
        }
    }
}

#[test]
fn the_hub_has_nothing_to_open_a_message_with() {
    for name in ["hpke", "aes-gcm", "rmcp"] {
        assert!(!dependencies("hub").contains(&name.to_owned()), "the hub depends on {name}");
    }
}

#[test]
fn what_is_confined_to_a_file_is_said_nowhere_else() {
    for (name, allowed) in CONFINED {
        for of in ["shared/src", "hub/src", "bridge/src", "bridge/engine/src"] {
            for (file, source) in sources(of) {
                let tests = file.contains("/tests");
                assert!(
                    tests || allowed.contains(&file.as_str()) || !says(&source, name),
                    "{file} says {name}"
                );
            }
        }
    }
}

#[test]
fn no_file_is_too_long_to_read() {
    for of in ["shared/src", "hub/src", "bridge/src", "bridge/engine/src", "tests/it"] {
        for (file, source) in sources(of) {
            let lines = before_tests(&source).lines().count();
            let tests = file.contains("/tests") || of == "tests/it";
            let most = if tests { 2 * MAX_LINES } else { MAX_LINES };
            assert!(
                lines <= most || LARGER.contains(&file.as_str()),
                "{file} has {lines} lines before its tests"
            );
        }
    }
}

#[test]
fn stdout_is_the_protocols_alone() {
    for of in ["shared/src", "hub/src", "bridge/src", "bridge/engine/src"] {
        for (file, source) in sources(of) {
            for word in ["println!", "print!(", "dbg!("] {
                let said =
                    before_tests(&source).lines().any(|line| line.trim_start().starts_with(word));
                assert!(!said, "{file} says {word}");
            }
        }
    }
}

#[test]
fn every_crate_forbids_unsafe_code_and_takes_the_lints_of_the_house() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("a manifest");
    assert!(manifest.contains("unsafe_code = \"forbid\""));
    for of in [".", "hub", "bridge", "bridge/engine", "shared", "tests/kit"] {
        let manifest =
            std::fs::read_to_string(root().join(of).join("Cargo.toml")).expect("a manifest");
        assert!(manifest.contains("[lints]\nworkspace = true"), "{of}");
    }
}
