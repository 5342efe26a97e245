//! A client's own program, run for it to install what only it can.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use super::program::on_path;
use crate::process::signals::Signals;

/// How long one command may take. Claude Code's took a second when measured, most of it to start.
const COMMAND_TIME: Duration = Duration::from_secs(60);
/// How long the rest of what a command wrote may take to arrive after its end.
const OUTPUT_TIME: Duration = Duration::from_secs(2);
/// How much is kept of what a command writes last, in bytes.
const MAX_OUTPUT: usize = 4096;
/// The most characters of a command's last line that are told.
const MAX_LINE: usize = 300;

/// Why a command did not do what it should, in a sentence.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientCommandError {
    /// The program is not on the search path.
    #[error("{0} is not on PATH.")]
    Missing(&'static str),
    /// The system did not run it.
    #[error("{command} cannot be run: {source}.")]
    Io {
        /// What was run.
        command: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// The command went on for too long, and was ended.
    #[error("{0} did not end within {limit} seconds.", limit = COMMAND_TIME.as_secs())]
    Slow(String),
    /// The command ended well, and has not done what it should.
    #[error("{0} ended as if all were well, but {1}.")]
    InVain(String, String),
    /// A person has stopped it.
    #[error("{0} was stopped.")]
    Stopped(String),
    /// The command failed.
    #[error("{command} failed: {says}")]
    Failed {
        /// What was run.
        command: String,
        /// The last line that it wrote.
        says: String,
    },
}

impl ClientCommandError {
    /// Whether the program did not end by itself, so that another command would not, either.
    pub(crate) fn is_hung(&self) -> bool {
        matches!(self, Self::Slow(_) | Self::Stopped(_))
    }
}

/// A client's program.
#[derive(Clone, Debug)]
pub(crate) struct ClientProgram {
    name: &'static str,
    path: PathBuf,
    /// How long one command may take.
    limit: Duration,
}

impl ClientProgram {
    /// The program of this name on the search path.
    ///
    /// # Errors
    /// None is there.
    pub(crate) fn find(name: &'static str) -> Result<Self, ClientCommandError> {
        let path = on_path(name).ok_or(ClientCommandError::Missing(name))?;
        Ok(Self { name, path, limit: COMMAND_TIME })
    }

    /// Runs the program with these arguments, without a terminal, and waits for its end. If it does not end in time, or a
    /// person stops this one, it is ended, and so are the processes that it has started.
    ///
    /// # Errors
    /// Why it has not done what it should.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<(), ClientCommandError> {
        let command = command_line(self.name, arguments);
        let failed = |source| ClientCommandError::Io { command: command.clone(), source };
        let mut signals = Signals::new().map_err(failed)?;
        let mut program = Command::new(&self.path);
        program
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        program.process_group(0);
        let mut child = program.spawn().map_err(failed)?;
        let group = child.id();
        let stdout = tokio::spawn(end_of(child.stdout.take()));
        let stderr = tokio::spawn(end_of(child.stderr.take()));
        let status = tokio::select! {
            status = timeout(self.limit, child.wait()) => {
                status.map_err(|_| ClientCommandError::Slow(command.clone()))
            }
            () = signals.next() => Err(ClientCommandError::Stopped(command.clone())),
        };
        if status.is_err() {
            kill_group(group);
        }
        if status?.map_err(failed)?.success() {
            return Ok(());
        }
        let (mut says, outputs) = (None, [stderr, stdout]);
        for output in outputs {
            // A process that it has started may hold the pipe open.
            let output = timeout(OUTPUT_TIME, output).await.ok().and_then(Result::ok);
            says = says.or_else(|| last_line(&output.unwrap_or_default()));
        }
        let says = says.unwrap_or_else(|| "it does not say why.".to_owned());
        Err(ClientCommandError::Failed { command, says })
    }
}

/// Ends a program that was started as the first of its process group, with all that it has started in it.
#[cfg(unix)]
fn kill_group(process: Option<u32>) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let group = process.and_then(|process| Pid::from_raw(i32::try_from(process).ok()?));
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill_group(_: Option<u32>) {}

/// A command as a person would type it.
pub(crate) fn command_line(program: &str, arguments: &[&str]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,=".contains(c);
    let quoted = |word: &&str| {
        let is_word = !word.is_empty() && word.chars().all(is_plain);
        if is_word { (*word).to_owned() } else { super::program::shell_quoted(word) }
    };
    std::iter::once(&program).chain(arguments).map(quoted).collect::<Vec<_>>().join(" ")
}

