//! `junction-bridge allow`: what a user lets attachments be, and where they may be saved, in `config.toml`.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::Args;
use junction_attachments::Allowed;
use junction_attachments::config::{
    Added, AttachmentConfig, CONFIG_FILE, ConfigProblem, add_allowed, add_env_key, add_save_root,
    remove_allowed, remove_env_key, remove_save_root,
};
use serde_json::{Map, Value, json};

use crate::attachments::allow_flag;
use crate::config::Config;
use crate::escape::escape;
use crate::person::invoker::Invoker;
use crate::person::sources::check_key;
use crate::terminal::{Cell, Style, Terminal, WrongUsage, remark, tell};
use crate::wording::Audience;
use crate::wording::attachments::config_problem;
use crate::wording::disk::{allow_command, quoted};

/// Where a file that may be sent may be saved, too.
const WHERE_SAVED: &str = "that is in their project or below a folder allowed with --save";

/// What to allow, or to allow no longer.
#[derive(Debug, Args)]
pub(crate) struct AllowOptions {
    /// File, or value in a file, that may be sent and saved, or folder with files that may be sent
    ///
    /// A file or a value may be saved only where sessions may save: in their project, or below a folder allowed with --save.
    /// A folder lets the files below it be sent, but not those with names of secrets, such as .env: allow each by its own
    /// path. The # that divides is the last one. Put another # behind the path of a file whose name has one.
    #[arg(value_name = "PATH[#KEY]", conflicts_with_all = ["env", "save"])]
    entry: Option<String>,
    /// Environment variable that sessions may send, and value of this name in files such as .env of their project, which
    /// they may send and save
    #[arg(long, value_name = "NAME", conflicts_with = "save")]
    env: Option<String>,
    /// Folder outside of projects below which attachments may be saved
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Take it back
    #[arg(long)]
    remove: bool,
    /// Print all that is allowed as one JSON object
    #[arg(long)]
    json: bool,
}

/// One thing that can be allowed.
#[derive(Debug)]
enum AllowedThing {
    /// `PATH` or `PATH#KEY` may be sent, and saved where sessions may save.
    Sent(String),
    /// A variable may be sent, and a value of its name in the project sent and saved.
    Variable(String),
    /// Files may be saved below a folder.
    SaveRoot(PathBuf),
}

/// Allows something, takes it back, or shows all that is allowed.
///
/// # Errors
/// There is no such path, the config cannot be read or written, or an agent runs the command.
pub(crate) fn allow(config: &Config, options: AllowOptions) -> anyhow::Result<()> {
    let AllowOptions { entry, env, save, remove, json } = options;
    entry.as_deref().map_or(Ok(()), check_key)?;
    let thing = entry
        .map(AllowedThing::Sent)
        .or(env.map(AllowedThing::Variable))
        .or(save.map(AllowedThing::SaveRoot));
    let failed = |problem: ConfigProblem| anyhow!(config_problem(&problem, Audience::Person));
    let Some(thing) = thing else {
        if remove {
            return Err(WrongUsage(
                "Nothing is named that --remove is to take back. Name it as junction-bridge allow shows it.",
            )
            .into());
        }
        return shown(&AttachmentConfig::load(&config.dir).map_err(failed)?, config, json);
    };
    refuse_programs()?;
    let (entry, is_changed) = if remove {
        match thing.removed(config).map_err(failed)? {
            Some(entry) => (entry, true),
            None => bail!(
                "{} allows nothing of that name. Run junction-bridge allow to see what it allows.",
                file(config)
            ),
        }
    } else {
        let Added { entry, is_new } = thing.added(config).map_err(failed)?;
        (entry, is_new)
    };
    if json {
        let mut object = listed(&AttachmentConfig::load(&config.dir).map_err(failed)?, config);
        object.insert("entry".to_owned(), json!(thing.listed(&entry)));
        object.insert("changed".to_owned(), json!(is_changed));
        return tell(&Value::from(object).to_string());
    }
    let what = thing.described(&entry);
    let (file, back) = (file(config), thing.taken_back_by(&entry, allow_flag(&config.dir)));
    let missing = if thing.is_missing(&entry) { " There is no such file yet." } else { "" };
    tell(&match (remove, is_changed) {
        (true, _) => {
            format!("No longer allowed: {what}. The entry is gone from {file}.")
        }
        (false, true) => format!(
            "Allowed from now on: {what}.{missing} This is kept in {file}, and taken back by: {back}"
        ),
        (false, false) => format!(
            "This was allowed already: {what}.{missing} It is kept in {file}, and taken back by: {back}"
        ),
    })
}

