//! Taking the junction out of a client's settings.

use super::plugin::{left_package, uninstall_plugin};
use super::step::SetupStep;
use crate::clients::SettableClient;
use crate::setup::{ClientSettings, FileChange, SetupTarget, holds, remove, trust_marks};
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
        let path = file.path.display();
        let told = match remove(file, &marks, target, client.settings) {
            Ok(FileChange::Unchanged) if !usual.iter().any(|usual| usual.path == file.path) => {
                continue;
            }
            Ok(FileChange::Unchanged) => format!("{path} has nothing of the junction"),
            Ok(FileChange::Restored) => {
                left.push(file.clone());
                format!("{path} is as it was before setup")
            }
            Ok(FileChange::Deleted) => format!("deleted {path}, which setup had made"),
            Ok(FileChange::NotOurs) => format!(
                "{path} has the junction, but not from setup, so it stays. To take it out, delete its entries there"
            ),
            Ok(_) => {
                left.push(file.clone());
                format!("took the junction out of {path}, and kept all other changes")
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
