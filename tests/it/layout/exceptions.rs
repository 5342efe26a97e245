//! What the rules of the house let pass.

/// Why a name is defined once for each platform.
const PER_PLATFORM: &str = "one type, with an implementation for each platform";

/// The rule, what it lets pass, and why.
pub(super) const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("fields", "State", "the hub's state is one machine under one lock"),
    (
        "impls",
        "hub::State",
        "the hub's state is one machine under one lock, a file for each subject",
    ),
    (
        "impls",
        "engine::Session",
        "the session only carries facts between machines, a file for each subject",
    ),
    ("files", "tests/it/sentences.rs", "one rule: what a sentence is, and where it is looked for"),
    ("files", "tests/it/sentences/answers.rs", "one run of the programs through every answer"),
    ("names", "InputWatch", PER_PLATFORM),
    ("names", "ParentWatch", PER_PLATFORM),
    ("names", "Processes", PER_PLATFORM),
    ("names", "Signals", PER_PLATFORM),
    ("names", "SocketListener", PER_PLATFORM),
    ("names", "SocketStream", PER_PLATFORM),
    (
        "circles within a folder",
        "shared/src/machine/config_dir.rs with shared/src/machine/config_dir/locks.rs",
        "a lock is taken on the directory, and the directory hands out locks",
    ),
    (
        "circles within a folder",
        "bridge/src/clients/claude.rs with bridge/src/clients/claude/inbox_socket.rs",
        "the client's profile names its channel, and the channel asks which client it is for",
    ),
];
