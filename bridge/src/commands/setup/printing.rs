//! Showing what would be done, without doing it.

use super::installation::installable_part;
use crate::clients::SettableClient;
use crate::setup::{
    ClientSettings, EntryState, FileChange, FileProblem, PlannedFile, SetupTarget, fragment,
    inspect, is_recorded, preview,
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
    if let Some(package) = &settings.package {
        let folder = package.store.folder(package.package);
        let outcome = match (removes, folder.is_dir()) {
            (true, false) => None,
            (true, true) => Some("would be deleted"),
            (false, true) if package.store.holds(package.package, &target.program) => {
                Some("has the junction's plugin already")
            }
            (false, _) => Some("would get the junction's plugin"),
        };
        if let Some(outcome) = outcome {
            tell(&format!("# {name}: {} {outcome}", folder.display()))?;
        }
    }
    for file in settings.files.iter().filter(|file| !file.entries.is_empty()) {
        let path = file.path.display();
        if removes {
            let states = inspect(&ClientSettings { files: vec![file.clone()], ..settings.clone() });
            let entries = states.iter().flat_map(|report| &report.entries);
            let count =
                entries.filter(|(_, state)| matches!(state, EntryState::Present(_))).count();
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
    Ok(())
}

fn refusal(problem: &FileProblem) -> String {
    format!("would be left as it is: {problem}")
}