/// The last of what a command writes. All of it is read, so that the command never waits for a reader.
async fn end_of(output: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let (mut kept, mut chunk) = (Vec::new(), [0; MAX_OUTPUT]);
    let Some(mut output) = output else { return kept };
    while let Ok(read @ 1..) = output.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..read]);
        kept.drain(..kept.len().saturating_sub(MAX_OUTPUT));
    }
    kept
}

/// The last line that is not blank, as a sentence without anything that a terminal would obey.
fn last_line(output: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    let plain = |line: &str| -> String {
        let line = without_colours(&without_titles(line));
        let line = line.trim().trim_start_matches(['✘', '✖', '×', ' ']);
        line.chars().filter(|c| !c.is_control()).take(MAX_LINE).collect()
    };
    let line = text.lines().rev().map(plain).find(|line| !line.is_empty())?;
    Some(if line.ends_with(['.', '!', '?']) { line } else { line + "." })
}

/// A line without escape sequences that give a terminal a text, such as a title.
fn without_titles(line: &str) -> String {
    let mut parts = line.split("\u{1b}]");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |line, part| {
        let ends = ["\u{7}", "\u{1b}\\"];
        let rest = ends.iter().filter_map(|end| part.split_once(end)).map(|(_, rest)| rest);
        line + rest.max_by_key(|rest| rest.len()).unwrap_or_default()
    })
}

/// A line without escape sequences for colours.
fn without_colours(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |line, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        let mut rest = rest.chars();
        rest.next();
        line + rest.as_str()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_line_is_a_plain_sentence() {
        for (output, line) in [
            ("", None),
            ("\n \n", None),
            ("one\ntwo\n\n", Some("two.")),
            ("\u{1b}[31m✘ Failed\u{1b}[0m: no!\r\n", Some("Failed: no!")),
            ("a\u{7}b\u{1b}]0;t", Some("ab.")),
            ("\u{1b}]0;evil\u{7}\u{1b}[31mBad\u{1b}]8;;x\u{1b}\\ thing", Some("Bad thing.")),
        ] {
            assert_eq!(last_line(output.as_bytes()).as_deref(), line, "{output:?}");
        }
        assert_eq!(last_line(&[b'x'; 2 * MAX_LINE]).unwrap().len(), MAX_LINE + 1);
    }

    #[test]
    fn command_is_told_as_it_would_be_typed() {
        let line = command_line("claude", &["plugin", "a b", "it's", "junction@agent-junction"]);
        assert_eq!(line, r"claude plugin 'a b' 'it'\''s' junction@agent-junction");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn command_that_fails_says_why_and_however_much_it_writes() {
        let shell = ClientProgram::find("sh").unwrap();
        assert!(shell.run(&["-c", "exit 0"]).await.is_ok());
        let noisy = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo $i-------------------------------; done";
        let script = format!("{noisy}; {noisy} >&2; echo 'Not found' >&2; exit 3");
        let error = shell.run(&["-c", &script]).await.unwrap_err().to_string();
        assert!(error.ends_with("failed: Not found."), "{error}");
        let silent = shell.run(&["-c", "exit 1"]).await.unwrap_err().to_string();
        assert_eq!(silent, "sh -c 'exit 1' failed: it does not say why.");
        assert!(ClientProgram::find("no-such-client").is_err());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn regression_command_that_hangs_is_ended_with_what_it_has_started() {
        let dir = tempfile::TempDir::new().unwrap();
        let (pipe, mark) = (dir.path().join("pipe"), dir.path().join("mark"));
        // The child holds the pipe open, so that its reader learns of its end.
        let script =
            format!("mkfifo {0}; sleep 300 > {0} & : > {1}; wait", pipe.display(), mark.display());
        let shell =
            ClientProgram { limit: Duration::from_secs(2), ..ClientProgram::find("sh").unwrap() };
        let reader = async {
            while !mark.exists() {
                tokio::task::yield_now().await;
            }
            let pipe = pipe.clone();
            tokio::task::spawn_blocking(move || std::fs::read(pipe)).await.unwrap().unwrap()
        };
        let words = ["-c", script.as_str()];
        let (error, read) = tokio::join!(shell.run(&words), reader);
        assert!(error.unwrap_err().is_hung());
        assert!(read.is_empty());
    }
}
