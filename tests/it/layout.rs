//! The rules of the house, checked on its source and on the crates that cargo resolves: who may use whom, which
//! names mean what, and how large things get.

mod dependencies;
mod exceptions;
mod imports;
mod prose;
mod source;
mod types;

use std::collections::{BTreeMap, BTreeSet};

use dependencies::{crates_of, ours};
use exceptions::EXCEPTIONS;
use imports::Imports;
use prose::leaning_comments;
use source::{PRODUCT, SourceFile, everything, product, root};
use types::Definitions;

/// The packages that are shipped, and what each may use of the others.
const PACKAGES: [(&str, &[&str]); 6] = [
    ("junction-shared", &[]),
    ("junction-hub", &["junction-shared"]),
    ("junction-engine", &["junction-shared"]),
    ("junction-attachments", &["junction-shared"]),
    ("junction-guard", &[]),
    (
        "junction-bridge",
        &["junction-attachments", "junction-engine", "junction-guard", "junction-shared"],
    ),
];

/// Crates that a package must not need, directly or through others: `shared` has no runtime, the hub holds nothing
/// that could open a message, the engine has no face.
const FORBIDDEN: [(&str, &[&str]); 5] = [
    (
        "junction-shared",
        &["tokio", "axum", "rmcp", "hpke", "aes-gcm", "tungstenite", "tokio-tungstenite"],
    ),
    ("junction-hub", &["hpke", "aes-gcm", "aead-stream", "rmcp"]),
    ("junction-attachments", &["tokio", "rmcp", "junction-engine"]),
    ("junction-guard", &["regex", "tokio"]),
    ("junction-engine", &["rmcp", "clap", "rpassword", "qrcode"]),
];

/// Libraries that only these files may name.
const CONFINED: [(&str, &[&str]); 13] = [
    (
        "rmcp",
        &[
            "bridge/src/mcp/stdio/transport.rs",
            "bridge/src/mcp/consent.rs",
            "bridge/src/mcp/progress.rs",
            "bridge/src/mcp/handler.rs",
            "bridge/src/mcp/http.rs",
            "bridge/src/mcp/request.rs",
            "bridge/src/mcp/served_agent.rs",
            "bridge/src/mcp/server.rs",
            "bridge/src/mcp/skills.rs",
        ],
    ),
    ("hpke", &["bridge/engine/src/seal.rs"]),
    (
        "aes_gcm",
        &[
            "bridge/engine/src/seal.rs",
            "bridge/engine/src/seal/chunks.rs",
            "bridge/engine/src/seal/claims.rs",
        ],
    ),
    ("aead_stream", &["bridge/engine/src/seal/chunks.rs"]),
    ("saphyr_parser", &["bridge/attachments/src/values/yaml/walk.rs"]),
    ("tokio_tungstenite", &["bridge/engine/src/transport/dial.rs"]),
    (
        "tokio_rustls",
        &[
            "bridge/engine/src/transport/tls.rs",
            "bridge/src/gateway/authority.rs",
            "bridge/src/gateway/tls.rs",
            "hub/src/accept/tls.rs",
        ],
    ),
    ("reqwest", &["bridge/engine/src/transport/http.rs"]),
    ("rcgen", &["bridge/src/gateway/authority.rs", "hub/src/accept/tls.rs"]),
    ("rpassword", &["bridge/src/commands/join.rs"]),
    ("qrcode", &["bridge/src/qr_code.rs"]),
    ("x25519_dalek", &["shared/src/protocol/crypto.rs"]),
    ("ed25519_dalek", &["shared/src/machine/identity.rs", "shared/src/protocol/seat.rs"]),
];

/// The modules of each crate that are ranked, the lowest layer first. No file of a layer uses a file of a higher one,
/// directly or through others. Modules of one layer do not use each other.
const LAYERS: [(&str, &[&[&str]]); 4] = [
    ("shared", &[&["secret"], &["protocol"], &["invite_link"], &["machine"]]),
    ("hub", &[&["state"], &["registry"], &["connection"], &["http"], &["daemon"]]),
    ("engine", &[&["transport"], &["hubs"], &["session"], &["actor"], &["handle"]]),
    (
        "bridge",
        &[
            &["process"],
            &["wording"],
            &["clients"],
            &["wake"],
            &["ipc"],
            &["person"],
            &["mcp", "people", "page"],
            &["commands"],
        ],
    ),
];

