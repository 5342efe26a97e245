//! What a client's settings files are, and what belongs in them.

use std::path::{Path, PathBuf};

use super::entry::{FileFormat, PlannedEntry};
use super::package::{ClientPackage, PackageStore};
use super::program::BRIDGE;
use super::skill::SkillFile;

/// What settings are made for.
#[derive(Clone, Debug)]
pub(crate) struct SetupTarget {
    /// The user's home.
    pub(crate) home: PathBuf,
    /// The project whose shared settings are meant, in place of the user's own.
    pub(crate) project: Option<PathBuf>,
    /// The program as settings should call it: a path, or its name.
    pub(crate) program: String,
    /// Where packages are unpacked; nowhere for a project, whose settings are not for this machine alone.
    pub(crate) packages: Option<PackageStore>,
    /// Whether a package brings what settings would, in a client where either can; `None` for what it has now.
    pub(crate) by_package: Option<bool>,
    /// The address at which the client asks a gateway, in place of starting the program. It is a secret.
    pub(crate) address: Option<String>,
}

impl SetupTarget {
    /// A target whose settings call the program by its name, and that has no packages.
    pub(crate) fn plain(home: PathBuf, project: Option<PathBuf>) -> Self {
        Self {
            home,
            project,
            program: BRIDGE.to_owned(),
            packages: None,
            by_package: None,
            address: None,
        }
    }
}

/// A client's settings files, and what belongs in them.
#[derive(Clone, Debug)]
pub(crate) struct ClientSettings {
    /// The folder that exists once the client has been used.
    pub(crate) folder: PathBuf,
    /// The files.
    pub(crate) files: Vec<PlannedFile>,
    /// Where an earlier run may have put the same, when other files were there.
    pub(crate) elsewhere: Vec<PlannedFile>,
    /// What the person still has to confirm in the client, a sentence each.
    pub(crate) to_confirm: Vec<&'static str>,
    /// What the person has to confirm before the client runs the hooks.
    pub(crate) hook_review: Option<&'static str>,
    /// Whether hooks are there that the client does not run until its user trusts them.
    pub(crate) has_untrusted_hooks: bool,
    /// What else in the client's settings puts something of this out of force.
    pub(crate) overrides: fn(&SetupTarget) -> Vec<SettingOverride>,
    /// How a message reaches an idle agent of the client, in words.
    pub(crate) waking: &'static str,
    /// What is installed in the client beside its settings.
    pub(crate) package: Option<ClientPackage>,
    /// A package that the client's user has installed by a command that setup does not run.
    pub(crate) foreign: Option<ForeignPackage>,
    /// The skills, in the folder from which the client reads its user's.
    pub(crate) skills: Vec<SkillFile>,
}

/// A package that a client's user has installed by a command that setup does not run.
#[derive(Clone, Debug)]
pub(crate) struct ForeignPackage {
    /// The client's word for such a package.
    pub(crate) kind: &'static str,
    /// How to switch it on, in the words of a command, where the client's user has switched it off.
    pub(crate) switched_off: Option<&'static str>,
    /// The version, if the package says one.
    pub(crate) version: Option<String>,
    /// How to bring the package up to date, in a sentence.
    pub(crate) update: &'static str,
    /// What the package leaves to be asked, and what to do about that.
    pub(crate) lacks: Option<SettingOverride>,
    /// How to take the package out, after "To take it out, ".
    pub(crate) removal: String,
    /// Why and how to have settings in its place, in a sentence, if that serves the user better.
    pub(crate) better: Option<&'static str>,
}

impl ForeignPackage {
    /// Whether the client loads it.
    pub(crate) fn is_loaded(&self) -> bool {
        self.switched_off.is_none()
    }
}

impl ClientSettings {
    /// Files of a client about which there is nothing else to know.
    pub(crate) fn of(folder: PathBuf, files: Vec<PlannedFile>) -> Self {
        Self {
            folder,
            files,
            elsewhere: Vec::new(),
            to_confirm: Vec::new(),
            hook_review: None,
            has_untrusted_hooks: false,
            overrides: |_| Vec::new(),
            waking: NO_WAKING,
            package: None,
            foreign: None,
            skills: Vec::new(),
        }
    }

    /// Adds the skills, in a folder of the user's, unless a project is meant.
    pub(crate) fn with_skills(mut self, folder: &Path, target: &SetupTarget) -> Self {
        if target.project.is_none() {
            self.skills = SkillFile::all(folder);
        }
        self
    }

    /// Leaves hooks and plugins out, and has them taken out where they are, if the client asks a gateway: nothing wakes its
    /// agent, and hooks would find no bridge.
    pub(crate) fn for_transport(mut self, target: &SetupTarget) -> Self {
        if target.address.is_none() {
            return self;
        }
        for file in &mut self.files {
            let (kept, unwanted) =
                file.entries.drain(..).partition(|entry| entry.is_wanted(false, true));
            file.entries = kept;
            file.unwanted.extend::<Vec<_>>(unwanted);
        }
        self.waking = NO_WAKING;
        self.hook_review = None;
        self.has_untrusted_hooks = false;
        self
    }

