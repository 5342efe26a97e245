//! The junction's plugin in a client that installs it by its own commands.

use std::time::Duration;

use tokio::time::timeout;

use super::step::SetupStep;
use crate::clients::SettableClient;
use crate::packages::PLUGIN_ID;
use crate::setup::{
    ClientCommandError, ClientPackage, ClientProgram, ClientSettings, FileChange, FileProblem,
    PackageCommands, PlannedFile, SetupTarget, command_line, holds_unwanted, install,
    install_beside, remove,
};
use crate::terminal::{remark, tell};

/// How long a command runs before a person is told of it.
const SILENCE: Duration = Duration::from_secs(3);

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
        return Ok(vec![kept(client, commands)]);
    }
    // Where the plugin is not what is asked for, that would be what has just failed.
    let otherwise = if target.by_package == Some(true) && !package.is_enabled() {
        format!("Correct that and run this again, or run junction-bridge setup {program}.")
    } else {
        "Correct that and run this again.".to_owned()
    };
    if let Some(setting) = client.unloadable_plugin(target).filter(|_| is_theirs) {
        return Err(format!("{} {}", setting.says, setting.fix));
    }
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
        steps.push(SetupStep::written(name, rule, &install_beside(rule).map_err(told)?, target));
    }
    match run(&client_program, client, package, target).await {
        Ok(step) => {
            steps.push(SetupStep { text: format!("{name}: {}", step.text), ..step });
            Ok(steps)
        }
        Err(error) => {
            let is_new = package.installed.is_none();
            let left = match is_new.then(|| take_back(&client_program, program, commands, &error)) {
                Some(left) => left.await,
                None => String::new(),
            };
            if unpacked == Some(FileChange::Created) {
                let _ = package.store.remove(package.package);
            }
            for rule in rules {
                let _ = undo(client, rule, target);
            }
            Err(format!("{error}{left} {otherwise}"))
        }
    }
}

/// The sentence that a plugin of the person's stays, and how to have setup's own.
fn kept(client: SettableClient, commands: &PackageCommands) -> SetupStep {
    let SettableClient { name, program, .. } = client;
    let uninstall = command_line(program, commands.uninstall);
    let remove = command_line(program, commands.remove_marketplace);
    let text = format!(
        "{name}: its plugin {PLUGIN_ID} was not installed by setup, and stays. To have setup's own in its place, run \
         {uninstall} and {remove}, then junction-bridge setup --plugin {program}"
    );
    SetupStep { is_change: false, text, file: None }
}

/// Takes back what commands have done before one failed; what may be left, in a sentence. A client that hangs is not run
/// again.
async fn take_back(
    client: &ClientProgram,
    program: &str,
    commands: &PackageCommands,
    error: &ClientCommandError,
) -> String {
    let remove = command_line(program, commands.remove_marketplace);
    if error.is_hung() {
        let uninstall = command_line(program, commands.uninstall);
        return format!(" What it has begun may be left: {uninstall} and {remove} take that back.");
    }
    let _ = tell_and_run(client, program, commands.uninstall).await;
    match tell_and_run(client, program, commands.remove_marketplace).await {
        Ok(()) => String::new(),
        Err(_) => format!(" If its marketplace is left there, run {remove}."),
    }
}

/// Runs a command of a client, and says so if that takes long.
async fn tell_and_run(
    client: &ClientProgram,
    program: &str,
    words: &[&str],
) -> Result<(), ClientCommandError> {
    let mut running = std::pin::pin!(client.run(words));
    if let Ok(outcome) = timeout(SILENCE, &mut running).await {
        return outcome;
    }
    remark(&format!("Waiting for {}, for a minute at most …", command_line(program, words)));
    running.await
}

