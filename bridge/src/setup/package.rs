//! Packages of the junction's, unpacked where clients read them.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use junction_shared::machine::config_dir::ConfigDir;

use super::file::FileChange;
use super::problem::FileProblem;
use super::program::{BRIDGE, hook_command, reserve_command};
use crate::packages::Package;

/// The folder, in the directory of the junction's own files, with a folder for each package.
const FOLDER: &str = "packages";

/// A package in a client, as settings are planned.
#[derive(Clone, Debug)]
pub(crate) struct ClientPackage {
    /// The package.
    pub(crate) package: &'static Package,
    /// The place where the package is unpacked.
    pub(crate) store: PackageStore,
    /// How the client installs it; `None` where an entry of its settings does that.
    pub(crate) commands: Option<&'static PackageCommands>,
    /// What the client has installed by its commands.
    pub(crate) installed: Option<InstalledPackage>,
}

/// The commands by which a client installs a package.
#[derive(Debug)]
pub(crate) struct PackageCommands {
    /// Adds the marketplace in the folder that follows.
    pub(crate) add_marketplace: &'static [&'static str],
    /// Installs the plugin, enables it, and brings it up to date.
    pub(crate) install: &'static [&'static [&'static str]],
    /// Uninstalls the plugin.
    pub(crate) uninstall: &'static [&'static str],
    /// Removes the marketplace.
    pub(crate) remove_marketplace: &'static [&'static str],
}

/// A package as a client has it.
#[derive(Clone, Debug)]
pub(crate) struct InstalledPackage {
    /// Whether the client is told to load it, in all projects.
    pub(crate) is_enabled: bool,
    /// Whether the client's user has switched it off.
    pub(crate) is_switched_off: bool,
    /// What there is to load, and is not there.
    pub(crate) missing: Option<PathBuf>,
    /// What the client is told of it for the project in this directory alone, if anything.
    pub(crate) here: Option<PackageHere>,
    /// The folder of its marketplace, where that is on this machine.
    pub(crate) source: Option<PathBuf>,
    /// The version.
    pub(crate) version: Option<String>,
}

/// What the settings of one project say of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PackageHere {
    /// Whether the client is told to load it.
    pub(crate) is_enabled: bool,
    /// The file that says so.
    pub(crate) file: PathBuf,
    /// The client's word for settings of this kind.
    pub(crate) scope: &'static str,
}

impl InstalledPackage {
    /// Whether the client loads it, in projects that say nothing of it.
    pub(crate) fn is_loaded(&self) -> bool {
        self.is_enabled && self.missing.is_none()
    }

    /// Whether the client loads it in this directory.
    pub(crate) fn is_loaded_here(&self) -> bool {
        let is_enabled = self.here.as_ref().map_or(self.is_enabled, |here| here.is_enabled);
        is_enabled && self.missing.is_none()
    }
}