    /// Whether an entry of the files names a plugin.
    pub(crate) fn name_plugin(&self) -> bool {
        self.files.iter().any(PlannedFile::names_plugin)
    }

    /// The package that brings the server in place of these settings.
    pub(crate) fn chosen_package(&self, target: &SetupTarget) -> Option<&ClientPackage> {
        self.package.as_ref().filter(|package| package.is_chosen(target.by_package))
    }

    /// Whether the client's user has installed a package that the client loads.
    pub(crate) fn has_foreign(&self) -> bool {
        self.foreign.as_ref().is_some_and(ForeignPackage::is_loaded)
    }

    /// Whether a package brings the skills.
    pub(crate) fn are_skills_brought(&self, target: &SetupTarget) -> bool {
        self.chosen_package(target).is_some() || self.has_foreign()
    }

    /// Takes all of the junction out of the files, because a package brings it.
    pub(crate) fn left_to_package(mut self) -> Self {
        for file in &mut self.files {
            file.unwanted.append(&mut file.entries);
        }
        Self { to_confirm: Vec::new(), hook_review: None, overrides: |_| Vec::new(), ..self }
    }

    /// Every file that may hold anything of the junction, in place of those that are used now, with all that it may hold.
    pub(crate) fn for_removal(self) -> Self {
        let mut all = self.with_all_files();
        for file in &mut all.files {
            let unwanted = std::mem::take(&mut file.unwanted);
            file.entries.extend(unwanted);
        }
        all
    }

    /// Every file that may hold anything of the junction, in place of those that are used now.
    pub(super) fn with_all_files(mut self) -> Self {
        for other in std::mem::take(&mut self.elsewhere) {
            match self.files.iter_mut().find(|file| file.path == other.path) {
                Some(file) => {
                    file.entries.extend(other.entries);
                    file.unwanted.extend(other.unwanted);
                }
                None => self.files.push(other),
            }
        }
        self
    }
}

/// A setting of the person's, or of a project, by which something that belongs in the settings is not in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SettingOverride {
    /// What is not in force.
    pub(crate) of: OverriddenPart,
    /// What is so, in a sentence.
    pub(crate) says: String,
    /// What to do about it, in a sentence.
    pub(crate) fix: String,
}

/// What a setting can put out of force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OverriddenPart {
    /// The client starts no bridge, or another server in its place, or its agent gets none of the tools.
    Server,
    /// What the bridge needs of its environment.
    Environment,
    /// Hooks.
    Hooks,
    /// The rule that the tools ask nobody.
    Rule,
}

/// How a message reaches an idle agent of a client that has no way to wake one.
pub(crate) const NO_WAKING: &str =
    "nothing wakes an idle agent, which reads when it is prompted or waits in read_messages";

/// A file, and what belongs in it.
#[derive(Clone, Debug)]
pub(crate) struct PlannedFile {
    /// The path by which the client knows it.
    pub(crate) path: PathBuf,
    /// The format.
    pub(crate) format: FileFormat,
    /// Whether others may read the file if it is made here, since it belongs to a project.
    pub(crate) is_shared: bool,
    /// What belongs in it.
    pub(crate) entries: Vec<PlannedEntry>,
    /// What must not be in it, because a package brings that.
    pub(crate) unwanted: Vec<PlannedEntry>,
    /// What an earlier run may have put into it, and may stay.
    pub(crate) earlier: Vec<PlannedEntry>,
    /// Names of objects that the client's commands leave there, empty, after a package is gone.
    pub(crate) residue: &'static [&'static str],
}

impl PlannedFile {
    /// A file of the user's own, with what belongs in it.
    pub(crate) fn of(path: PathBuf, format: FileFormat, entries: Vec<PlannedEntry>) -> Self {
        Self {
            path,
            format,
            is_shared: false,
            entries,
            unwanted: Vec::new(),
            earlier: Vec::new(),
            residue: &[],
        }
    }

    /// Whether the server belongs in it.
    pub(crate) fn has_server(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry, PlannedEntry::Server { .. }))
    }

    /// Whether an entry names a plugin.
    pub(crate) fn names_plugin(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry, PlannedEntry::PluginItem { .. }))
    }

    /// All that setup may ever have put into the file.
    pub(super) fn all_entries(&self) -> impl Iterator<Item = &PlannedEntry> {
        self.entries.iter().chain(&self.unwanted)
    }

    /// A copy without hooks, if there are any to leave out.
    pub(crate) fn without_hooks(&self) -> Option<Self> {
        let mut rest = self.clone();
        rest.entries.retain(|entry| entry.is_wanted(false, true));
        (rest.entries.len() < self.entries.len()).then_some(rest)
    }
}
