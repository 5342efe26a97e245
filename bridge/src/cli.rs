//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use junction_shared::machine::settings::{parse_bool, parse_port};

use crate::commands::{Invite, Join};

/// Joins an agent to the junction: an MCP server on stdin and stdout, for the agent's command-line tool to start.
#[derive(Debug, Parser)]
#[command(name = "junction-bridge", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) flags: Flags,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// The settings that flags can give. Each goes before its environment variable.
#[derive(Debug, Default, Args)]
pub(crate) struct Flags {
    /// The hub to join: the name of a known host, or HOST:PORT on this machine [env: JUNCTION_HUB] [default: local]
    #[arg(long, value_name = "HUB")]
    pub(crate) hub: Option<String>,
    /// The port of the local hub [env: JUNCTION_PORT] [default: 4200]
    #[arg(long, global = true, value_name = "PORT", value_parser = parse_port)]
    pub(crate) port: Option<u16>,
    /// The directory of the known hosts and the local hub's identity [env: JUNCTION_CONFIG_DIR]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) config_dir: Option<PathBuf>,
    /// Whether to start the local hub when none answers: true or false [env: JUNCTION_AUTOSTART] [default: true]
    #[arg(long, value_name = "BOOL", value_parser = parse_bool)]
    pub(crate) autostart: Option<bool>,
    /// How many messages, and how many new receivers, a session may send to in a minute: N,M or off
    /// [env: JUNCTION_SEND_LIMIT] [default: 30,5]
    #[arg(long, value_name = "LIMIT")]
    pub(crate) send_limit: Option<String>,
    /// How often an hour messages may wake the agent [env: JUNCTION_WAKES_PER_HOUR] [default: 30]
    #[arg(long, value_name = "COUNT")]
    pub(crate) wakes_per_hour: Option<String>,
    /// What to log to stderr: off, error, warn, info, debug or trace, or TARGET=LEVEL,… [env: JUNCTION_LOG]
    /// [default: warn]
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
}

/// What to do instead of serving an agent.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the junction at work: two bridges and a hub of their own, in the time of a breath
    Demo,
    /// Join the group of a hub on another machine by its link, which is typed, read from stdin or from a file
    Join(Join),
    /// Make links that let other machines join the group of a hub
    Invite(Invite),
    /// Show the known hosts, and which of them answer
    Hosts {
        /// Show what the tool known_hosts answers
        #[arg(long)]
        json: bool,
    },
    /// Forget a known host and its link
    Forget {
        /// The host's name
        name: String,
    },
    /// Show eight words that two people compare to know that nobody stands between their sessions
    Verify {
        /// A peer's alias, as a session of yours that runs here knows it; or the fingerprint of one session, as
        /// register and list_peers show it
        #[arg(value_name = "ALIAS|FINGERPRINT")]
        peer: String,
        /// The fingerprint of the other
        #[arg(value_name = "FINGERPRINT")]
        other: Option<String>,
    },
    /// Tell an agent of mail that waits, at events of its session: what its client's hooks run
    ///
    /// The event is read from stdin and answered on stdout, in the format of Claude Code and Codex. The bridge of the
    /// same session is found by their common parent; where there is none, nothing is said.
    Hook {
        /// Sleep until the agent is to be woken, then say so on stderr and exit with status 2 (asyncRewake)
        #[arg(long)]
        rewake: bool,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::docs::assert_section;

    #[test]
    fn flags_are_read() {
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
        assert!(matches!(command, Some(Command::Demo)));
        assert!(Cli::try_parse_from(["x", "--port", "70000"]).is_err());
    }

    #[test]
    fn docs_tell_what_the_command_line_is() {
        let mut command = Cli::command().term_width(100);
        command.build();
        let mut text =
            format!("```text\n{}```\n", trimmed(&command.render_long_help().to_string()));
        for subcommand in command.get_subcommands_mut() {
            let help = subcommand.render_long_help().to_string();
            text.push_str(&format!(
                "\n### junction-bridge {}\n\n```text\n{}```\n",
                subcommand.get_name(),
                trimmed(&help)
            ));
        }
        assert_section("cli.md", "junction-bridge", &text);
    }

    /// A help text without the space at the ends of its lines.
    fn trimmed(help: &str) -> String {
        help.trim().lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }
}
