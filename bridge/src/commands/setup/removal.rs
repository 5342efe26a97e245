//! Taking the junction out of a client's settings.

use super::plugin::{left_package, uninstall_plugin};
use super::step::SetupStep;
use crate::clients::SettableClient;
use crate::packages::PLUGIN_ID;
use crate::setup::{
    ClientSettings, FileChange, PlannedFile, SetupTarget, forget, holds, plugin_marks, remove,
    trust_marks,
};
use crate::terminal::{remark, tell};

/// Takes the junction out of one client; how many of its files were left as they are.
pub(super) async fn take_out(
    client: SettableClient,
    settings: &ClientSettings,
    target: &SetupTarget,
) -> anyhow::Result<usize> {
    let name = client.name;
    let (mut failures, mut left) = (0, Vec::new());
    if let Some(text) = left_package(client, settings) {
        tell(&text)?;
    }
    if let Some(package) = &settings.package
        && let Some(commands) = package.commands
    {
        failures += uninstall_plugin(client, package, commands, target).await?;
        if failures > 0 {
            // The client changes the same files, which can be restored to the byte once that is done.
            return Ok(failures);
        }
    }
    let (marks, usual) = (trust_marks(settings), (client.settings)(target).files);
    for file in &settings.files {
        let removed = forget(file, &left_trust(settings, file))
            .and_then(|trust| Ok((remove(file, &marks, target, client.settings)?, trust)));
        let is_usual = usual.iter().any(|usual| usual.path == file.path);
        let told = match removed {
            Ok((FileChange::Unchanged, FileChange::Unchanged)) if !is_usual => continue,
            Ok((change, trust)) => {
                let is_left = !matches!(
                    change,
                    FileChange::Unchanged | FileChange::Deleted | FileChange::NotOurs
                );
                left.extend(is_left.then(|| file.clone()));
                told_of(file, &change, trust == FileChange::Changed)
            }
            Err(problem) => {
                remark(&format!("{name}: {problem}"));
                failures += 1;
                continue;
            }
        };
        tell(&format!("{name}: {told}"))?;
    }
    failures += delete_made(name, settings, failures == 0)?;
    for file in left.iter().filter(|file| holds(file)) {
        remark(&format!(
            "{name}: {} had the junction before setup, and has it again. To take that out, too, delete its entries there.",
            file.path.display()
        ));
    }
    Ok(failures)
}

/// What taking the junction out of a file has come to, and the trust in the plugin's hooks, if that was there.
fn told_of(file: &PlannedFile, change: &FileChange, had_trust: bool) -> String {
    let path = file.path.display();
    match change {
        FileChange::Unchanged if had_trust => {
            format!("took your trust in the plugin's hooks out of {path}")
        }
        FileChange::Unchanged => format!("{path} has nothing of the junction"),
        FileChange::Restored => format!("{path} is as it was before setup"),
        FileChange::Deleted => format!("deleted {path}, which setup had made"),
        FileChange::NotOurs => format!(
            "{path} has the junction, but not from setup, so it stays. To take it out, delete its entries there"
        ),
        FileChange::Changed | FileChange::Created => {
            format!("took the junction out of {path}, and kept all other changes")
        }
    }
}

/// The marks of trust in hooks of the plugin, which are of no use without it: once setup has taken it out, or its user
/// has.
pub(super) fn left_trust(settings: &ClientSettings, file: &PlannedFile) -> Vec<String> {
    match &settings.package {
        Some(package) if !package.is_from_elsewhere() => plugin_marks(PLUGIN_ID, file),
        _ => Vec::new(),
    }
}

/// Deletes what setup has made for a client beside its settings: a package that they no longer name, and skills; how much
/// is left.
fn delete_made(name: &str, settings: &ClientSettings, is_unused: bool) -> anyhow::Result<usize> {
    let mut failures = 0;
    if let Some(package) = settings.package.as_ref().filter(|_| is_unused) {
        let folder = package.store.folder(package.package);
        match package.store.remove(package.package) {
            Ok(true) => tell(&format!("{name}: deleted {}", folder.display()))?,
            Ok(false) => {}
            Err(problem) => {
                remark(&format!("{name}: {problem}"));
                failures += 1;
            }
        }
    }
    for skill in &settings.skills {
        match skill.remove() {
            Ok(change) => {
                let step = SetupStep::of_skill(name, skill, &change);
                step.iter().try_for_each(|step| tell(&step.text))?;
            }
            Err(problem) => {
                remark(&format!("{name}: {problem}"));
                failures += 1;
            }
        }
    }
    Ok(failures)
}
