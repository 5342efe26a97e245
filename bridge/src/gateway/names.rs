//! The agents that the gateway serves by name, and the secret that the address of each ends with.

use std::collections::{BTreeMap, HashMap};
use std::fs::Metadata;
use std::path::PathBuf;
use std::time::SystemTime;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use junction_shared::machine::config_dir::{ConfigDir, ConfigError};
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::crypto::mac;
use junction_shared::secret::{Secret, random_bytes};
use toml_edit::{DocumentMut, value};

/// The file's name in the configuration directory.
const FILE: &str = "gateway.toml";
/// The table of agents in it.
const AGENTS: &str = "agents";
/// What the file begins with.
const HEAD: &str =
    "# Agents that are reached over HTTP, as junction-bridge gateway add and remove keep them.\n";
/// Agents at most.
pub(crate) const MAX_NAMES: usize = 1_000;
/// What an address is derived for.
const TOKEN: &[u8] = b"aj1 gateway";

/// An agent of this name. One that is added again after it was removed is another one, and has another address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NamedAgent {
    pub(crate) name: Alias,
    /// Random, and new with each time that the name is added.
    pub(crate) generation: String,
}

/// Why the names cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NamesError {
    #[error(transparent)]
    Dir(#[from] ConfigError),
    #[error("{} cannot be read: it is no valid TOML. Correct it, or remove it to begin anew.", .0.display())]
    BadFile(PathBuf),
    #[error(
        "The gateway has {MAX_NAMES} agents already. Remove one with junction-bridge gateway remove NAME."
    )]
    TooMany,
}

/// The names, as the file has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GatewayNames(BTreeMap<Alias, String>);

/// What shows that the file is the same as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStamp(Option<(SystemTime, u64, u64)>);

impl NamedAgent {
    /// What the agent's address ends with. Only who has the secret of this directory can make it.
    pub(crate) fn token(&self, secret: &Secret) -> String {
        let parts: [&[u8]; 4] =
            [TOKEN, self.name.as_str().as_bytes(), b"\0", self.generation.as_bytes()];
        BASE64URL_NOPAD.encode(&mac(secret.expose(), &parts))
    }

    /// The name of the agent's session, from which its seat is derived.
    pub(crate) fn session(&self) -> String {
        format!("{}\n{}", self.name, self.generation)
    }
}

impl GatewayNames {
    /// The names in this directory.
    ///
    /// # Errors
    /// The file is not private to this user, or damaged.
    pub(crate) fn load(dir: &ConfigDir) -> Result<Self, NamesError> {
        let document = document(dir)?;
        let table = document.get(AGENTS).and_then(|agents| agents.as_table_like());
        let entries = table.into_iter().flat_map(|table| table.iter());
        let entry = |(name, generation): (&str, &toml_edit::Item)| {
            Some((Alias::parse(name).ok()?, generation.as_str()?.to_owned()))
        };
        Ok(Self(entries.filter_map(entry).take(MAX_NAMES).collect()))
    }

    /// Adds a name, unless it is there. Returns its agent.
    ///
    /// # Errors
    /// The file cannot be read or written, or there are too many names.
    pub(crate) fn add(dir: &ConfigDir, name: &Alias) -> Result<NamedAgent, NamesError> {
        dir.open()?;
        let _lock = dir.lock()?;
        let names = Self::load(dir)?;
        if let Some(agent) = names.named(name) {
            return Ok(agent);
        }
        if names.0.len() >= MAX_NAMES {
            return Err(NamesError::TooMany);
        }
        let generation = HEXLOWER.encode(&random_bytes::<8>());
        let mut document = document(dir)?;
        document[AGENTS][name.as_str()] = value(&generation);
        dir.write_private(FILE, &document.to_string())?;
        Ok(NamedAgent { name: name.clone(), generation })
    }

    /// Removes a name. Returns whether it was there.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(crate) fn remove(dir: &ConfigDir, name: &Alias) -> Result<bool, NamesError> {
        if !dir.check()? {
            return Ok(false);
        }
        let _lock = dir.lock()?;
        let mut document = document(dir)?;
        let table = document.get_mut(AGENTS).and_then(|agents| agents.as_table_like_mut());
        let is_removed = table.and_then(|table| table.remove(name.as_str())).is_some();
        if is_removed {
            dir.write_private(FILE, &document.to_string())?;
        }
        Ok(is_removed)
    }

    /// All agents, by name.
    pub(crate) fn agents(&self) -> impl Iterator<Item = NamedAgent> {
        self.0.iter().map(|(name, generation)| NamedAgent {
            name: name.clone(),
            generation: generation.clone(),
        })
    }

    /// Whether this agent is still there.
    pub(crate) fn holds(&self, agent: &NamedAgent) -> bool {
        self.0.get(&agent.name) == Some(&agent.generation)
    }

    /// The agents by what their addresses end with.
    pub(crate) fn by_token(&self, secret: &Secret) -> HashMap<String, NamedAgent> {
        self.agents().map(|agent| (agent.token(secret), agent)).collect()
    }

    fn named(&self, name: &Alias) -> Option<NamedAgent> {
        let generation = self.0.get(name)?.clone();
        Some(NamedAgent { name: name.clone(), generation })
    }
}

