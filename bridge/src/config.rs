//! The settings of a bridge, from its flags, its environment and its defaults.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::hosts::LOCAL;
use junction_shared::machine::settings::{
    Expected, SettingError, parse_bool, parse_host, parse_millis, parse_port,
    parse_session_timeout, parse_sweep_interval, setting,
};
use junction_shared::protocol::wire::Context;
use tracing_subscriber::filter::{LevelFilter, Targets};

use junction_engine::{ChainLimit, SendLimit};

use crate::clients::edits::{COLLISIONS, parse_reaction};

/// What a session may send in a minute, unless set otherwise: more than a person asks an agent to send, and few enough
/// that two agents in a loop are noticed.
const SEND_LIMIT: SendLimit = SendLimit { messages: 30, receivers: 5 };
/// How many times an hour messages may wake an agent, unless set otherwise: every wake is a turn that costs money.
const WAKES_PER_HOUR: Option<u32> = Some(30);
/// The highest value of a rate limit: a limiter keeps as many timestamps.
const MAX_COUNT: usize = 10_000;

/// Settings from flags. Each overrides its environment variable.
#[derive(Debug, Default, Args)]
pub(crate) struct Flags {
    /// Hub to join: a known host's name, or HOST:PORT on this machine [env: JUNCTION_HUB] [default: local]
    #[arg(long, value_name = "HUB")]
    pub(crate) hub: Option<String>,
    /// Port of the local hub [env: JUNCTION_PORT] [default: the one it serves, or 4200]
    #[arg(long, global = true, value_name = "PORT", value_parser = parse_port)]
    pub(crate) port: Option<u16>,
    /// Directory of the known hosts and the local hub's keys [env: JUNCTION_CONFIG_DIR]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) config_dir: Option<PathBuf>,
    /// Start the local hub when none answers: true or false [env: JUNCTION_AUTOSTART] [default: true]
    #[arg(long, value_name = "BOOL", value_parser = parse_bool)]
    pub(crate) autostart: Option<bool>,
    /// Messages and new receivers per minute: N,M or off [env: JUNCTION_SEND_LIMIT] [default: 30,5]
    #[arg(long, value_name = "LIMIT")]
    pub(crate) send_limit: Option<String>,
    /// Wakes of the agent per hour, or off [env: JUNCTION_WAKES_PER_HOUR] [default: 30]
    #[arg(long, value_name = "COUNT")]
    pub(crate) wakes_per_hour: Option<String>,
    /// Messages exchanged without a person before they wake nobody, or off [env: JUNCTION_CHAIN_LIMIT] [default: 16]
    #[arg(long, value_name = "COUNT")]
    pub(crate) chain_limit: Option<String>,
    /// Send what seems to hold a secret without asking for confirmation [env: JUNCTION_SECRET_GUARD=false]
    #[arg(long)]
    pub(crate) no_secret_guard: bool,
    /// Log filter for stderr: off, error, warn, info, debug, trace or TARGET=LEVEL,… [env: JUNCTION_LOG] [default: warn]
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
}

/// The settings of a bridge.
#[derive(Debug)]
pub(crate) struct Config {
    /// The hub to join: the name of a known host, or `HOST:PORT` on loopback.
    pub(crate) hub: String,
    /// Whether to start the local hub when none answers.
    pub(crate) autostart: bool,
    /// The directory of the known hosts and the local hub's identity. Where there is none, what needs it says so.
    pub(crate) dir: ConfigDir,
    /// The port of the local hub, if one was set; never 0, which is any port.
    pub(crate) port: Option<u16>,
    /// How much a session may send in a minute; `None` for no limit.
    pub(crate) send_limit: Option<SendLimit>,
    /// How many times an hour messages may wake the agent; `None` for no limit.
    pub(crate) wakes_per_hour: Option<u32>,
    /// How many messages a chain may have until they wake nobody.
    pub(crate) chain_limit: ChainLimit,
    /// Whether a message that seems to hold a secret is stopped once.
    pub(crate) guards_secrets: bool,
    /// What to log.
    pub(crate) log: Targets,
    /// The first setting of the environment with a value that it cannot have.
    pub(crate) problem: Option<SettingError>,
}

