//! The configuration directory, the files in it, and the settings of the environment.

use std::ffi::OsString;

use junction_attachments::config::{AttachmentConfig, CONFIG_FILE};
use junction_shared::machine::config_dir::{ConfigDir, ConfigError};
use junction_shared::machine::hosts::{HOSTS_FILE, HostsFile};
use junction_shared::machine::identity::{HubKey, KEY_FILE, own_link};
use junction_shared::machine::seat_secret::{SEAT_FILE, read_seat_secret};
use junction_shared::machine::settings::env;

use super::finding::{Finding, Gravity};
use crate::config::{VARIABLES, wrong_variables};
use crate::mcp::argument_names::edits;
use crate::wording::Audience;
use crate::wording::attachments::config_problem;

/// Variables with a check of their own, which says whether they can be followed.
const CHECKED_ELSEWHERE: [&str; 3] =
    ["JUNCTION_CONFIG_DIR", "JUNCTION_HUB", "JUNCTION_KNOWN_HOSTS"];
/// How many edits away from a setting the name of a variable is taken for it.
const MOST_EDITS: usize = 3;
/// The longest name of a variable that is shown.
const MOST_NAME: usize = 40;

/// The directory, and if that is sound, its files.
pub(super) fn configuration(dir: &ConfigDir) -> Vec<Finding> {
    const CHECK: &str = "configuration";
    let path = dir.path().display();
    match dir.check() {
        Err(error) => vec![failed(CHECK, &error)],
        Ok(false) => {
            let says = format!("{path} is not there yet; the first session makes it.");
            vec![Finding::ok(CHECK, says)]
        }
        Ok(true) => {
            let mut findings = vec![Finding::ok(CHECK, format!("{path} is yours alone."))];
            findings.extend(keys(dir));
            findings.extend(hosts(dir));
            findings.extend(seat(dir));
            findings.extend(allowed(dir));
            findings
        }
    }
}

fn keys(dir: &ConfigDir) -> Option<Finding> {
    const CHECK: &str = KEY_FILE;
    match HubKey::load(dir) {
        Err(error) => Some(failed(CHECK, &error)),
        Ok(None) => None,
        // Sessions of this machine take their group from the link in the other file.
        Ok(Some(_)) => Some(match own_link(dir) {
            Err(error @ (ConfigError::NoLocalLink(_) | ConfigError::OtherGroup(_))) => {
                failed(CHECK, &error)
            }
            _ => Finding::ok(CHECK, "The keys of this machine's hub can be read by you alone."),
        }),
    }
}

fn hosts(dir: &ConfigDir) -> Vec<Finding> {
    const CHECK: &str = HOSTS_FILE;
    match HostsFile::load(dir) {
        Err(error) => vec![failed(CHECK, &error)],
        Ok(HostsFile { entries, problems }) if problems.is_empty() => match entries.len() {
            0 => Vec::new(),
            1 => vec![Finding::ok(CHECK, "Its only line can be read.")],
            count => vec![Finding::ok(CHECK, format!("All {count} hosts in it can be read."))],
        },
        Ok(HostsFile { problems, .. }) => {
            let texts = problems.iter().map(ToString::to_string);
            texts.map(|text| Finding::error(CHECK, Gravity::Failure, &text)).collect()
        }
    }
}

fn seat(dir: &ConfigDir) -> Option<Finding> {
    match read_seat_secret(dir) {
        Err(error) => Some(failed(SEAT_FILE, &error)),
        Ok(None) => None,
        Ok(Some(_)) => {
            Some(Finding::ok(SEAT_FILE, "Your sessions' keys can be read by you alone."))
        }
    }
}

/// What the user allowed attachments to be, if the file is there.
fn allowed(dir: &ConfigDir) -> Option<Finding> {
    const CHECK: &str = CONFIG_FILE;
    match AttachmentConfig::load(dir) {
        Err(problem) => {
            let text = config_problem(&problem, Audience::Person);
            Some(Finding::error(CHECK, Gravity::Failure, &text))
        }
        Ok(config) => {
            dir.read_private(CONFIG_FILE).ok().flatten()?;
            let entries = config.allowed().count() + config.env_keys().count();
            let others = config.save_roots().count() + config.commands().count();
            let says = match entries + others {
                0 => "It allows nothing yet, and only you can change that.".to_owned(),
                1 => "Its only entry can be read, and changed by you alone.".to_owned(),
                count => format!("All {count} entries can be read, and changed by you alone."),
            };
            Some(Finding::ok(CHECK, says))
        }
    }
}

