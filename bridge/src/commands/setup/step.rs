//! What was done to a client, as it is told.

use std::path::PathBuf;

use crate::setup::{
    ClientPackage, FileChange, ForeignPackage, PlannedFile, SetupTarget, SkillFile,
};

/// What was done, to be told.
pub(super) struct SetupStep {
    /// Whether anything was changed.
    pub(super) is_change: bool,
    /// The sentence.
    pub(super) text: String,
    /// The file, if it is about one.
    pub(super) file: Option<PathBuf>,
}

impl SetupStep {
    /// What unpacking a package has come to.
    pub(super) fn unpacked(name: &str, package: &ClientPackage, change: &FileChange) -> Self {
        let folder = package.folder();
        let is_change = *change != FileChange::Unchanged;
        let shown = folder.display();
        let text = match is_change {
            true => format!("{name}: put the junction's plugin into {shown}"),
            false => format!("{name}: {shown} is as it should be"),
        };
        Self { is_change, text, file: Some(folder) }
    }

    /// The sentence that a package of the person's stays, if the client loads it.
    pub(super) fn kept(name: &str, foreign: &ForeignPackage) -> Option<Self> {
        let mut text =
            format!("{name}: its {} was not installed by setup, and stays", foreign.kind);
        if let Some(better) = foreign.better {
            text = format!("{text}. {better}");
        }
        foreign.is_loaded().then_some(Self { is_change: false, text, file: None })
    }

    /// What putting entries into a file, or taking some out of it, has come to.
    pub(super) fn written(
        name: &str,
        file: &PlannedFile,
        change: &FileChange,
        target: &SetupTarget,
    ) -> Self {
        let path = file.path.display();
        let text = match change {
            FileChange::Unchanged => format!("{name}: {path} is as it should be"),
            FileChange::Created => format!("{name}: made {path}"),
            FileChange::Deleted => format!("{name}: deleted {path}, which setup had made"),
            FileChange::Restored => format!("{name}: {path} is as it was before setup"),
            FileChange::Changed | FileChange::NotOurs
                if file.entries.is_empty() && target.address.is_some() =>
            {
                format!(
                    "{name}: took the hooks out of {path}, because nothing serves them over HTTP"
                )
            }
            FileChange::Changed | FileChange::NotOurs if file.entries.is_empty() => {
                format!("{name}: took out of {path} what the plugin brings")
            }
            FileChange::Changed | FileChange::NotOurs => {
                format!("{name}: changed {path}; it is kept as it was in {path}.before-junction")
            }
        };
        Self { is_change: *change != FileChange::Unchanged, text, file: Some(file.path.clone()) }
    }

    /// What putting a skill into its folder, or taking it out, has come to, unless that was nothing.
    pub(super) fn of_skill(name: &str, skill: &SkillFile, change: &FileChange) -> Option<Self> {
        let path = skill.path().display();
        let text = match change {
            FileChange::Unchanged => return None,
            FileChange::Created => format!("{name}: made {path}"),
            FileChange::Deleted => format!("{name}: deleted {path}, which setup had made"),
            FileChange::NotOurs => format!("{name}: {path} is not as setup makes it, so it stays"),
            FileChange::Changed | FileChange::Restored => {
                format!("{name}: brought {path} up to date")
            }
        };
        let is_change = *change != FileChange::NotOurs;
        Some(Self { is_change, text, file: None })
    }
}
