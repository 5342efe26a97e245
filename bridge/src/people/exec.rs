//! A person's own command for each message, `watch --exec`: the text on its stdin, all else in its environment.

use std::process::{ExitStatus, Stdio};

use anyhow::anyhow;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use crate::person::invoker::WATCH;
use crate::timestamp::rfc3339;
use junction_engine::Message;

/// A command that runs. Dropping it ends the command and what it started.
struct RunningCommand(Option<Child>);

impl Drop for RunningCommand {
    fn drop(&mut self) {
        let Some(child) = &mut self.0 else { return };
        #[cfg(unix)]
        if let Some(pid) =
            child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed()))
        {
            use rustix::process::{Signal, kill_process_group};
            let _ = kill_process_group(pid, Signal::KILL);
        }
        let _ = child.start_kill();
    }
}

/// Runs a command line for a message, and waits for its end.
///
/// # Errors
/// The shell cannot be started.
pub(crate) async fn run(line: &str, message: &Message) -> anyhow::Result<ExitStatus> {
    let mut command = shell(line);
    command.stdin(Stdio::piped()).kill_on_drop(true);
    describe(&mut command, message);
    #[cfg(unix)]
    command.process_group(0);
    let child = command.spawn();
    let child = child.map_err(|error| {
        anyhow!("The shell for --exec cannot be started: {error}. The message stays unread.")
    })?;
    let mut running = RunningCommand(Some(child));
    let ended = match &mut running.0 {
        Some(child) => {
            let stdin = child.stdin.take();
            let fed = async {
                if let Some(mut stdin) = stdin {
                    // A command need not read its input.
                    let _ = stdin.write_all(message.body.as_bytes()).await;
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                ended = child.wait() => ended,
                () = fed => unreachable!("it never ends"),
            }
        }
        None => unreachable!("it was just put there"),
    };
    running.0 = None;
    Ok(ended?)
}

#[cfg(unix)]
fn shell(line: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(line);
    shell
}

#[cfg(windows)]
fn shell(line: &str) -> Command {
    let mut shell = Command::new("cmd");
    // As it was written: this shell does not know the backslashes that an argument gets before its quotes. With /S it takes
    // the outer quotes off, and no others.
    shell.args(["/D", "/S", "/C"]).raw_arg(format!("\"{line}\""));
    shell
}

/// Tells the command all about a message but its text, which other users could read in no environment but might in
/// arguments.
fn describe(command: &mut Command, message: &Message) {
    let id = |id: [u8; 16]| uuid::Uuid::from_bytes(id).hyphenated().to_string();
    let optional = [
        ("JUNCTION_REPLY_TO", message.reply_to.map(|answered| id(answered.0))),
        ("JUNCTION_FROM_PERSON", message.from_person.then(|| "1".to_owned())),
        ("JUNCTION_KEY_CHANGED", message.key_changed.clone()),
    ];
    for (name, value) in optional {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .env("JUNCTION_FROM", message.from.as_str())
        .env("JUNCTION_ID", id(message.id.0))
        .env("JUNCTION_TIMESTAMP", rfc3339(message.sent_ms))
        .env(WATCH, std::process::id().to_string());
}