/// Runs the commands, the marketplace first. What was there and is as it should be stays so.
async fn run(
    runs: &ClientProgram,
    client: SettableClient,
    package: &ClientPackage,
    target: &SetupTarget,
) -> Result<SetupStep, ClientCommandError> {
    let SettableClient { name, program, .. } = client;
    let folder = package.folder().display().to_string();
    if let Some(commands) = package.commands.filter(|_| !package.is_from_elsewhere()) {
        let add = [commands.add_marketplace, &[folder.as_str()]].concat();
        tell_and_run(runs, program, &add).await?;
    }
    let install = package.commands.map_or(&[][..], |commands| commands.install);
    for command in install {
        tell_and_run(runs, program, command).await?;
    }
    // A client's word is not enough to take settings out.
    if !has_plugin(client, target) {
        let command = install.first().map(|words| command_line(program, words));
        let says = format!("{name} does not have the plugin");
        return Err(ClientCommandError::InVain(command.unwrap_or_default(), says));
    }
    let is_change = !package.is_enabled();
    let text = if is_change {
        format!("installed its plugin {PLUGIN_ID}")
    } else {
        format!("its plugin {PLUGIN_ID} is up to date")
    };
    Ok(SetupStep { is_change, text, file: None })
}

/// Whether a client loads the plugin now.
fn has_plugin(client: SettableClient, target: &SetupTarget) -> bool {
    (client.settings)(target).package.is_some_and(|package| package.is_enabled())
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

/// What to do about a package in a client that setup has not installed, and so does not take out.
pub(super) fn left_package(client: SettableClient, settings: &ClientSettings) -> Option<String> {
    let SettableClient { name, program, .. } = client;
    let (what, removal) = match (&settings.foreign, &settings.package) {
        (Some(foreign), _) => (foreign.kind.to_owned(), foreign.removal.clone()),
        (None, Some(package)) if package.is_from_elsewhere() => {
            let commands = package.commands?;
            let uninstall = command_line(program, commands.uninstall);
            let remove = command_line(program, commands.remove_marketplace);
            (format!("plugin {PLUGIN_ID}"), format!("run {uninstall} and {remove}"))
        }
        _ => return None,
    };
    Some(format!(
        "{name}: its {what} was not installed by setup, so it stays. To take it out, {removal}"
    ))
}

/// Has a client uninstall the plugin, if setup has installed it, and deletes its files; how much of it is left.
pub(super) async fn uninstall_plugin(
    client: SettableClient,
    package: &ClientPackage,
    commands: &PackageCommands,
    target: &SetupTarget,
) -> anyhow::Result<usize> {
    let SettableClient { name, program, .. } = client;
    let uninstall = command_line(program, commands.uninstall);
    if package.is_from_elsewhere() || !(package.installed.is_some() || package.folder().is_dir()) {
        return Ok(0);
    }
    let outcome = match ClientProgram::find(program) {
        Err(error) => Err(error),
        Ok(client) if package.installed.is_some() => {
            match tell_and_run(&client, program, commands.uninstall).await {
                Ok(()) => tell_and_run(&client, program, commands.remove_marketplace).await,
                failed => failed,
            }
        }
        Ok(client) => {
            // The plugin is uninstalled already, and perhaps so is the marketplace.
            let _ = tell_and_run(&client, program, commands.remove_marketplace).await;
            Ok(())
        }
    };
    let outcome = outcome.and_then(|()| match has_plugin(client, target) {
        true => Err(ClientCommandError::InVain(
            uninstall.clone(),
            format!("{name} still has the plugin"),
        )),
        false => Ok(()),
    });
    match outcome {
        Ok(()) => tell(&format!("{name}: uninstalled its plugin {PLUGIN_ID}"))?,
        Err(error) => {
            let remove = command_line(program, commands.remove_marketplace);
            remark(&format!(
                "{name}: its plugin {PLUGIN_ID} is left, and so is all else. {error} Correct that and run this again, or \
                 run {uninstall} and {remove} yourself before that."
            ));
            return Ok(1);
        }
    }
    Ok(0)
}
