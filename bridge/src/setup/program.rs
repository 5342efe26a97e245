//! The path of this program as settings should name it, and the commands by which settings call it.

use std::env::{args_os, current_exe, split_paths, temp_dir, var_os};
use std::path::{Path, PathBuf};

/// The name of the program.
pub(crate) const BRIDGE: &str = "junction-bridge";
/// Folders in which a program does not stay, and what they are.
const PASSING: [(&str, &str); 7] = [
    ("_npx", "a cache"),
    ("_cacache", "a cache"),
    (".cache", "a cache"),
    ("Caches", "a cache"),
    ("target/debug", "the folder of a build"),
    ("target/release", "the folder of a build"),
    ("node_modules/.bin", "the packages of a project"),
];

/// The path of this program for settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnPath {
    pub(crate) path: PathBuf,
    /// Whether the program will still be there after an update.
    pub(crate) is_lasting: bool,
}

/// The path of this program: as on `PATH` if it is there, since that path outlives updates; else as it was called.
///
/// # Errors
/// The system's error if the process's own path cannot be read.
pub(crate) fn own_path() -> std::io::Result<OwnPath> {
    let own = current_exe()?;
    let path = var_os("PATH").unwrap_or_default();
    let called = args_os().next().map(PathBuf::from).filter(|path| path.is_absolute());
    let candidates = split_paths(&path).filter(|folder| folder.is_absolute());
    let candidates = candidates.map(|folder| folder.join(file_name()));
    let is_own = |path: &PathBuf| path.canonicalize().ok() == own.canonicalize().ok();
    let all: Vec<PathBuf> = candidates.chain(called).filter(is_own).collect();
    let lasting = all.iter().find(|path| stays(path)).cloned();
    let is_lasting = lasting.is_some();
    let path = lasting.or_else(|| all.first().cloned()).unwrap_or(own);
    Ok(OwnPath { is_lasting: is_lasting || stays(&path), path })
}

/// The first program of this name on `PATH`.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    split_paths(&var_os("PATH")?).map(|folder| folder.join(&file)).find(|path| is_executable(path))
}

/// Whether a path is a file that the system would run.
pub(crate) fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.is_file() && has_executable_mode(&file))
}

#[cfg(unix)]
fn has_executable_mode(file: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn has_executable_mode(_: &std::fs::Metadata) -> bool {
    true
}

fn file_name() -> String {
    format!("{BRIDGE}{}", std::env::consts::EXE_SUFFIX)
}

fn stays(path: &Path) -> bool {
    passing_in(path).is_none()
}

/// What a program is in that does not stay where it is.
pub(crate) fn passing_in(path: &Path) -> Option<&'static str> {
    let text = path.to_string_lossy().replace('\\', "/");
    let folder = PASSING.iter().find(|(folder, _)| text.contains(&format!("/{folder}/")));
    let is_temporary = path.starts_with(temp_dir());
    folder.map(|(_, what)| *what).or_else(|| is_temporary.then_some("a temporary directory"))
}

/// Whether a command of settings is this program, wherever it is.
pub(crate) fn is_bridge(command: &str) -> bool {
    let name = command.rsplit(['/', '\\']).next().unwrap_or_default();
    name.strip_suffix(".exe").unwrap_or(name) == BRIDGE
}

/// The command of a hook, which does nothing, silently, where the program is gone.
pub(crate) fn hook_command(program: &str) -> String {
    guarded(program, "hook")
}

/// The command of a hook that wakes the agent by its end, where no plugin waits to do that.
pub(crate) fn reserve_command(program: &str) -> String {
    guarded(program, "hook --rewake --reserve")
}

fn guarded(program: &str, arguments: &str) -> String {
    if program == BRIDGE {
        return format!("command -v {BRIDGE} >/dev/null || exit 0; exec {BRIDGE} {arguments}");
    }
    let path = shell_quoted(program);
    format!("test -x {path} || exit 0; exec {path} {arguments}")
}

/// A text as one word for a shell.
pub(super) fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What a hook's command has to do with this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HookCommand {
    /// The program and nothing else, as [`hook_command`] or a person writes it.
    Ours {
        /// The path or name.
        program: String,
        /// What it is called with.
        arguments: String,
    },
    /// The program within a command that somebody else has made.
    Wrapped,
    /// Something else.
    Other,
}