/// Fields of a struct, or of a variant of an enum, at most.
const MOST_FIELDS: usize = 15;
/// Files that hold the `impl`s of a type, at most.
const MOST_IMPL_FILES: usize = 3;
/// Lines of a function, at most. A `main.rs` is shorter as a whole.
const MOST_FUNCTION_LINES: usize = 60;
/// Lines of a file without its tests, at most.
const MOST_FILE_LINES: usize = 400;
/// A file with fewer lines is worth a file only if it is a noun of its own.
const FEW_LINES: usize = 60;
/// The share of such files among those of the product that define anything, in percent, at most. Lists of modules are
/// not counted, and neither is what one platform needs.
const MOST_SMALL_FILES: usize = 16;
/// The names of files with what one platform needs.
const PLATFORMS: [&str; 4] = ["elsewhere", "linux", "unix", "windows"];

/// Names that each crate may give a type of its own.
const ONCE_A_CRATE: [&str; 3] = ["Config", "Error", "State"];

/// Fails with all violations of a rule that no exception names, and with exceptions that nothing needs. An exception names
/// the first word of a violation; for a circle it names all files.
fn check(rule: &str, violations: &[String]) {
    let subject = |violation: &str| {
        if rule.starts_with("circles") {
            violation.to_owned()
        } else {
            violation.split([' ', ',']).next().unwrap_or_default().to_owned()
        }
    };
    let exceptions: BTreeSet<&str> =
        EXCEPTIONS.iter().filter(|(of, ..)| *of == rule).map(|(_, subject, _)| *subject).collect();
    let found: BTreeSet<String> = violations.iter().map(|violation| subject(violation)).collect();
    let new: Vec<&String> = violations
        .iter()
        .filter(|violation| !exceptions.contains(subject(violation).as_str()))
        .collect();
    assert!(new.is_empty(), "{rule}: {new:#?}");
    let stale: Vec<_> = exceptions.iter().filter(|subject| !found.contains(**subject)).collect();
    assert!(stale.is_empty(), "{rule}: no exception is needed for {stale:?}");
}

/// Whether a file names this library: by an import, or at the head of a path.
fn names(file: &SourceFile, library: &str) -> bool {
    let mut imports = file.imports.iter().map(|(_, path)| path);
    let is_head = |path: &Vec<String>| path.first().is_some_and(|head| head == library);
    imports.any(is_head) || file.paths.iter().any(is_head)
}

#[test]
fn crates_use_each_other_in_one_direction() {
    for (package, may_use) in PACKAGES {
        let may_use: BTreeSet<String> = may_use.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(ours(package, "normal"), may_use, "{package}");
    }
}

#[test]
fn no_shipped_crate_uses_the_test_kit() {
    for (package, _) in PACKAGES {
        for edges in ["normal", "build", "dev"] {
            let kit = ours(package, edges).into_iter().find(|name| name == "junction-testkit");
            assert_eq!(kit, None, "{package}, {edges}");
        }
    }
    let shipped = crates_of("agent-junction", "normal", None);
    assert!(!shipped.contains("junction-testkit"));
}

#[test]
fn no_crate_needs_what_it_must_not_have() {
    for (package, forbidden) in FORBIDDEN {
        let crates = crates_of(package, "normal", None);
        for name in forbidden {
            assert!(!crates.contains(*name), "{package} needs {name}");
        }
    }
}

#[test]
fn libraries_are_named_only_in_their_files() {
    for file in product() {
        for (library, allowed) in CONFINED {
            let named = names(file, library);
            assert!(
                !named || allowed.contains(&file.path.as_str()),
                "{} names {library}",
                file.path
            );
        }
    }
}

#[test]
fn nothing_but_the_protocol_is_written_to_stdout() {
    for file in product() {
        for name in ["print", "println", "dbg"] {
            assert!(!file.macros.contains(name), "{} calls {name}!", file.path);
        }
    }
}

#[test]
fn every_crate_forbids_unsafe_code_and_takes_the_workspace_lints() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("a manifest");
    assert!(manifest.contains("unsafe_code = \"forbid\""));
    for of in [".", "hub", "bridge", "bridge/engine", "shared", "tests/kit"] {
        let manifest =
            std::fs::read_to_string(root().join(of).join("Cargo.toml")).expect("a manifest");
        assert!(manifest.contains("[lints]\nworkspace = true"), "{of}");
    }
}

#[test]
fn no_type_has_too_many_fields() {
    let mut large = Vec::new();
    for file in everything() {
        let types = file.definitions.types.iter().filter(|found| found.fields > MOST_FIELDS);
        large.extend(
            types.map(|found| format!("{} in {}: {} fields", found.name, file.path, found.fields)),
        );
    }
    check("fields", &large);
}

#[test]
fn the_impls_of_a_type_are_in_few_files() {
    let mut impls: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for file in everything() {
        for name in &file.definitions.impls {
            impls.entry((file.of, name)).or_default().push(&file.path);
        }
    }
    let spread = impls.iter().filter(|(_, files)| files.len() > MOST_IMPL_FILES);
    let spread = spread.map(|((of, name), files)| format!("{of}::{name} in {files:?}"));
    check("impls", &spread.collect::<Vec<_>>());
}