/// Whether two paths are of one folder.
pub(crate) fn is_same_folder(one: &Path, other: &Path) -> bool {
    one == other
        || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

impl ClientPackage {
    /// A package that a client installs by its commands, in the place where setup has unpacked it.
    pub(crate) fn by_commands(
        package: &'static Package,
        store: PackageStore,
        commands: &'static PackageCommands,
        installed: Option<InstalledPackage>,
    ) -> Self {
        let source = installed.as_ref().and_then(|installed| installed.source.as_deref());
        let store = source.map_or(store.clone(), |source| store.or_of(source, package));
        Self { package, store, commands: Some(commands), installed }
    }

    /// The folder that it is unpacked to.
    pub(crate) fn folder(&self) -> PathBuf {
        self.store.folder(self.package)
    }

    /// Whether the client has installed it by its commands, and loads it.
    pub(crate) fn is_enabled(&self) -> bool {
        self.installed.as_ref().is_some_and(InstalledPackage::is_loaded)
    }

    /// What the client is told to load and cannot, since it is not there.
    pub(crate) fn missing(&self) -> Option<&Path> {
        let installed = self.installed.as_ref().filter(|installed| installed.is_enabled);
        installed?.missing.as_deref()
    }

    /// Whether it, in place of settings, brings the server: where that is asked for, or it is there, or would be there
    /// again if it were unpacked.
    pub(crate) fn is_chosen(&self, by_package: Option<bool>) -> bool {
        let is_ours = || self.missing().is_some() && !self.is_from_elsewhere();
        self.commands.is_some() && by_package.unwrap_or_else(|| self.is_enabled() || is_ours())
    }

    /// Whether the client has installed it by its commands from somewhere else than setup unpacks it to.
    pub(crate) fn is_from_elsewhere(&self) -> bool {
        self.installed.as_ref().is_some_and(|installed| {
            let source = installed.source.as_deref();
            !source.is_some_and(|source| is_same_folder(source, &self.folder()))
        })
    }

    /// The folder that the client loads.
    pub(crate) fn loaded(&self) -> PathBuf {
        self.store.folder(self.package).join(self.package.folder())
    }
}

/// The place of the user's in which packages are unpacked.
#[derive(Clone, Debug)]
pub(crate) struct PackageStore(ConfigDir);

impl PackageStore {
    /// The place in this directory.
    pub(crate) fn new(directory: ConfigDir) -> Self {
        Self(directory)
    }

    /// The place of this folder, if setup has unpacked a package to it, with another directory for the junction's own
    /// files; else this place. A clone holds more than that, and calls the bridge by its name.
    pub(crate) fn or_of(self, folder: &Path, package: &Package) -> Self {
        let is_own = is_same_folder(folder, &self.folder(package));
        let is_named = folder.ends_with(Path::new(FOLDER).join(package.name));
        let directory = folder.ancestors().nth(2).filter(|_| is_named && !is_own);
        match directory.filter(|_| is_unpacked(folder, package)) {
            Some(directory) => Self(ConfigDir::at(directory.to_owned())),
            None => self,
        }
    }

    /// The folder that a package is unpacked to.
    pub(crate) fn folder(&self, package: &Package) -> PathBuf {
        self.packages().join(package.name)
    }

    fn packages(&self) -> PathBuf {
        self.0.path().join(FOLDER)
    }

    /// Whether all of a package is there as this version has it, and calls this program.
    pub(crate) fn holds(&self, package: &Package, program: &str) -> bool {
        let folder = self.folder(package);
        package.files().all(|(path, text)| {
            fs::read_to_string(folder.join(path)).is_ok_and(|found| found == calling(text, program))
        })
    }

    /// Unpacks a package whose server and hooks call this program. Another version of it goes, and no mix of the two is
    /// ever there.
    ///
    /// # Errors
    /// Why the folder is left as it is.
    pub(crate) fn unpack(
        &self,
        package: &Package,
        program: &str,
    ) -> Result<FileChange, FileProblem> {
        if self.holds(package, program) {
            return Ok(FileChange::Unchanged);
        }
        self.0.open()?;
        let (folder, process) = (self.folder(package), std::process::id());
        let beside = |what: &str| folder.with_file_name(format!(".{}.{what}", package.name));
        let (new, old) = (beside(&format!("new-{process}")), beside(&format!("old-{process}")));
        let failed = |error| FileProblem::cannot_write(&folder, error);
        self.remove_leftovers(package);
        let unpacked =
            write_all(package, &new, program).and_then(|()| replace(&folder, &new, &old));
        if unpacked.is_err() {
            let _ = fs::remove_dir_all(&new);
        }
        unpacked.map_err(failed)
    }

    /// Removes what was unpacked of a package; whether there was anything.
    ///
    /// # Errors
    /// Why something is left.
    pub(crate) fn remove(&self, package: &Package) -> Result<bool, FileProblem> {
        let folder = self.folder(package);
        self.remove_leftovers(package);
        let removed = match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(false),
            Err(error) => Err(FileProblem::cannot_write(&folder, error)),
            Ok(()) => Ok(true),
        };
        // Unless other packages are there.
        let _ = fs::remove_dir(self.packages());
        removed
    }

    /// Removes what runs that were killed have left.
    fn remove_leftovers(&self, package: &Package) {
        let entries = fs::read_dir(self.packages()).into_iter().flatten().flatten();
        let is_left = |name: &str| {
            let rest = name.strip_prefix('.').and_then(|name| name.strip_prefix(package.name));
            rest.is_some_and(|rest| rest.starts_with(".new-") || rest.starts_with(".old-"))
        };
        for entry in entries.filter(|entry| entry.file_name().to_str().is_some_and(is_left)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether a folder holds nothing but a package, in which nothing calls the program by its bare name.
fn is_unpacked(folder: &Path, package: &Package) -> bool {
    let tops: Vec<_> =
        package.files().filter_map(|(path, _)| Some(path.split('/').next()?.to_owned())).collect();
    let entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().collect();
    let is_whole = entries.iter().all(|entry| tops.iter().any(|top| entry.file_name() == **top));
    let callers = package.files().filter(|(_, text)| calling(text, "/") != *text);
    let mut callers =
        callers.filter_map(|(path, _)| fs::read_to_string(folder.join(path)).ok()).peekable();
    is_whole && callers.peek().is_some() && callers.all(|text| calling(&text, "/") == text)
}

fn write_all(package: &Package, folder: &Path, program: &str) -> io::Result<()> {
    for (path, text) in package.files() {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap_or(folder))?;
        fs::write(file, calling(text, program))?;
    }
    Ok(())
}

/// Puts a new folder in the place of another, which need not exist.
fn replace(folder: &Path, new: &Path, old: &Path) -> io::Result<FileChange> {
    let change = match fs::rename(folder, old) {
        Ok(()) => FileChange::Changed,
        Err(error) if error.kind() == ErrorKind::NotFound => FileChange::Created,
        Err(error) => return Err(error),
    };
    let renamed = fs::rename(new, folder);
    if renamed.is_err() && change == FileChange::Changed {
        let _ = fs::rename(old, folder);
    }
    renamed?;
    let _ = fs::remove_dir_all(old);
    Ok(change)
}

/// The text of a package's file, where it calls the program by its bare name, with this one in place of that. A client may
/// have another search path than the shell in which it was set up.
fn calling(text: &str, program: &str) -> String {
    // A string of JSON is one of JavaScript, too.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    text.replace(&quoted(&hook_command(BRIDGE)), &quoted(&hook_command(program)))
        .replace(&quoted(&reserve_command(BRIDGE)), &quoted(&reserve_command(program)))
        .replace(&quoted(BRIDGE), &quoted(program))
        .replace(&format!("'{BRIDGE}'"), &quoted(program))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::packages::{CLAUDE, CODEX, OPENCODE};

    const ODD: &str = r#"/a b/it's "so"/C:\n\x$(y)`z`/junction-bridge"#;

    fn text_of(package: &Package, path: &str, program: &str) -> String {
        let (_, text) = package.files().find(|(found, _)| found == path).unwrap();
        calling(text, program)
    }

    #[test]
    fn server_and_hooks_call_the_program_wherever_it_is() {
        let json = |package: &Package, path: &str| -> Value {
            serde_json::from_str(&text_of(package, path, ODD)).unwrap()
        };
        for (package, hooks) in [(&CLAUDE, 9), (&CODEX, 5)] {
            let server = json(package, &format!("{}/.mcp.json", package.folder()));
            assert_eq!(server["mcpServers"]["junction"]["command"], ODD);
            let found = json(package, &format!("{}/hooks/hooks.json", package.folder()));
            let found = found["hooks"].as_object().unwrap();
            assert_eq!(found.len(), hooks);
            for event in found.values() {
                assert_eq!(event[0]["hooks"][0]["command"], hook_command(ODD));
                let second = &event[0]["hooks"][1];
                assert!(second.is_null() || second["command"] == reserve_command(ODD), "{second}");
            }
        }
        let quoted = Value::from(ODD).to_string();
        let script = text_of(&CLAUDE, "plugin/claude/hooks/register.js", ODD);
        assert!(script.contains(&format!("[{quoted}, 'hook', '--wait',")), "{script}");
        let script = text_of(&OPENCODE, "plugin/opencode/junction.js", ODD);
        assert!(script.contains(&format!("const BRIDGE = {quoted};")), "{script}");
    }

    #[test]
    fn nothing_else_of_a_package_changes() {
        for package in [&CLAUDE, &CODEX, &OPENCODE] {
            for (path, text) in package.files() {
                let is_caller =
                    [".mcp.json", "hooks.json", ".js"].iter().any(|end| path.ends_with(end));
                assert_eq!(calling(text, ODD) != text, is_caller, "{path}");
            }
        }
    }

    #[test]
    fn package_is_there_whole_or_not_at_all() {
        let dir = tempfile::TempDir::new().unwrap();
        let store = PackageStore::new(ConfigDir::at(dir.path().join("a/b")));
        let unpack = |program: &str| store.unpack(&OPENCODE, program).unwrap();
        let folder = store.folder(&OPENCODE);
        assert!(!store.remove(&OPENCODE).unwrap());
        assert_eq!(
            [unpack("/x/junction-bridge"), unpack("/x/junction-bridge")],
            [FileChange::Created, FileChange::Unchanged]
        );
        // Another program; a file of an older version, and one that a client has written there.
        let stale = folder.join("plugin/opencode/skills/old/SKILL.md");
        fs::create_dir(stale.parent().unwrap()).unwrap();
        fs::write(&stale, "").unwrap();
        assert_eq!(unpack("/x/junction-bridge"), FileChange::Unchanged);
        fs::create_dir(folder.with_file_name(".opencode.old-1")).unwrap();
        assert_eq!(unpack("/y/junction-bridge"), FileChange::Changed);
        assert!(store.holds(&OPENCODE, "/y/junction-bridge") && !stale.exists());
        assert_eq!(fs::read_dir(folder.parent().unwrap()).unwrap().count(), 1);
        // What somebody has changed or deleted comes back.
        fs::write(folder.join("plugin/opencode/junction.js"), "").unwrap();
        assert_eq!(unpack("/y/junction-bridge"), FileChange::Changed);
        assert!(store.remove(&OPENCODE).unwrap() && !folder.parent().unwrap().exists());
    }

    #[cfg(unix)]
    #[test]
    fn package_is_not_unpacked_where_others_may_change_it() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::TempDir::new().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let store = PackageStore::new(ConfigDir::at(dir.path().to_owned()));
        let problem = store.unpack(&OPENCODE, "/x/junction-bridge").unwrap_err().to_string();
        assert!(problem.contains("chmod 700"), "{problem}");
        assert!(!store.folder(&OPENCODE).exists());
    }
}