/// Lets a person alone say what leaves: an agent that could would have nobody to ask.
fn refuse_programs() -> anyhow::Result<()> {
    let sign = match Invoker::of_this_process() {
        Invoker::Person => return Ok(()),
        Invoker::Agent(sign) => sign,
        Invoker::Exec(_) => "A watch runs this command for a message".to_owned(),
    };
    bail!(
        "{sign}, and a person alone says what may be sent. Run it in a terminal that no agent's client has opened."
    )
}

impl AllowedThing {
    fn added(&self, config: &Config) -> Result<Added, ConfigProblem> {
        match self {
            Self::Sent(entry) => add_allowed(&config.dir, entry),
            Self::Variable(name) => add_env_key(&config.dir, name),
            Self::SaveRoot(root) => add_save_root(&config.dir, root),
        }
    }

    /// Takes it back. The entry that the file had, if there was one.
    fn removed(&self, config: &Config) -> Result<Option<String>, ConfigProblem> {
        match self {
            Self::Sent(entry) => remove_allowed(&config.dir, entry),
            Self::Variable(name) => remove_env_key(&config.dir, name),
            Self::SaveRoot(root) => remove_save_root(&config.dir, root),
        }
    }

    /// An entry of the file as it is among all that are listed: without the slash at the end of a folder.
    fn listed(&self, entry: &str) -> String {
        match self {
            Self::Sent(_) => Allowed::parse(entry).to_string(),
            Self::Variable(_) => entry.to_owned(),
            Self::SaveRoot(_) => Allowed::parse(entry).file().to_string_lossy().into_owned(),
        }
    }

    /// What an entry allows.
    fn described(&self, entry: &str) -> String {
        match self {
            Self::Variable(_) => format!(
                "your sessions may send the environment variable {name}, and send and save the value {name} of files such as .env in their project",
                name = one_line(entry)
            ),
            Self::SaveRoot(_) => {
                format!("your sessions may save attachments below {}", one_line(entry))
            }
            Self::Sent(_) => {
                let allowed = Allowed::parse(entry);
                let path = one_line(&allowed.file().to_string_lossy());
                match allowed.key() {
                    Some(key) => format!(
                        "your sessions may send the value {} of {path}, and save it there if {WHERE_SAVED}",
                        one_line(key)
                    ),
                    None if allowed.file().is_dir() => format!(
                        "your sessions may send the files below {path}, without those that have names of secrets, such as .env"
                    ),
                    None => format!(
                        "your sessions may send the file {path}, and save it there if {WHERE_SAVED}"
                    ),
                }
            }
        }
    }

    /// Whether an entry is of a file that does not exist.
    fn is_missing(&self, entry: &str) -> bool {
        matches!(self, Self::Sent(_)) && !Allowed::parse(entry).file().exists()
    }

    fn taken_back_by(&self, entry: &str, config_dir: Option<&Path>) -> String {
        let flag = match self {
            Self::Sent(_) => "",
            Self::Variable(_) => "--env ",
            Self::SaveRoot(_) => "--save ",
        };
        allow_command(&format!("--remove {flag}{}", quoted(entry)), config_dir)
    }
}