#[test]
fn no_function_is_too_long() {
    let mut long = Vec::new();
    for file in everything() {
        let functions = &file.definitions.functions;
        let functions = functions.iter().filter(|found| found.lines > MOST_FUNCTION_LINES);
        long.extend(
            functions.map(|found| format!("{}::{}, {} lines", file.path, found.name, found.lines)),
        );
    }
    check("functions", &long);
    for file in everything().iter().filter(|file| file.path.ends_with("src/main.rs")) {
        assert!(file.lines < MOST_FUNCTION_LINES, "{} has {} lines", file.path, file.lines);
    }
}

#[test]
fn no_file_is_too_long() {
    let long = everything().iter().filter(|file| file.lines > MOST_FILE_LINES);
    let long = long.map(|file| format!("{} has {} lines", file.path, file.lines));
    check("files", &long.collect::<Vec<_>>());
}

#[test]
fn few_files_are_small() {
    let is_noun = |file: &&SourceFile| {
        let Definitions { types, functions, .. } = &file.definitions;
        let defines = !types.is_empty() || !functions.is_empty();
        defines && file.module.last().is_none_or(|name| !PLATFORMS.contains(&name.as_str()))
    };
    let files: Vec<&SourceFile> = product().into_iter().filter(is_noun).collect();
    let small = files.iter().filter(|file| file.lines_with_tests < FEW_LINES);
    let small: Vec<&str> = small.map(|file| file.path.as_str()).collect();
    let share = small.len() * 100 / files.len();
    let violation =
        format!("share {share} %, {} of {} files: {small:#?}", small.len(), files.len());
    check(
        "small files",
        &(share > MOST_SMALL_FILES).then_some(violation).into_iter().collect::<Vec<_>>(),
    );
}

#[test]
fn no_type_name_has_two_meanings() {
    let mut places: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for file in everything() {
        for found in &file.definitions.types {
            places.entry(&found.name).or_default().push((file.of, &file.path));
        }
    }
    let shared = places.iter().filter(|(name, places)| {
        let crates: BTreeSet<_> = places.iter().map(|(of, _)| of).collect();
        places.len() > 1 && !(ONCE_A_CRATE.contains(*name) && crates.len() == places.len())
    });
    let shared = shared.map(|(name, places)| {
        let paths: Vec<_> = places.iter().map(|(_, path)| *path).collect();
        format!("{name} in {}", paths.join(", "))
    });
    check("names", &shared.collect::<Vec<_>>());
}

/// Calls `look` with the imports within each crate of the product.
fn each_crate(mut look: impl FnMut(&'static str, &Imports<'_>)) {
    for (of, _) in PRODUCT {
        look(of, &Imports::of(everything().iter().filter(|file| file.of == of).collect()));
    }
}

#[test]
fn no_layer_uses_a_higher_one() {
    let mut violations = Vec::new();
    each_crate(|of, imports| {
        let layers = LAYERS.iter().find(|(name, _)| *name == of).map(|(_, layers)| *layers);
        let layers = layers.expect("every crate has layers");
        let layer = |file: &SourceFile| {
            let top = file.module.first()?;
            let at = layers.iter().position(|layer| layer.contains(&top.as_str()))?;
            Some((at, top.clone()))
        };
        for (from, to, through) in imports.reachable() {
            let (Some((low, one)), Some((high, other))) = (layer(from), layer(to)) else {
                continue;
            };
            if high > low || (high == low && one != other) {
                violations.push(format!("{} uses {}{through}", from.path, to.path));
            }
        }
    });
    check("layers", &violations);
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let (mut across, mut within) = (Vec::new(), Vec::new());
    each_crate(|_, imports| {
        for circle in imports.circles() {
            let folders: BTreeSet<Vec<String>> =
                circle.iter().map(|file| folder(file, imports)).collect();
            let paths: Vec<&str> = circle.iter().map(|file| file.path.as_str()).collect();
            let list = if folders.len() > 1 { &mut across } else { &mut within };
            list.push(format!("{} with {}", paths[0], paths[1..].join(", ")));
        }
    });
    check("circles across folders", &across);
    check("circles within a folder", &within);
}

/// The folder of a file: that of its own modules where it has any, else the one that it is in.
fn folder(file: &SourceFile, imports: &Imports<'_>) -> Vec<String> {
    let mut module = file.module.clone();
    if !imports.has_modules(file) {
        module.pop();
    }
    module
}

#[test]
fn every_doc_comment_stands_alone() {
    let leaning: Vec<String> = everything().iter().flat_map(leaning_comments).collect();
    check("doc comments", &leaning);
}
