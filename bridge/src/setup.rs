//! The settings files of clients: what belongs in them, put in, taken out and looked at. Which files a client has, and
//! what belongs in them, is in [`crate::clients`].
//!
//! - [`install`] adds what is missing, keeps every other byte, and keeps the file as it was beside it.
//! - [`remove`] takes out what was added; where nothing else has changed, the file is again as it was.
//! - [`inspect`] only reads, and says of each entry whether it is there; [`report()`] puts it together, for a person or for
//!   a check of the installation.

mod apply;
mod client_program;
mod edit;
mod entry;
mod file;
mod json;
mod lookup;
mod marks;
mod package;
mod plan;
mod problem;
mod program;
mod report;
mod skill;
mod toml;

pub(crate) use junction_attachments::json::{JsonDialect, SettingValue};

pub(crate) use apply::{
    forget, fragment, has_hooks, holds, holds_unwanted, inspect, install, install_beside,
    is_recorded, preview, remove,
};
pub(crate) use client_program::{ClientCommandError, ClientProgram, command_line};
pub(crate) use entry::{FileFormat, HOOK_TOOL, PATCH_MATCHER, PlannedEntry, SERVER};
pub(crate) use file::FileChange;
pub(crate) use lookup::SettingsLookup;
pub(crate) use marks::{has_untrusted, has_untrusted_in, plugin_marks, trust_marks};
pub(crate) use package::{
    ClientPackage, InstalledPackage, PackageCommands, PackageHere, PackageStore, is_same_folder,
};
pub(crate) use plan::{
    ClientSettings, ForeignPackage, NO_WAKING, OverriddenPart, PlannedFile, SettingOverride,
    SetupTarget,
};
pub(crate) use problem::FileProblem;
#[cfg(test)]
pub(crate) use program::reserve_command;
pub(crate) use program::{BRIDGE, hook_command, is_bridge, on_path, own_path, passing_in};
pub(crate) use report::{
    HooksState, ProgramState, ServerState, SettingsReport, program_state, report,
};
pub(crate) use skill::SkillFile;