fn failed(check: &'static str, error: &ConfigError) -> Finding {
    Finding::error(check, Gravity::Failure, &error.to_string())
}

/// The variables of the environment. Values are never shown.
pub(super) fn settings() -> Vec<Finding> {
    const CHECK: &str = "settings";
    let mut findings: Vec<_> = wrong_variables()
        .iter()
        .map(|error| Finding::error(CHECK, Gravity::Failure, &error.to_string()))
        .collect();
    let names =
        std::env::vars_os().filter_map(|(name, value)| named(name, &value.into_string().ok()?));
    findings.extend(names.filter_map(|(name, is_empty)| variable(&name, is_empty)));
    if findings.is_empty() {
        let set = VARIABLES.into_iter().filter(|name| env(name).is_some());
        let (elsewhere, here): (Vec<_>, Vec<_>) =
            set.partition(|name| CHECKED_ELSEWHERE.contains(name));
        let says = match (&here[..], &elsewhere[..]) {
            ([], []) => Some("No JUNCTION_ variable is set; the defaults apply.".to_owned()),
            ([], _) => None,
            (names, _) => Some(format!("Valid: {}.", names.join(", "))),
        };
        findings.extend(says.map(|says| Finding::ok(CHECK, says)));
    }
    findings
}

/// The name of a variable that looks like ours, and whether its value counts as none.
fn named(name: OsString, value: &str) -> Option<(String, bool)> {
    let name = name.into_string().ok()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_ours = name.to_ascii_uppercase().starts_with("JUNCTION");
    let is_unset = value.contains("${") && env(&name).is_none();
    (is_ours && name.len() <= MOST_NAME && name.bytes().all(is_plain)).then_some((name, is_unset))
}

/// What is wrong with a variable of this name.
fn variable(name: &str, is_unexpanded: bool) -> Option<Finding> {
    const CHECK: &str = "settings";
    if VARIABLES.contains(&name) {
        let fix = "Write the value itself into your client's settings, or remove the line there.";
        let says =
            format!("{name} holds a ${{…}} that nobody has replaced, and counts as not set.");
        return is_unexpanded.then(|| Finding::warning(CHECK, says, fix));
    }
    let letters = |name: &str| name.to_ascii_uppercase().chars().collect::<Vec<_>>();
    let distance = |known: &&str| edits(&letters(known), &letters(name));
    let nearest = VARIABLES.into_iter().min_by_key(distance)?;
    let says = format!("{name} is no setting, and nothing reads it.");
    let is_near = distance(&nearest) <= MOST_EDITS;
    is_near.then(|| Finding::warning(CHECK, says, format!("Name it {nearest}, or unset it.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_name_the_setting_that_was_meant() {
        for (name, meant) in [
            ("JUNCTION_HUBS", "JUNCTION_HUB"),
            ("JUNCTION_CONFIGDIR", "JUNCTION_CONFIG_DIR"),
            ("junction_port", "JUNCTION_PORT"),
            ("JUNCTION_AUTO_START", "JUNCTION_AUTOSTART"),
            ("JUNCTION_WAKES_HOUR", "JUNCTION_WAKES_PER_HOUR"),
        ] {
            let Some(finding) = variable(name, false) else {
                assert_eq!(name, "JUNCTION_WAKES_HOUR");
                continue;
            };
            let line = finding.line(crate::terminal::Terminal::PIPE);
            assert!(line.starts_with("warn") && line.contains(&format!(" {meant},")), "{line}");
        }
        for name in VARIABLES.into_iter().chain(["JUNCTION_TEST_VECTORS", "JUNCTION_COLOUR_SCHEME"])
        {
            assert_eq!(variable(name, false), None, "{name}");
        }
        assert!(variable("JUNCTION_HUB", true).is_some());
    }

    #[test]
    fn names_that_could_mislead_are_not_shown() {
        for name in ["JUNCTION_\u{1b}[31m", "PATH", &format!("JUNCTION_{}", "X".repeat(40))] {
            assert_eq!(named(name.into(), "x"), None);
        }
        assert_eq!(named("JUNCTION_X".into(), "x"), Some(("JUNCTION_X".to_owned(), false)));
        assert_eq!(named("JUNCTION_X".into(), "${X"), Some(("JUNCTION_X".to_owned(), true)));
    }
}
