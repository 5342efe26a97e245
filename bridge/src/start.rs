//! From the command line to an agent served.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use junction_shared::harden::harden;

use crate::cli::{Cli, Command};
use crate::config::Config;
use crate::link::Link;
use crate::link::actor::{self, Options};
use crate::parent::Parent;
use crate::target::Target;
use crate::{demo, log, serve, sight};

/// Runs `junction-bridge` as its command line says, to the end of the process.
#[must_use]
pub fn run() -> ExitCode {
    // First, while it is there: a parent that is gone by then cannot be missed later.
    let parent = Parent::now();
    harden();
    log::quiet_panics();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    match start(cli, parent) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints what is wrong with the command line, or the help that it asks for. A link holds a secret and is
/// not repeated.
fn refuse(error: &clap::Error) -> ExitCode {
    if std::env::args_os().any(|argument| holds_link(&argument)) {
        let _ = writeln!(
            std::io::stderr(),
            "Error: A link on the command line can be read by every user of this machine. \
             Make a new one with junction-hub rotate, and hand it over in a file or at a prompt."
        );
        return ExitCode::FAILURE;
    }
    let _ = error.print();
    if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn holds_link(argument: &OsString) -> bool {
    argument.to_string_lossy().to_ascii_lowercase().contains("junction://")
}

fn start(cli: Cli, parent: Parent) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = match cli.command {
        Some(Command::Demo) => runtime.block_on(demo::run()),
        None => {
            let config = Config::resolve(cli.flags)?;
            log::init(config.log.clone());
            runtime.block_on(async {
                let link = start_link(&config)?;
                serve::serve(link, &config, parent)
                    .await
                    .context("stdin and stdout cannot be served")
            })
        }
    };
    // Not waiting for what may still be under way: a name being looked up takes as long as it takes.
    runtime.shutdown_background();
    outcome
}

/// Starts the link to the hub, which takes its time in a task of its own.
fn start_link(config: &Config) -> anyhow::Result<Link> {
    let target =
        Target::resolve(&config.hub, &config.dir, config.port).map_err(anyhow::Error::msg)?;
    Ok(actor::spawn(Options {
        target,
        config_dir: config.dir.clone(),
        port: config.port,
        autostart: config.autostart,
        seen: sight::at_first(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_known_on_the_command_line() {
        assert!(holds_link(&"--hub=JUNCTION://x".into()));
        assert!(!holds_link(&"junction".into()));
    }
}