impl FileStamp {
    /// The stamp of the file with the names in this directory, as it is now.
    pub(crate) fn of_names(dir: &ConfigDir) -> Self {
        Self::of(dir, FILE)
    }

    /// The stamp of the file in this directory, as it is now.
    pub(crate) fn of(dir: &ConfigDir, file: &str) -> Self {
        let file = std::fs::symlink_metadata(dir.path().join(file)).ok();
        let stamp = |file: Metadata| Some((file.modified().ok()?, file.len(), inode(&file)));
        Self(file.and_then(stamp))
    }
}

/// The number of a file, which another one that takes its place does not have.
#[cfg(unix)]
fn inode(file: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(file)
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}

fn document(dir: &ConfigDir) -> Result<DocumentMut, NamesError> {
    let text = dir.read_private(FILE)?.unwrap_or_else(|| format!("{HEAD}\n[{AGENTS}]\n"));
    let document: DocumentMut =
        text.parse().map_err(|_| NamesError::BadFile(dir.path().join(FILE)))?;
    match document.get(AGENTS) {
        Some(agents) if !agents.is_table_like() => Err(NamesError::BadFile(dir.path().join(FILE))),
        _ => Ok(document),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> (tempfile::TempDir, ConfigDir) {
        let home = tempfile::tempdir().unwrap();
        let dir = ConfigDir::at(home.path().join("junction"));
        (home, dir)
    }

    fn alias(name: &str) -> Alias {
        Alias::parse(name).unwrap()
    }

    #[test]
    fn address_leads_to_its_agent_until_the_name_is_removed() {
        let ((_home, dir), secret) = (fresh(), Secret::random());
        let (desk, shop) = (alias("desk"), alias("shop"));
        let agent = GatewayNames::add(&dir, &desk).unwrap();
        let other = GatewayNames::add(&dir, &shop).unwrap();
        assert_eq!(GatewayNames::add(&dir, &desk).unwrap(), agent, "once added, it is the same");
        let (token, before) = (agent.token(&secret), FileStamp::of_names(&dir));
        let names = GatewayNames::load(&dir).unwrap();
        let known = names.by_token(&secret);
        assert_eq!(known.get(&token), Some(&agent));
        assert_eq!(known.get(&other.token(&secret)), Some(&other));
        for wrong in
            ["", "desk", &token[1..], &token.to_uppercase(), &agent.token(&Secret::random())]
        {
            assert_eq!(known.get(wrong), None, "{wrong}");
        }
        assert!(GatewayNames::remove(&dir, &desk).unwrap());
        assert!(!GatewayNames::remove(&dir, &desk).unwrap());
        assert_ne!(FileStamp::of_names(&dir), before);
        let names = GatewayNames::load(&dir).unwrap();
        assert!(!names.by_token(&secret).contains_key(&token) && !names.holds(&agent));
        let again = GatewayNames::add(&dir, &desk).unwrap();
        assert_ne!(again.token(&secret), token, "a name that is added again has another address");
    }

    #[test]
    fn to_look_makes_no_file_and_damage_is_told() {
        let (_home, dir) = fresh();
        assert_eq!(GatewayNames::load(&dir).unwrap(), GatewayNames::default());
        assert!(!GatewayNames::remove(&dir, &alias("desk")).unwrap());
        assert!(!dir.path().exists());
        for text in ["[agents", "agents = 1"] {
            dir.write_private(FILE, text).unwrap();
            let error = GatewayNames::add(&dir, &alias("desk")).unwrap_err();
            assert!(
                error.to_string().ends_with("Correct it, or remove it to begin anew."),
                "{error}"
            );
            assert_eq!(dir.read_private(FILE).unwrap().as_deref(), Some(text));
        }
        dir.write_private(FILE, "# mine\n[agents]\ndesk = \"1\"\n\"no name\" = \"2\"\nodd = 3\n")
            .unwrap();
        let names = GatewayNames::load(&dir).unwrap();
        assert_eq!(names.agents().count(), 1);
        GatewayNames::add(&dir, &alias("shop")).unwrap();
        assert!(dir.read_private(FILE).unwrap().unwrap().starts_with("# mine\n"));
    }
}