impl HookCommand {
    /// What this command is.
    pub(super) fn of(command: &str) -> Self {
        let bare = command.split_once("|| exit 0; exec ").map_or(command, |(_, rest)| rest);
        let words = shell_words(bare);
        if let [program, hook, rest @ ..] = words.as_slice()
            && is_bridge(program)
            && hook == "hook"
            && matches!(rest, [] | [_])
            && rest.iter().all(|flag| flag == "--rewake")
        {
            return Self::Ours { program: program.clone(), arguments: words[1..].join(" ") };
        }
        let is_call = |pair: &[String]| is_bridge(&pair[0]) && pair[1] == "hook";
        if words.windows(2).any(is_call) { Self::Wrapped } else { Self::Other }
    }

    /// The command with another program, if it is ours.
    pub(super) fn with(&self, program: &str) -> Option<String> {
        let Self::Ours { arguments, .. } = self else { return None };
        Some(guarded(program, arguments))
    }
}

/// The words of a command as a shell sees them, without its variables and other arts.
fn shell_words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut is_open) = (Vec::new(), String::new(), None, false);
    let mut chars = command.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\'' | '"', None) => {
                quote = Some(c);
                is_open = true;
            }
            (_, Some(open)) if c == open => quote = None,
            ('\\', None) => word.extend(chars.next()),
            ('\\', Some('"')) if matches!(chars.peek(), Some('"' | '\\')) => {
                word.extend(chars.next());
            }
            (c, None) if c.is_whitespace() => {
                if is_open || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                is_open = false;
            }
            (c, _) => word.push(c),
        }
    }
    if is_open || !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_hooks_are_known_wherever_the_program_was() {
        for program in
            ["junction-bridge", "/usr/local/bin/junction-bridge", "/a b/it's/junction-bridge"]
        {
            let command = HookCommand::of(&hook_command(program));
            let wanted =
                HookCommand::Ours { program: program.to_owned(), arguments: "hook".to_owned() };
            assert_eq!(command, wanted);
            assert_eq!(
                command.with("/n/junction-bridge"),
                Some(hook_command("/n/junction-bridge"))
            );
        }
        for (command, is_ours) in [
            ("junction-bridge hook", true),
            ("\"/opt/x y/junction-bridge\" hook --rewake", true),
            ("/opt/x\\ y/junction-bridge  hook", true),
            ("JUNCTION_HOOK_TIMEOUT_MS=100 junction-bridge hook", false),
            ("junction-bridge hook && say done", false),
        ] {
            let found = HookCommand::of(command);
            assert_eq!(matches!(found, HookCommand::Ours { .. }), is_ours, "{command}");
            assert_eq!(found == HookCommand::Wrapped, !is_ours, "{command}");
        }
        for command in ["", "echo junction-bridge", "junction-bridge-tool hook", "my hook", "'"] {
            assert_eq!(HookCommand::of(command), HookCommand::Other, "{command}");
        }
    }

    #[test]
    fn programs_that_do_not_stay_are_known() {
        for (path, what) in [
            ("/home/me/src/target/debug/junction-bridge", "the folder of a build"),
            ("/home/me/.npm/_npx/1/node_modules/x/junction-bridge", "a cache"),
            ("/home/me/.cache/uv/x/bin/junction-bridge", "a cache"),
            ("/src/x/node_modules/.bin/junction-bridge", "the packages of a project"),
        ] {
            assert_eq!(passing_in(Path::new(path)), Some(what), "{path}");
        }
        assert_eq!(passing_in(&temp_dir().join(BRIDGE)), Some("a temporary directory"));
        for path in ["/usr/local/bin/junction-bridge", "/home/me/.cargo/bin/junction-bridge"] {
            assert!(stays(Path::new(path)), "{path}");
        }
        assert!(is_bridge(r"C:\Program Files\junction-bridge.exe") && !is_bridge("/x/other"));
    }

    #[cfg(unix)]
    #[test]
    fn hook_of_a_program_that_is_gone_is_silent_in_every_shell() {
        for command in [hook_command("/no such/it's/junction-bridge"), hook_command(BRIDGE)] {
            for shell in ["sh", "bash", "dash", "zsh", "fish"] {
                let Some(shell) = on_path(shell) else { continue };
                let mut run = std::process::Command::new(shell);
                let output = run.args(["-c", &command]).env("PATH", "/nowhere").output().unwrap();
                assert!(output.status.success(), "{command}");
                assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
            }
        }
    }
}
