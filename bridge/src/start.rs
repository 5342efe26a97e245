//! The start of the process: command line, settings, and then a command or the service of an agent.

use std::io::{IsTerminal as _, Write as _};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use clap::{CommandFactory as _, Parser};
use junction_attachments::save::wait_for_saves;
use junction_shared::invite_link::holds_link;
use junction_shared::machine::harden::{harden, private_umask};
use junction_shared::machine::log::{LogGuard, finish, say};

use crate::cli::{BridgeCommand, Cli, welcome};
use crate::clients::WakeOutcome;
use crate::commands::{GatewayOptions, UiOptions, demo, hook, start_page, status_line};
use crate::config::{Config, WrongFlag};
use crate::process::parent::ParentWatch;
use crate::terminal::{NothingCame, WrongUsage, is_closed_pipe};
use crate::{commands, context_probe, log, serve};
use junction_engine::Engine;

/// The exit status for a wrong command line, as other programs have it.
const USAGE: u8 = 2;
/// The exit status of a command that waited in vain.
const NOTHING_CAME: u8 = 3;
/// How long the last lines of the log may take at the end. Nobody may be reading them.
const LAST_LINES: Duration = Duration::from_millis(15);
/// How long saves at their last step may take. A bridge is gone within 100 ms.
const SAVE_PATIENCE: Duration = Duration::from_millis(80);
/// How long the words of a failure may take. A person may be reading them at the other end of a slow line.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A command that a program of its own runs: what serves HTTP would be in the memory of every session's bridge.
pub(crate) enum ServingCommand {
    /// The page for people.
    Ui(UiOptions),
    /// MCP over HTTP.
    Gateway(GatewayOptions),
}

/// What runs a command that serves HTTP.
type Serving = for<'a> fn(
    &'a Arc<Config>,
    ServingCommand,
) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + 'a>>;

/// Runs `junction-bridge` by its command line, until the process ends. The page is a program of its own, which `ui` starts:
/// every session runs a bridge, and what the page is made of would be in the memory of each.
#[must_use]
pub fn run() -> ExitCode {
    run_by(|_, _| Box::pin(async { start_page() }))
}

/// Runs `junction-page` by the same command line. It serves the page itself.
#[must_use]
pub fn run_with_page() -> ExitCode {
    run_by(|config, command| match command {
        ServingCommand::Ui(options) => Box::pin(commands::ui(config, options)),
        ServingCommand::Gateway(options) => Box::pin(commands::gateway(config, options)),
    })
}

fn run_by(page: Serving) -> ExitCode {
    // First, because a parent that ends before cannot be watched.
    let parent = ParentWatch::new();
    harden();
    private_umask();
    let _log = LogGuard(LAST_LINES);
    log::quiet_panics();
    if std::env::args_os().any(|argument| holds_link(&argument.to_string_lossy())) {
        // The link holds a secret, so the error does not quote it.
        return last_words(
            "Error: A link on the command line can be read by every user of this machine. Start again without it.",
            usage_status(),
        );
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            if error.use_stderr() {
                return last_words(error.to_string().trim_end(), usage_status());
            }
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
    };
    if let Some(BridgeCommand::Hook { rewake, reserve, wait, woken, dropped }) = cli.command {
        let outcome = woken.then_some(WakeOutcome::Woken);
        let outcome = outcome.or(dropped.then_some(WakeOutcome::Dropped));
        return match (rewake, wait) {
            (true, _) => run_hook(hook::run_rewake(reserve)),
            (_, true) => run_hook(hook::run_wait(outcome)),
            _ => run_hook(hook::run()),
        };
    }
    if let Some(BridgeCommand::StatusLine) = cli.command {
        return run_hook(status_line::run());
    }
    if let Some(BridgeCommand::Completions { shell }) = cli.command {
        let _ = std::io::stdout().write_all(&commands::completions(shell, Cli::command()));
        return ExitCode::SUCCESS;
    }
    if cli.command.is_none() && std::io::stdin().is_terminal() {
        // A person at a terminal is no MCP client.
        let _ = std::io::stdout().write_all(welcome().as_bytes());
        return ExitCode::SUCCESS;
    }
    match start(cli, parent, page) {
        Ok(status) => status,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let status = if error.is::<WrongFlag>() || error.is::<WrongUsage>() {
                USAGE
            } else if error.is::<NothingCame>() {
                NOTHING_CAME
            } else {
                1
            };
            last_words(&format!("Error: {}", sentence(&error)), ExitCode::from(status))
        }
    }
}

/// The exit status for a wrong command line. Not for that of a hook: its client would take 2 for the hook's decision to
/// stop what the agent does.
fn usage_status() -> ExitCode {
    let is_hook = std::env::args_os().skip(1).any(|argument| argument == "hook");
    if is_hook { ExitCode::FAILURE } else { ExitCode::from(USAGE) }
}

