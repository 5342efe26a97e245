//! The command line.

use clap::{CommandFactory, Parser, Subcommand};
use junction_shared::protocol::wire::PROGRAM_VERSION;

use crate::commands::{
    AllowOptions, ClaimsOptions, CompletedShell, GatewayOptions, Invite, Join, Peers, ReadOptions,
    SendOptions, Setup, UiOptions, WatchOptions,
};
use crate::config::Flags;

/// What the exit status of a command means.
const EXIT_STATUS: &str = "\
Exit status:
  0  done
  1  it failed, and stderr says why and what to do
  2  the command line is wrong (from hook --rewake: wake the agent)
  3  nothing came in the time of --wait";

/// Connects an agent to the junction, as an MCP server on stdin and stdout that the agent's client starts.
///
/// On a terminal, without a command, it shows what it is for and the commands.
#[derive(Debug, Parser)]
#[command(
    name = "junction-bridge",
    version = PROGRAM_VERSION,
    disable_help_subcommand = true,
    after_help = EXIT_STATUS
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) flags: Flags,
    #[command(subcommand)]
    pub(crate) command: Option<BridgeCommand>,
}

/// A command to run instead of serving an agent.
#[derive(Debug, Subcommand)]
pub(crate) enum BridgeCommand {
    /// Run a self-contained demo with two bridges and a private hub
    Demo,
    /// Add the bridge, its hooks and the rule for its tools to the settings of Claude Code and other clients
    ///
    /// Each file is kept as it was beside it, as NAME.before-junction. Everything else in it stays as it is, and a second
    /// run changes nothing. Values of JUNCTION_* variables are not written: clients pass the variables on.
    Setup(Setup),
    /// Show this machine's hub and gateway, and the sessions
    ///
    /// Nothing is started or changed, and no session sees that somebody looks.
    Status {
        /// Print the hub as one JSON object, with the gateway if there is one, then each session on a line of its own as the
        /// tool list_peers shows it; those of the gateway with http and why
        #[arg(long)]
        json: bool,
    },
    /// Stop this machine's hub, whatever started it
    ///
    /// From then on, sessions start no hub until a tool call of their agent needs one; junction-hub starts one at any time.
    /// On a terminal it names the sessions that it cuts off, and asks first.
    Stop {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// List all sessions on the hub, without being seen by them
    Peers(Peers),
    /// Join a hub on another machine by its link, from a prompt, stdin or a file
    Join(Join),
    /// Create links by which other machines join a hub
    Invite(Invite),
    /// List the known hosts and whether they answer
    Hosts {
        /// Print the result of the tool known_hosts
        #[arg(long)]
        json: bool,
    },
    /// Forget a known host and its link
    Forget {
        /// Name of the host
        name: String,
    },
    /// Show eight words that two people compare to rule out an impostor between their sessions
    Verify {
        /// Alias that a session of yours on this machine knows, or a session's fingerprint, as peers --json shows it
        #[arg(value_name = "ALIAS|FINGERPRINT")]
        peer: String,
        /// Fingerprint of the other session
        #[arg(value_name = "FINGERPRINT")]
        other: Option<String>,
    },
    /// Check the configuration, the hub, the clients and the sessions, and say how to fix what is wrong
    ///
    /// Prints one line per check: ok, warn (sessions talk to each other all the same) or FAIL, and exits with 1 if anything
    /// failed. It runs no client. Two sessions of its own, which nobody sees, exchange a message; where no hub runs, that
    /// starts one, as a session would, and the hub ends by itself after ten idle minutes.
    Doctor {
        /// Print one JSON object per line: check, level (ok, warning, failure), says, fix
        #[arg(long)]
        json: bool,
        /// Instead of all checks, begin a turn in a session of this machine, and say by which way it was woken
        ///
        /// Without ALIAS, in the only one. Its agent is told that this is a test, and no more. That is a turn like any other,
        /// which counts among the wakes of its hour; a session at work is left alone.
        #[arg(long, value_name = "ALIAS", num_args = 0..=1)]
        wake: Option<Option<String>>,
    },
    /// Send a message as a person
    ///
    /// Prints what became of it. While a watch, a page or a read of yours runs, the message goes through it under the same
    /// alias, and answers appear there, but for the one that --wait waits for. Otherwise the session ends with the command:
    /// use --wait for the answer.
    ///
    /// In an agent's shell the message is the agent's: it goes through the bridge of that session.
    ///
    /// Ends with status 0 once the hub has the message, or with --wait once an answer was printed; 1 if the message was not
    /// sent, or not to all; 2 if the command line is wrong; 3 if no answer came in the time of --wait.
    Send(SendOptions),
    /// Read messages as a person
    ///
    /// Nobody can write to you unless a command of yours runs: with --wait this one joins and waits for a message. What
    /// is printed counts as read. Messages that come to a running watch or page are shown there.
    ///
    /// Ends with status 0 once something was printed, or without --wait; 1 if the hub was not reached; 2 if the command
    /// line is wrong; 3 if nothing came in the time of --wait.
    Read(ReadOptions),
    /// Take part as a person: print messages, receipts and who comes and goes, until Ctrl-C
    Watch(WatchOptions),
    /// See who is there and what goes on, and take part, on a page in your browser
    ///
    /// The page is served on this machine alone, and opened by a link that works once. Press Ctrl-C to stop it; it also stops
    /// 30 seconds after the last tab is closed. If your page is already running, this opens it again. To have a second one
    /// under another name, use --as.
    Ui(UiOptions),
    /// Serve MCP over HTTP to clients that cannot start this program
    Gateway(GatewayOptions),
    /// Let sessions send or save what they otherwise refuse; show what is allowed
    ///
    /// Sessions send and save ordinary files of their own project. Files outside of it, and those that seem to hold secrets,
    /// leave only if you allow them here. A file or a value that you allow may also be written where sessions may save: in
    /// their project, or below a folder that you allowed with --save. What you allow counts at once, for all your sessions,
    /// until you take it back. In the shell of an agent it changes nothing and says so.
    Allow(AllowOptions),
    /// Show what sessions have claimed in the repository of this directory, or check files before a commit
    ///
    /// Run in an agent's shell, it asks that agent's session. Elsewhere it asks the hub, and no session sees that. It starts
    /// no hub: where none runs, nobody claims anything. In a git hook: git diff --cached --name-only --no-renames -z | xargs -0
    /// junction-bridge claims --check --
    ///
    /// --check ends with status 1 if another session claims one of the files, and with 0 otherwise. In an agent's shell, the
    /// claims of that agent's session do not count. Nor do those of a session that does not answer within two seconds; a line
    /// on stderr says so.
    Claims(ClaimsOptions),
    /// Print a script by which a shell completes commands and flags
    ///
    /// bash: dir=~/.local/share/bash-completion/completions; mkdir -p $dir && junction-bridge completions bash > $dir/junction-bridge
    ///
    /// zsh: junction-bridge completions zsh > _junction-bridge, in a directory of $fpath
    ///
    /// fish: mkdir -p ~/.config/fish/completions && junction-bridge completions fish > ~/.config/fish/completions/junction-bridge.fish
    Completions {
        /// Shell to write for
        shell: CompletedShell,
    },
    /// Print a session's alias and what waits for it, for the status line of its client
    ///
    /// In Claude Code's settings: "statusLine": { "type": "command", "command": "junction-bridge status-line",
    /// "refreshInterval": 5 }. Reads the session from stdin, and prints nothing without a bridge.
    StatusLine,
    /// Notify an agent of unread messages, as a hook of its client
    ///
    /// Reads the event from stdin and answers on stdout, in the format of Claude Code and Codex. Finds the session's
    /// bridge by their common parent process, and prints nothing without one.
    Hook {
        /// Wait until the agent should be woken, then print why to stderr and exit with status 2 (asyncRewake)
        #[arg(long)]
        rewake: bool,
        /// With --rewake: end as soon as a plugin waits in the same session
        #[arg(long, requires = "rewake")]
        reserve: bool,
        /// Wait until the agent should be woken, at most ten minutes, and print the notice (for plugins)
        #[arg(long, conflicts_with = "rewake")]
        wait: bool,
        /// A turn began with the notice that the last --wait printed
        #[arg(long, requires = "wait", conflicts_with = "dropped")]
        woken: bool,
        /// The client refused the notice that the last --wait printed
        #[arg(long, requires = "wait")]
        dropped: bool,
    },
}

/// What a person sees who runs the program in a terminal without a command.
const WELCOME: &str = "\
Agent Junction lets coding agents in different terminals, folders and machines write to each other, end to end
encrypted. You do not start this program yourself: junction-bridge setup adds it to the settings of Claude Code, Codex,
Gemini CLI, opencode and Antigravity CLI, and each session joins by itself. To see two sessions talk now, run
junction-bridge demo.";

/// [`WELCOME`] and the commands, for a terminal.
pub(crate) fn welcome() -> String {
    let cli = Cli::command();
    let commands: Vec<_> = cli.get_subcommands().collect();
    let width = commands.iter().map(|command| command.get_name().len()).max().unwrap_or(0);
    let lines = commands.iter().map(|command| {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        format!("  {:width$}  {about}\n", command.get_name())
    });
    format!(
        "{WELCOME}\n\nCommands:\n{}\njunction-bridge --help has the settings, and junction-bridge COMMAND --help each command.\n",
        lines.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;
    use crate::docs::{assert_man_pages, assert_section};

    #[test]
    fn flags_are_parsed() {
        let cli = Cli::try_parse_from([
            "x",
            "--hub",
            "attic",
            "--port",
            "0",
            "--autostart",
            "off",
            "demo",
        ]);
        let Cli { flags, command } = cli.unwrap();
        assert_eq!(
            (flags.hub.as_deref(), flags.port, flags.autostart),
            (Some("attic"), Some(0), Some(false))
        );
        assert!(matches!(command, Some(BridgeCommand::Demo)));
        assert!(Cli::try_parse_from(["x", "--port", "70000"]).is_err());
    }

    #[test]
    fn welcome_is_one_paragraph_and_all_commands() {
        let welcome = welcome();
        let [paragraph, commands, more] = welcome.split("\n\n").collect::<Vec<_>>()[..] else {
            panic!("{welcome}")
        };
        assert!(paragraph.lines().all(|line| line.len() <= 120) && more.lines().count() == 1);
        for command in Cli::command().get_subcommands() {
            let line = format!("\n  {} ", command.get_name());
            assert!(commands.contains(&line), "{line}: {welcome}");
        }
    }

    #[test]
    fn docs_show_the_help_texts() {
        let mut command = Cli::command().term_width(100);
        command.build();
        let mut text =
            format!("```text\n{}```\n", trimmed(&command.render_long_help().to_string()));
        for subcommand in command.get_subcommands_mut() {
            let name = subcommand.get_name().to_owned();
            text.push_str(&section(&name, subcommand));
            for inner in subcommand.get_subcommands_mut() {
                text.push_str(&section(&format!("{name} {}", inner.get_name()), inner));
            }
        }
        assert_section("cli.md", "junction-bridge", &text);
    }

    #[test]
    fn man_pages_are_in_the_docs() {
        let mut command = Cli::command();
        command.build();
        let with_inner = |command: &clap::Command| {
            let inner: Vec<_> = command.get_subcommands().cloned().collect();
            [command.clone()].into_iter().chain(inner).collect::<Vec<_>>()
        };
        let subcommands: Vec<_> = command.get_subcommands().flat_map(with_inner).collect();
        let pages = [command].into_iter().chain(subcommands).map(|command| {
            let name = command.get_display_name().unwrap_or("junction-bridge").to_owned();
            let repeated = command
                .get_positionals()
                .filter(|arg| arg.get_num_args().unwrap_or_default().max_values() > 1);
            let repeated: Vec<_> = repeated
                .map(|arg| format!("[\\fI{}\\fR]", arg.get_value_names().unwrap()[0]))
                .collect();
            let page = clap_mangen::Man::new(command)
                .manual("Agent Junction")
                .source(concat!("Agent Junction ", env!("CARGO_PKG_VERSION")));
            let mut text = Vec::new();
            page.render(&mut text).unwrap();
            // The renderer shows an argument once, however often it may stand.
            let text = repeated.iter().fold(String::from_utf8(text).unwrap(), |text, arg| {
                text.replace(arg, &format!("{arg}..."))
            });
            (format!("{name}.1"), text)
        });
        assert_man_pages("junction-bridge", &pages.collect());
    }

    #[test]
    fn every_shell_has_a_script_with_every_command() {
        for shell in CompletedShell::value_variants() {
            let script = crate::commands::completions(*shell, Cli::command());
            let script = String::from_utf8(script).unwrap();
            for command in Cli::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell:?}: {}", command.get_name());
            }
        }
    }

    /// The help of a command, under its name.
    fn section(name: &str, command: &mut clap::Command) -> String {
        let help = trimmed(&command.render_long_help().to_string());
        format!("\n### junction-bridge {name}\n\n```text\n{help}```\n")
    }

    /// A help text without trailing spaces.
    fn trimmed(help: &str) -> String {
        help.trim().lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }
}