impl Config {
    /// The settings: flags, then the environment, then defaults. An error of the environment is kept for the tools to
    /// report: an agent sees their answers, and does not see why a process ended.
    ///
    /// # Errors
    /// A flag has a value that it cannot have.
    pub(crate) fn resolve(flags: Flags) -> anyhow::Result<Self> {
        let text = |text: &str| Ok(text.to_owned());
        let log = given("--log", flags.log, parse_log)?;
        let send_limit = given("--send-limit", flags.send_limit, parse_send_limit)?;
        let wakes = given("--wakes-per-hour", flags.wakes_per_hour, parse_wakes)?;
        let chain_limit = given("--chain-limit", flags.chain_limit, parse_chain_limit)?;
        let mut problem = None;
        let some_port = |text: &str| parse_port(text).map(Some);
        let port = setting(flags.port.map(Some), "JUNCTION_PORT", some_port, None);
        let port = port.unwrap_or_else(|error| noted(&mut problem, error, None));
        let hub = setting(flags.hub, "JUNCTION_HUB", text, LOCAL.to_owned());
        let autostart = setting(flags.autostart, "JUNCTION_AUTOSTART", parse_bool, true);
        let guard = flags.no_secret_guard.then_some(false);
        let guard = setting(guard, "JUNCTION_SECRET_GUARD", parse_bool, true);
        let warnings = || Targets::new().with_default(LevelFilter::WARN);
        let log = setting(log, "JUNCTION_LOG", parse_log, warnings());
        let send_limit =
            setting(send_limit, "JUNCTION_SEND_LIMIT", parse_send_limit, Some(SEND_LIMIT));
        let wakes = setting(wakes, "JUNCTION_WAKES_PER_HOUR", parse_wakes, WAKES_PER_HOUR);
        let chain_limit =
            setting(chain_limit, "JUNCTION_CHAIN_LIMIT", parse_chain_limit, ChainLimit::default());
        // Checked for the hub that autostart may start.
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        if let Err(error) = setting(None, "JUNCTION_HOST", parse_host, loopback) {
            noted(&mut problem, error, ());
        }
        Ok(Self {
            hub: hub.unwrap_or_else(|error| noted(&mut problem, error, LOCAL.to_owned())),
            autostart: autostart.unwrap_or_else(|error| noted(&mut problem, error, false)),
            dir: ConfigDir::locate(flags.config_dir).unwrap_or_else(ConfigDir::missing),
            port: port.filter(|port| *port != 0),
            send_limit: send_limit
                .unwrap_or_else(|error| noted(&mut problem, error, Some(SEND_LIMIT))),
            wakes_per_hour: wakes
                .unwrap_or_else(|error| noted(&mut problem, error, WAKES_PER_HOUR)),
            chain_limit: chain_limit
                .unwrap_or_else(|error| noted(&mut problem, error, ChainLimit::default())),
            guards_secrets: guard.unwrap_or_else(|error| noted(&mut problem, error, true)),
            log: log.unwrap_or_else(|error| noted(&mut problem, error, warnings())),
            problem,
        })
    }
}

impl Config {
    /// As [`Config::resolve`], for a command of a person.
    ///
    /// # Errors
    /// As [`Config::resolve`], or a variable of the environment has a value that it cannot have.
    pub(crate) fn for_person(flags: Flags) -> anyhow::Result<Self> {
        let config = Self::resolve(flags)?;
        match config.problem {
            Some(problem) => Err(problem.into()),
            None => Ok(config),
        }
    }

    /// The settings of an engine that joins the hub as these say, and knows nothing of its surroundings yet.
    pub(crate) fn engine(&self) -> junction_engine::Config {
        junction_engine::Config {
            setting_error: self.problem,
            hub: self.hub.clone(),
            config_dir: self.dir.clone(),
            port: self.port,
            alias: None,
            autostart: self.autostart,
            seen: Context::default(),
            send_limit: self.send_limit,
            chain_limit: self.chain_limit,
            is_unlisted: false,
            awaits_session: false,
        }
    }
}

/// The variables of the environment that either program reads.
pub(crate) const VARIABLES: [&str; 15] = [
    "JUNCTION_HOST",
    "JUNCTION_PORT",
    "JUNCTION_SESSION_TIMEOUT_MS",
    "JUNCTION_SWEEP_INTERVAL_MS",
    "JUNCTION_KNOWN_HOSTS",
    "JUNCTION_HUB",
    "JUNCTION_CONFIG_DIR",
    "JUNCTION_AUTOSTART",
    "JUNCTION_SEND_LIMIT",
    "JUNCTION_CHAIN_LIMIT",
    "JUNCTION_WAKES_PER_HOUR",
    "JUNCTION_SECRET_GUARD",
    "JUNCTION_HOOK_TIMEOUT_MS",
    COLLISIONS,
    "JUNCTION_LOG",
];