/// What went wrong and what to do: the error's own words, and those of its causes that it does not quote already.
fn sentence(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(if text.ends_with('.') { " " } else { ": " });
            text.push_str(&cause);
        }
    }
    text
}

/// Says why the program fails.
fn last_words(why: &str, status: ExitCode) -> ExitCode {
    say(why);
    finish(LAST_WORDS);
    status
}

/// Runs a hook. If it fails, it is silent, and its client goes on without it.
fn run_hook(hook: impl Future<Output = ExitCode>) -> ExitCode {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return ExitCode::SUCCESS;
    };
    let code = runtime.block_on(hook);
    // Without waiting for stdin, which some clients leave open after the event.
    runtime.shutdown_background();
    code
}

fn start(cli: Cli, parent: ParentWatch, page: Serving) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = match cli.command {
        // Settings that are wrong are among what it looks for.
        Some(BridgeCommand::Doctor { json, wake: Some(alias) }) => {
            runtime.block_on(commands::doctor_wake(alias.as_deref(), json))
        }
        Some(BridgeCommand::Doctor { json, wake: None }) => {
            runtime.block_on(commands::doctor(&Config::resolve(cli.flags)?, json))
        }
        Some(command) => {
            let config = Arc::new(Config::for_person(cli.flags)?);
            runtime.block_on(command_line(command, &config, page)).map(|()| ExitCode::SUCCESS)
        }
        None => {
            let config = Config::resolve(cli.flags)?;
            log::init(config.log.clone());
            runtime.block_on(async {
                let engine = start_engine(&config);
                let served = serve::serve(engine, &config, parent).await;
                served.map(|()| ExitCode::SUCCESS).map_err(|error| {
                    anyhow!("stdin or stdout cannot be used: {error}. Let an MCP client start the bridge.")
                })
            })
        }
    };
    // Without waiting for tasks that still run: looking up a host's name can take long.
    runtime.shutdown_background();
    // A file at its last step gets its name now, or is not there.
    let _ = wait_for_saves(SAVE_PATIENCE);
    outcome
}

/// Runs a person's command.
async fn command_line(
    command: BridgeCommand,
    config: &Arc<Config>,
    page: Serving,
) -> anyhow::Result<()> {
    match command {
        BridgeCommand::Demo => demo::run().await,
        BridgeCommand::Status { json } => commands::status(config, json).await,
        BridgeCommand::Stop { yes } => commands::stop(config, yes).await,
        BridgeCommand::Peers(peers) => commands::peers(config, peers).await,
        BridgeCommand::Setup(setup) => commands::setup(&setup, &config.dir).await,
        BridgeCommand::Join(join) => commands::join(config, join).await,
        BridgeCommand::Invite(invite) => commands::invite(config, invite).await,
        BridgeCommand::Hosts { json } => commands::hosts(config, json).await,
        BridgeCommand::Forget { name } => commands::forget(config, &name),
        BridgeCommand::Verify { peer, other } => commands::verify(&peer, other.as_deref()).await,
        BridgeCommand::Send(send) => commands::send(config, send).await,
        BridgeCommand::Read(read) => commands::read(config, read).await,
        BridgeCommand::Watch(watch) => commands::watch(config, watch).await,
        BridgeCommand::Ui(options) => page(config, ServingCommand::Ui(options)).await,
        BridgeCommand::Gateway(options) => page(config, ServingCommand::Gateway(options)).await,
        BridgeCommand::Allow(allow) => commands::allow(config, allow),
        BridgeCommand::Claims(options) => commands::claims(config, options).await,
        // They need no settings, or check them.
        BridgeCommand::Hook { .. }
        | BridgeCommand::StatusLine
        | BridgeCommand::Completions { .. }
        | BridgeCommand::Doctor { .. } => Ok(()),
    }
}

/// Starts the engine in a task of its own.
fn start_engine(config: &Config) -> Engine {
    Engine::start(junction_engine::Config {
        seen: context_probe::initial_context(),
        awaits_session: true,
        ..config.engine()
    })
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn regression_cause_that_the_sentence_quotes_is_not_repeated() {
        #[derive(Debug, thiserror::Error)]
        #[error("/x cannot be used: {source}. Choose another file.")]
        struct Refused {
            source: io::Error,
        }
        let refused = || Refused { source: io::Error::other("full") };
        assert_eq!(sentence(&refused().into()), "/x cannot be used: full. Choose another file.");
        let failed = anyhow::Error::new(refused()).context("It went wrong at the start.");
        assert_eq!(
            sentence(&failed),
            "It went wrong at the start. /x cannot be used: full. Choose another file."
        );
        assert_eq!(sentence(&anyhow::anyhow!("full").context("no start")), "no start: full");
    }
}
