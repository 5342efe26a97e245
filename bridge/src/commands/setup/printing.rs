//! Showing what would be done, without doing it.

use super::installation::installable_part;
use crate::clients::SettableClient;
use crate::setup::{
    ClientSettings, FileChange, FileProblem, PlannedFile, SetupTarget, command_line, fragment,
    holds, inspect, is_recorded, preview,
};
use crate::terminal::tell;

/// Shows what belongs in a client's files, or what would be taken out of them.
pub(super) fn print(
    client: SettableClient,
    settings: &ClientSettings,
    target: &SetupTarget,
    removes: bool,
) -> anyhow::Result<()> {
    let (name, mut is_first) = (client.name, true);
    // Where one file of a client cannot be changed, none is.
    let is_left = |file: &PlannedFile| preview(file).is_err() && installable_part(file).is_none();
    let left = settings.files.iter().find(|file| is_left(file));
    print_package(client, settings, target, removes)?;
    for file in settings.files.iter().filter(|file| !removes && file.entries.is_empty()) {
        if holds(file) {
            let what =
                if target.address.is_some() { "its hooks" } else { "what the plugin brings" };
            tell(&format!("# {name}: {} would lose {what}", file.path.display()))?;
        }
    }
    for file in settings.files.iter().filter(|file| !file.entries.is_empty()) {
        let path = file.path.display();
        if removes {
            let states = inspect(&ClientSettings { files: vec![file.clone()], ..settings.clone() });
            let entries = states.iter().flat_map(|report| &report.entries);
            let count = entries.filter(|(_, state)| state.is_present()).count();
            let outcome = if is_recorded(file) {
                "which would be taken out"
            } else {
                "not from setup, which would stay"
            };
            tell(&format!("# {name}: {path} has {count} entries of the junction, {outcome}"))?;
            continue;
        }
        let state = match preview(file) {
            Ok(_) if left.is_some() => {
                "would be left as it is, because of the mistake in another file of this client"
                    .to_owned()
            }
            Ok(FileChange::Created) => "would be made".to_owned(),
            Ok(FileChange::Unchanged) => "has all of this already".to_owned(),
            Ok(_) => "would be changed to have this".to_owned(),
            Err(problem) if installable_part(file).is_some() => {
                format!("would be changed to have this without the hooks: {problem}")
            }
            Err(problem) => refusal(&problem),
        };
        let gap = if std::mem::take(&mut is_first) { "" } else { "\n" };
        tell(&format!("{gap}# {name}: {path} {state}"))?;
        tell(fragment(file)?.trim_end())?;
    }
    print_skills(name, settings, settings.are_skills_brought(target), removes)
}

/// Shows what becomes of the skills of a client.
fn print_skills(
    name: &str,
    settings: &ClientSettings,
    are_brought: bool,
    removes: bool,
) -> anyhow::Result<()> {
    for skill in &settings.skills {
        let outcome = match skill.preview() {
            _ if (removes || are_brought) && !skill.is_recorded() => continue,
            _ if removes || are_brought => {
                "would be deleted, unless you have changed it".to_owned()
            }
            Ok(FileChange::Created) => "would be made".to_owned(),
            Ok(FileChange::Unchanged) => "has the skill already".to_owned(),
            Ok(FileChange::NotOurs) => "is not as setup makes it, so it would stay".to_owned(),
            Ok(_) => "would be brought up to date".to_owned(),
            Err(problem) => refusal(&problem),
        };
        tell(&format!("# {name}: {} {outcome}", skill.path().display()))?;
    }
    Ok(())
}

/// Shows what becomes of a client's package.
fn print_package(
    client: SettableClient,
    settings: &ClientSettings,
    target: &SetupTarget,
    removes: bool,
) -> anyhow::Result<()> {
    let Some(package) = &settings.package else { return Ok(()) };
    let SettableClient { name, program, .. } = client;
    let is_chosen = settings.chosen_package(target).is_some();
    let is_theirs = package.is_from_elsewhere();
    let is_unpacked = !is_theirs && (is_chosen || settings.name_plugin());
    let folder = package.folder();
    let outcome = match removes {
        true => folder.is_dir().then_some("would be deleted"),
        false if package.store.holds(package.package, &target.program) => {
            is_unpacked.then_some("has the junction's plugin already")
        }
        false => is_unpacked.then_some("would get the junction's plugin"),
    };
    if let Some(outcome) = outcome {
        tell(&format!("# {name}: {} {outcome}", folder.display()))?;
    }
    let Some(commands) = package.commands else { return Ok(()) };
    let folder = folder.display().to_string();
    let add = [commands.add_marketplace, &[folder.as_str()]].concat();
    let runs: Vec<&[&str]> = match removes {
        true if package.installed.is_some() && !is_theirs => {
            vec![commands.uninstall, commands.remove_marketplace]
        }
        false if is_chosen && !is_theirs => [&[add.as_slice()], commands.install].concat(),
        false if is_chosen && !package.is_enabled() => commands.install.to_vec(),
        _ => Vec::new(),
    };
    let mut lines = runs.iter().map(|words| command_line(program, words));
    lines.try_for_each(|line| tell(&format!("# {name}: would run {line}")))
}

fn refusal(problem: &FileProblem) -> String {
    format!("would be left as it is: {problem}")
}