/// The variables of the environment that have a value which they cannot have. Those that name hubs and directories are
/// not among them: what they name decides.
pub(crate) fn wrong_variables() -> Vec<SettingError> {
    fn check<T>(
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Expected>,
    ) -> Option<SettingError> {
        setting(None, name, |text| parse(text).map(|_| ()), ()).err()
    }
    let checks = [
        check("JUNCTION_HOST", parse_host),
        check("JUNCTION_PORT", parse_port),
        check("JUNCTION_SESSION_TIMEOUT_MS", parse_session_timeout),
        check("JUNCTION_SWEEP_INTERVAL_MS", parse_sweep_interval),
        check("JUNCTION_AUTOSTART", parse_bool),
        check("JUNCTION_SEND_LIMIT", parse_send_limit),
        check("JUNCTION_CHAIN_LIMIT", parse_chain_limit),
        check("JUNCTION_WAKES_PER_HOUR", parse_wakes),
        check("JUNCTION_SECRET_GUARD", parse_bool),
        check("JUNCTION_HOOK_TIMEOUT_MS", parse_millis),
        check(COLLISIONS, parse_reaction),
        check("JUNCTION_LOG", parse_log),
    ];
    checks.into_iter().flatten().collect()
}

/// Keeps the first error, and returns a value to use in place of the wrong one.
fn noted<T>(problem: &mut Option<SettingError>, error: SettingError, instead: T) -> T {
    problem.get_or_insert(error);
    instead
}

/// A flag has a value that it cannot have.
#[derive(Debug)]
pub(crate) struct WrongFlag {
    flag: &'static str,
    expected: Expected,
}

impl fmt::Display for WrongFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { flag, expected: Expected(expected) } = self;
        write!(f, "{flag} must be {expected}. Correct it.")
    }
}

impl std::error::Error for WrongFlag {}

/// The value of a flag.
fn given<T>(
    flag: &'static str,
    raw: Option<String>,
    parse: impl FnOnce(&str) -> Result<T, Expected>,
) -> Result<Option<T>, WrongFlag> {
    let value = raw.map(|raw| parse(&raw)).transpose();
    value.map_err(|expected| WrongFlag { flag, expected })
}

/// Parses two numbers, or `off`.
fn parse_send_limit(text: &str) -> Result<Option<SendLimit>, Expected> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let limit = text.split_once(',').and_then(|(messages, receivers)| {
        let count = |text: &str| parse_count(text).filter(|count| *count > 0);
        Some(SendLimit { messages: count(messages)?, receivers: count(receivers)? })
    });
    let expected = Expected("two numbers from 1 to 10000 such as 30,5, or off");
    limit.map(Some).ok_or(expected)
}

/// Parses a number, or `off`.
fn parse_wakes(text: &str) -> Result<Option<u32>, Expected> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let count = parse_count(text).and_then(|count| count.try_into().ok());
    count.map(Some).ok_or(Expected("a number from 0 to 10000, or off"))
}

/// Parses a number, or `off`.
fn parse_chain_limit(text: &str) -> Result<ChainLimit, Expected> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(ChainLimit::OFF);
    }
    let count = parse_count(text).and_then(|count| u8::try_from(count).ok());
    let limit = count.filter(|count| (1..=ChainLimit::MAX).contains(count)).map(ChainLimit::of);
    limit.ok_or(Expected("a number from 1 to 254, or off"))
}

/// Parses a rate limit.
fn parse_count(text: &str) -> Option<usize> {
    let text = text.trim();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|count| is_plain && *count <= MAX_COUNT)
}

fn parse_log(text: &str) -> Result<Targets, Expected> {
    Targets::from_str(text)
        .map_err(|_| Expected("a log filter such as warn or junction_bridge=debug"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_two_numbers_or_off() {
        assert_eq!(parse_send_limit("30, 5"), Ok(Some(SendLimit { messages: 30, receivers: 5 })));
        assert_eq!(parse_send_limit("OFF"), Ok(None));
        for bad in ["", "30", "30,5,1", "0,5", "30,0", "-1,5", "+3,5", "10001,5", "a,b"] {
            assert!(parse_send_limit(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn regression_wakes_may_be_none_at_all_or_without_limit() {
        assert_eq!(parse_wakes("0"), Ok(Some(0)));
        assert_eq!(parse_wakes("10000"), Ok(Some(10_000)));
        assert_eq!(parse_wakes("Off"), Ok(None));
        assert!(parse_wakes("10001").is_err() && parse_wakes("on").is_err());
    }

    #[test]
    fn chains_may_be_of_any_length() {
        assert_eq!(parse_chain_limit("16"), Ok(ChainLimit::default()));
        assert_eq!(parse_chain_limit("OFF"), Ok(ChainLimit::OFF));
        for bad in ["", "0", "255", "-1", "16,5"] {
            assert!(parse_chain_limit(bad).is_err(), "{bad}");
        }
    }
}
