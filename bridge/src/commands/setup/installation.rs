//! Putting the junction into a client.

use super::options::Setup;
use crate::clients::SettableClient;
use crate::setup::{
    ClientPackage, ClientSettings, EntryState, FileChange, FileProblem, OverriddenPart,
    PlannedEntry, PlannedFile, SetupTarget, inspect, install, preview,
};
use crate::terminal::{remark, tell};

/// What became of a client's files.
#[derive(Clone, Copy, Default)]
pub(super) struct SetupOutcome {
    /// How many were left as they are, because of a mistake in them.
    pub(super) failures: usize,
    /// How many were made or changed.
    pub(super) changes: usize,
}

/// The files of a client that can be written, and why some of them only without their hooks.
struct WritableFiles {
    files: Vec<PlannedFile>,
    without_hooks: Vec<FileProblem>,
}

impl WritableFiles {
    /// The files of these settings, or why one of them cannot be written.
    fn of(settings: &ClientSettings) -> Result<Self, Vec<FileProblem>> {
        let mut writable = Self { files: Vec::new(), without_hooks: Vec::new() };
        let mut refused = Vec::new();
        for file in &settings.files {
            match (preview(file), installable_part(file)) {
                (Ok(_), _) => writable.files.push(file.clone()),
                (Err(problem), Some(rest)) => {
                    writable.files.push(rest);
                    writable.without_hooks.push(problem);
                }
                (Err(problem), None) => refused.push(problem),
            }
        }
        if refused.is_empty() { Ok(writable) } else { Err(refused) }
    }

    /// Whether an entry of these names a plugin.
    fn have_plugin(&self) -> bool {
        let entries = self.files.iter().flat_map(|file| &file.entries);
        entries.into_iter().any(|entry| matches!(entry, PlannedEntry::PluginItem { .. }))
    }
}

/// Sets one client up. Nothing is written where any of its files cannot be.
pub(super) fn put_in(
    client: SettableClient,
    settings: &ClientSettings,
    target: &SetupTarget,
    setup: &Setup,
) -> anyhow::Result<SetupOutcome> {
    let name = client.name;
    let writable = match WritableFiles::of(settings) {
        Ok(writable) => writable,
        Err(refused) => {
            refused.iter().for_each(|problem| remark(&format!("{name}: {problem}")));
            return Ok(SetupOutcome { failures: refused.len(), changes: 0 });
        }
    };
    let mut changes = 0;
    let package = settings.package.as_ref().filter(|_| writable.have_plugin());
    let unpacked = package.map(|package| unpack(name, package, target));
    let written =
        writable.files.iter().filter(|file| !file.entries.is_empty()).map(|file| write(name, file));
    for written in unpacked.into_iter().chain(written) {
        match written {
            Ok(told) => {
                changes += usize::from(told.is_change);
                tell(&told.text)?;
            }
            Err(problem) => {
                remark(&format!("{name}: {problem}"));
                return Ok(SetupOutcome { failures: 1, changes });
            }
        }
    }
    tell_overrides(settings, target, setup)?;
    let review = settings.hook_review.filter(|_| {
        !setup.no_hooks
            && writable.without_hooks.is_empty()
            && (client.settings)(target).has_untrusted_hooks
    });
    let to_confirm = settings.to_confirm.iter().filter(|_| changes > 0);
    for sentence in review.iter().chain(to_confirm) {
        tell(&format!("  {sentence}"))?;
    }
    for problem in &writable.without_hooks {
        remark(&match settings.package {
            Some(_) => format!("{name}: its plugin is not set. {problem}"),
            None => format!("{name}: its hooks are not set. {problem}"),
        });
    }
    Ok(SetupOutcome { failures: writable.without_hooks.len(), changes })
}

/// What was done, to be told.
struct SetupStep {
    is_change: bool,
    text: String,
}

/// Unpacks a package.
fn unpack(
    name: &str,
    package: &ClientPackage,
    target: &SetupTarget,
) -> Result<SetupStep, FileProblem> {
    let change = package.store.unpack(package.package, &target.program)?;
    let folder = package.store.folder(package.package);
    let folder = folder.display();
    Ok(match change {
        FileChange::Unchanged => {
            SetupStep { is_change: false, text: format!("{name}: {folder} is as it should be") }
        }
        _ => SetupStep {
            is_change: true,
            text: format!("{name}: put the junction's plugin into {folder}"),
        },
    })
}

/// Puts into a file what belongs in it.
fn write(name: &str, file: &PlannedFile) -> Result<SetupStep, FileProblem> {
    let path = file.path.display();
    let change = install(file)?;
    let text = match change {
        FileChange::Unchanged => format!("{name}: {path} is as it should be"),
        FileChange::Created => format!("{name}: made {path}"),
        _ => format!("{name}: changed {path}; it is kept as it was in {path}.before-junction"),
    };
    Ok(SetupStep { is_change: change != FileChange::Unchanged, text })
}

/// Says which of the person's settings put something of this out of force.
fn tell_overrides(
    settings: &ClientSettings,
    target: &SetupTarget,
    setup: &Setup,
) -> anyhow::Result<()> {
    for setting in (settings.overrides)(target) {
        let is_unwanted = match setting.of {
            OverriddenPart::Hooks => setup.no_hooks,
            OverriddenPart::Rule => setup.no_allow,
            OverriddenPart::Server | OverriddenPart::Environment => false,
        };
        if !is_unwanted {
            tell(&format!("  {} {}", setting.says, setting.fix))?;
        }
    }
    Ok(())
}

/// A file without its hooks, where it is only those that cannot be put in.
pub(super) fn installable_part(file: &PlannedFile) -> Option<PlannedFile> {
    let rest = file.without_hooks()?;
    (rest.entries.is_empty() || preview(&rest).is_ok()).then_some(rest)
}

/// Says what an earlier run has set that is not wanted now.
pub(super) fn tell_kept(
    client: SettableClient,
    target: &SetupTarget,
    setup: &Setup,
) -> anyhow::Result<()> {
    let settings = (client.settings)(target);
    let reports = inspect(&settings);
    let entries = reports.iter().flat_map(|report| &report.entries);
    let present = entries.filter(|(_, state)| matches!(state, EntryState::Present(_)));
    let is_kept = |hooks, rule| present.clone().any(|(entry, _)| !entry.is_wanted(hooks, rule));
    let kept =
        match (setup.no_hooks && is_kept(false, true), setup.no_allow && is_kept(true, false)) {
            (true, true) if settings.package.is_some() => "the plugin and the rule",
            (true, false) if settings.package.is_some() => "the plugin",
            (true, true) => "hooks and the rule",
            (true, false) => "hooks",
            (false, true) => "the rule",
            (false, false) => return Ok(()),
        };
    let project = if setup.project { " --project" } else { "" };
    tell(&format!(
        "  {} has {kept} from before, and keeps them. To take them out, run junction-bridge setup --remove{project} {}, \
         then this again.",
        client.name, client.program
    ))
}
