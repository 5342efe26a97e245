//! The junction's plugin in a client that installs it by its own commands.

use super::step::SetupStep;
use crate::clients::SettableClient;
use crate::packages::PLUGIN_ID;
use crate::setup::{
    ClientPackage, ClientProgram, FileChange, FileProblem, PackageCommands, PlannedFile,
    SetupTarget, command_line, holds_unwanted, install, install_beside, remove,
};
use crate::terminal::{remark, tell};

/// Has a client install the plugin, once the rule for its tools is set. What of the settings it replaces is left to the
/// caller.
///
/// # Errors
/// Why the client does not have it, what is left, and what to do.
pub(super) async fn install_plugin(
    client: SettableClient,
    package: &ClientPackage,
    files: &[PlannedFile],
    target: &SetupTarget,
) -> Result<Vec<SetupStep>, String> {
    let SettableClient { name, program, .. } = client;
    let Some(commands) = package.commands else { return Ok(Vec::new()) };
    let is_theirs = package.is_from_elsewhere();
    if is_theirs && package.is_enabled() {
        let text = format!("{name}: its plugin {PLUGIN_ID} was not installed by setup, and stays");
        return Ok(vec![SetupStep { is_change: false, text, file: None }]);
    }
    let otherwise =
        format!("Correct that and run this again, or run junction-bridge setup {program}.");
    let client_program =
        ClientProgram::find(program).map_err(|error| format!("{error} {otherwise}"))?;
    let told = |problem: FileProblem| problem.to_string();
    let (mut steps, mut unpacked) = (Vec::new(), None);
    if !is_theirs {
        let change = package.store.unpack(package.package, &target.program).map_err(told)?;
        steps.push(SetupStep::unpacked(name, package, &change));
        unpacked = Some(change);
    }
    let rules: Vec<_> = files.iter().filter(|file| !file.entries.is_empty()).collect();
    // Before the client changes the same file, so that it is kept as its user left it.
    for rule in &rules {
        steps.push(SetupStep::written(name, rule, &install_beside(rule).map_err(told)?));
    }
    match run(&client_program, package, commands).await {
        Ok(step) => {
            steps.push(SetupStep { text: format!("{name}: {}", step.text), ..step });
            Ok(steps)
        }
        Err(problem) => {
            let mut left = Vec::new();
            if package.installed.is_none() {
                let _ = client_program.run(commands.uninstall).await;
                if client_program.run(commands.remove_marketplace).await.is_err() {
                    left.push(command_line(program, commands.remove_marketplace));
                }
            }
            if unpacked == Some(FileChange::Created) {
                let _ = package.store.remove(package.package);
            }
            for rule in rules {
                let _ = undo(client, rule, target);
            }
            let left = match left.first() {
                Some(command) => format!(" If its marketplace is left there, run {command}."),
                None => String::new(),
            };
            Err(format!("{problem}{left} {otherwise}"))
        }
    }
}

/// Runs the commands, the marketplace first. What was there and is as it should be stays so.
async fn run(
    program: &ClientProgram,
    package: &ClientPackage,
    commands: &PackageCommands,
) -> Result<SetupStep, String> {
    let folder = package.folder();
    let folder = folder.to_str().unwrap_or_default();
    if !package.is_from_elsewhere() {
        let add = [commands.add_marketplace, &[folder]].concat();
        program.run(&add).await.map_err(|error| error.to_string())?;
    }
    for command in commands.install {
        program.run(command).await.map_err(|error| error.to_string())?;
    }
    let is_change = !package.is_enabled();
    let text = if is_change {
        format!("installed its plugin {PLUGIN_ID}")
    } else {
        format!("its plugin {PLUGIN_ID} is up to date")
    };
    Ok(SetupStep { is_change, text, file: None })
}

/// Takes a rule out again that is of no use without the plugin.
fn undo(
    client: SettableClient,
    rule: &PlannedFile,
    target: &SetupTarget,
) -> Result<FileChange, FileProblem> {
    if holds_unwanted(rule) {
        let unwanted = rule.entries.clone();
        return install(&PlannedFile { entries: Vec::new(), unwanted, ..rule.clone() });
    }
    remove(rule, &[], target, client.settings)
}

/// Has a client uninstall the plugin, if setup has installed it, and deletes its files; how much of it is left.
pub(super) async fn uninstall_plugin(
    client: SettableClient,
    package: &ClientPackage,
    commands: &PackageCommands,
) -> anyhow::Result<usize> {
    let SettableClient { name, program, .. } = client;
    let uninstall = command_line(program, commands.uninstall);
    let is_theirs = package.is_from_elsewhere();
    if is_theirs {
        tell(&format!(
            "{name}: its plugin {PLUGIN_ID} was not installed by setup, so it stays. To take it out, run {uninstall}"
        ))?;
    }
    if is_theirs || !(package.installed.is_some() || package.folder().is_dir()) {
        return Ok(0);
    }
    let outcome = match ClientProgram::find(program) {
        Err(error) => Err(error),
        Ok(client) if package.installed.is_some() => match client.run(commands.uninstall).await {
            Ok(()) => client.run(commands.remove_marketplace).await,
            failed => failed,
        },
        Ok(client) => {
            // The plugin is uninstalled already, and perhaps so is the marketplace.
            let _ = client.run(commands.remove_marketplace).await;
            Ok(())
        }
    };
    match outcome {
        Ok(()) => tell(&format!("{name}: uninstalled its plugin {PLUGIN_ID}"))?,
        Err(error) => {
            let remove = command_line(program, commands.remove_marketplace);
            remark(&format!(
                "{name}: its plugin {PLUGIN_ID} is left. {error} Correct that and run this again, or run {uninstall} and \
                 {remove} yourself."
            ));
            return Ok(1);
        }
    }
    Ok(0)
}
