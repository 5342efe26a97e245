//! Putting the junction into a client.

use super::options::Setup;
use super::plugin::install_plugin;
use super::step::SetupStep;
use crate::clients::SettableClient;
use crate::setup::{
    ClientSettings, FileChange, FileFormat, FileProblem, OverriddenPart, PlannedFile, SetupTarget,
    SkillFile, forget, holds, inspect, install, preview, remove, trust_marks,
};
use crate::terminal::{remark, tell};

/// What became of a client's files.
#[derive(Clone, Copy, Default)]
pub(super) struct SetupOutcome {
    /// How many were left as they are, because of a mistake in them.
    pub(super) failures: usize,
    /// How many were made or changed.
    pub(super) changes: usize,
    /// Whether other settings keep something of this from working.
    pub(super) is_overridden: bool,
}

impl SetupOutcome {
    /// Adds what became of another client's files.
    pub(super) fn add(&mut self, other: Self) {
        self.failures += other.failures;
        self.changes += other.changes;
        self.is_overridden |= other.is_overridden;
    }
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
}

/// Sets one client up. Nothing is written where any of its files cannot be.
pub(super) async fn put_in(
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
            return Ok(SetupOutcome { failures: refused.len(), ..SetupOutcome::default() });
        }
    };
    let outcome = put_all(client, settings, &writable.files, target).await;
    let (steps, problem) = match outcome {
        Ok(steps) => (steps, None),
        Err((steps, problem)) => (steps, Some(problem)),
    };
    let changes = steps.iter().filter(|step| step.is_change).count();
    steps.iter().try_for_each(|step| tell(&step.text))?;
    if let Some(problem) = problem {
        remark(&format!("{name}: {problem}"));
        return Ok(SetupOutcome { failures: 1, changes, is_overridden: false });
    }
    let is_overridden = tell_overrides(client, settings, target, setup)?;
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
        remark(&if settings.name_plugin() {
            format!("{name}: its plugin is not set. {problem}")
        } else {
            format!("{name}: its hooks are not set. {problem}")
        });
    }
    Ok(SetupOutcome { failures: writable.without_hooks.len(), changes, is_overridden })
}

/// Puts in all that belongs in one client; what was done, and why no more.
async fn put_all(
    client: SettableClient,
    settings: &ClientSettings,
    files: &[PlannedFile],
    target: &SetupTarget,
) -> Result<Vec<SetupStep>, (Vec<SetupStep>, String)> {
    let name = client.name;
    let mut steps = Vec::new();
    if let Some(package) = settings.chosen_package(target) {
        let installed = install_plugin(client, package, files, target).await;
        steps = installed.map_err(|problem| (Vec::new(), problem))?;
    } else if let Some(package) = &settings.package
        && files.iter().any(PlannedFile::names_plugin)
    {
        match package.store.unpack(package.package, &target.program) {
            Ok(change) => steps.push(SetupStep::unpacked(name, package, &change)),
            Err(problem) => return Err((steps, problem.to_string())),
        }
    }
    steps.extend(settings.foreign.as_ref().and_then(|foreign| SetupStep::kept(name, foreign)));
    let marks = trust_marks(settings);
    for file in files {
        // Beside a plugin, the same file may be written before the client's commands and after them.
        let told = steps.iter_mut().find(|step| step.file.as_ref() == Some(&file.path));
        match (write(client, file, &marks, target), told) {
            (Ok(None), _) => {}
            (Ok(Some(change)), Some(told)) => {
                if !told.is_change {
                    *told = SetupStep::written(name, file, &change, target);
                }
            }
            (Ok(Some(change)), None) => {
                steps.push(SetupStep::written(name, file, &change, target));
            }
            (Err(problem), _) => return Err((steps, problem.to_string())),
        }
    }
    let are_brought = settings.are_skills_brought(target);
    for skill in &settings.skills {
        let change = if are_brought { skill.remove() } else { skill.install() };
        match change {
            Ok(change) => steps.extend(SetupStep::of_skill(name, skill, &change)),
            Err(problem) => return Err((steps, problem.to_string())),
        }
    }
    Ok(steps)
}

/// Puts into a file what belongs in it, and takes out what a package brings.
fn write(
    client: SettableClient,
    file: &PlannedFile,
    marks: &[String],
    target: &SetupTarget,
) -> Result<Option<FileChange>, FileProblem> {
    if !file.entries.is_empty() {
        let change = install(file)?;
        if target.address.is_some() && file.format == FileFormat::Toml {
            // Of the hooks that have gone.
            forget(file, marks)?;
        }
        return Ok(Some(change));
    }
    if !holds(file) {
        return Ok(None);
    }
    match remove(file, marks, target, client.settings)? {
        // Others share it, and may need it.
        FileChange::NotOurs if file.is_shared => Ok(None),
        // A person has put it there. It is kept beside the file.
        FileChange::NotOurs => install(file).map(Some),
        change => Ok(Some(change)),
    }
}

/// Says which of the person's settings put something of this out of force, or in force twice; whether any does.
fn tell_overrides(
    client: SettableClient,
    settings: &ClientSettings,
    target: &SetupTarget,
    setup: &Setup,
) -> anyhow::Result<bool> {
    let mut is_told = false;
    for setting in (settings.overrides)(target).into_iter().chain(client.unloadable_plugin(target))
    {
        let is_unwanted = match setting.of {
            OverriddenPart::Hooks => setup.no_hooks || setup.http,
            OverriddenPart::Rule => setup.no_allow,
            OverriddenPart::Server | OverriddenPart::Environment => false,
        };
        if !is_unwanted {
            is_told = true;
            tell(&format!("  {} {}", setting.says, setting.fix))?;
        }
    }
    Ok(is_told)
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
    let present = entries.filter(|(_, state)| state.is_present());
    let is_kept = |hooks, rule| present.clone().any(|(entry, _)| !entry.is_wanted(hooks, rule));
    let is_chosen = settings.chosen_package(target).is_some();
    let has_plugin = is_chosen || (settings.name_plugin() && !setup.no_hooks);
    let brought: Vec<_> =
        [("hooks", setup.no_hooks && is_chosen), ("skills", setup.no_skills && has_plugin)]
            .into_iter()
            .filter_map(|(what, is_brought)| is_brought.then_some(what))
            .collect();
    if !brought.is_empty() {
        tell(&format!(
            "  {} has {} from the plugin, whatever is asked for here.",
            client.name,
            brought.join(" and ")
        ))?;
    }
    let hooks = if settings.name_plugin() { "the plugin" } else { "hooks" };
    let has_skills = settings.skills.iter().any(SkillFile::is_recorded);
    let mut kept: Vec<_> = [
        (hooks, setup.no_hooks && is_kept(false, true)),
        ("the rule", setup.no_allow && is_kept(true, false)),
        ("skills", setup.no_skills && has_skills),
    ]
    .into_iter()
    .filter_map(|(what, is_kept)| is_kept.then_some(what))
    .collect();
    let Some(last) = kept.pop() else { return Ok(()) };
    let is_one = kept.is_empty() && last.starts_with("the ");
    let kept = if kept.is_empty() { String::new() } else { kept.join(", ") + " and " };
    let them = if is_one { "it" } else { "them" };
    let project = if setup.project { " --project" } else { "" };
    tell(&format!(
        "  {} has {kept}{last} from before, and keeps {them}. To take {them} out, run junction-bridge setup \
         --remove{project} {}, then this again.",
        client.name, client.program
    ))
}