/// Shows all that is allowed.
fn shown(allowed: &AttachmentConfig, config: &Config, is_json: bool) -> anyhow::Result<()> {
    if is_json {
        return tell(&Value::from(listed(allowed, config)).to_string());
    }
    let entries = allowed.allowed().map(|entry| (may(entry), entry.to_string()));
    let keys = allowed.env_keys().map(|name| ("env", name.to_owned()));
    let roots = allowed.save_roots().map(|root| ("save", root.to_string_lossy().into_owned()));
    let commands = allowed.commands().map(|name| ("command", name.to_owned()));
    let row = |(kind, text): (&str, String)| {
        vec![Cell::new(Style::Faint, kind), Cell::new(Style::Strong, one_line(&text))]
    };
    let rows: Vec<_> = entries.chain(keys).chain(roots).chain(commands).map(row).collect();
    if rows.is_empty() {
        remark(&format!(
            "Nothing is allowed but ordinary files of a session's own project. What you allow is kept in {}. junction-bridge allow --help \
             says how to allow more.",
            file(config)
        ));
        return Ok(());
    }
    for line in Terminal::stdout().table(&rows) {
        tell(&line)?;
    }
    remark(&format!(
        "This is kept in {}. junction-bridge allow --remove takes an entry back.",
        file(config)
    ));
    Ok(())
}

/// What an entry of the list `allow` lets sessions do.
fn may(entry: &Allowed) -> &'static str {
    if entry.file().is_dir() { "send" } else { "send, save" }
}

/// All that is allowed, as JSON. A command's arguments may hold secrets, so its name alone is shown.
fn listed(allowed: &AttachmentConfig, config: &Config) -> Map<String, Value> {
    let entries: Vec<_> = allowed.allowed().map(ToString::to_string).collect();
    let roots: Vec<_> = allowed.save_roots().map(|root| root.to_string_lossy()).collect();
    let object = json!({
        "file": config.dir.path().join(CONFIG_FILE).to_string_lossy(),
        "allow": entries,
        "env_keys": allowed.env_keys().collect::<Vec<_>>(),
        "save_roots": roots,
        "commands": allowed.commands().collect::<Vec<_>>(),
    });
    if let Value::Object(object) = object { object } else { Map::new() }
}

fn file(config: &Config) -> String {
    one_line(&config.dir.path().join(CONFIG_FILE).to_string_lossy())
}

/// A text of the config in a sentence: nothing in it moves the cursor.
fn one_line(text: &str) -> String {
    escape(text).text.replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regression_entry_is_shown_as_it_is_listed() {
        for (entry, sent, root) in [
            ("/a/b/", "/a/b", "/a/b"),
            ("/a#b/#", "/a#b#", "/a#b"),
            ("//a//b/", "/a/b", "/a/b"),
            ("/", "/", "/"),
        ] {
            assert_eq!(AllowedThing::Sent(String::new()).listed(entry), sent, "{entry}");
            assert_eq!(AllowedThing::SaveRoot(PathBuf::new()).listed(entry), root, "{entry}");
        }
        let value = AllowedThing::Sent(String::new()).listed("/a/.env#KEY");
        assert_eq!(value, "/a/.env#KEY");
    }

    #[test]
    fn each_kind_of_entry_is_described_and_taken_back_by_its_own_flag() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().to_string_lossy().into_owned();
        let sent = AllowedThing::Sent(String::new());
        assert!(sent.described(&folder).contains("the files below"));
        assert!(
            sent.described("/a/b.txt").contains("may send the file /a/b.txt, and save it there")
        );
        let value = sent.described("/a/.env#KEY");
        assert!(value.contains("the value KEY of /a/.env, and save it there"), "{value}");
        assert!(sent.is_missing("/nowhere/.env#KEY") && !sent.is_missing(&folder));
        assert_eq!(
            (may(&Allowed::parse("/a/.env#KEY")), may(&Allowed::parse(&folder))),
            ("send, save", "send")
        );
        assert!(!sent.described("/a/\u{1b}[2Kb").contains('\u{1b}'));
        let elsewhere = sent.taken_back_by("KEY", Some(Path::new("/c d")));
        assert_eq!(elsewhere, "junction-bridge allow --remove KEY --config-dir '/c d'");
        let back = |thing: AllowedThing, entry: &str| thing.taken_back_by(entry, None);
        assert_eq!(back(sent, "/a b'c"), r"junction-bridge allow --remove '/a b'\''c'");
        assert_eq!(
            back(AllowedThing::Variable(String::new()), "KEY"),
            "junction-bridge allow --remove --env KEY"
        );
        assert_eq!(
            back(AllowedThing::SaveRoot(PathBuf::new()), "/in/"),
            "junction-bridge allow --remove --save '/in/'"
        );
    }
}
