//! `junction-bridge setup`: the junction in the settings of clients, and out of them again.

mod http;
mod installation;
mod options;
mod plugin;
mod printing;
mod removal;
mod step;

use std::path::Path;

use anyhow::bail;
use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::local_gateway::LocalGateway;

use self::http::{asks_gateway, check_flags, http_target, tell_agent, tell_left_agent};
use self::installation::{SetupOutcome, put_in, tell_kept};
pub(crate) use self::options::Setup;
use self::plugin::left_package;
use self::printing::print;
use self::removal::{left_trust, take_out};
use super::gateway::START_IT;
use crate::clients::{PackageBeside, SettableClient, settable};
use crate::setup::{ClientSettings, SetupTarget, SkillFile, holds, inspect, on_path, report};
use crate::terminal::{can_ask, is_agreed, remark, tell};

/// What a person does once a client is set up.
const NEXT: &str = "\
Sessions that are running now get the junction when they are started again. Then start two, and tell one of them:
  You are on the Agent Junction. Find the other session and ask it what it is working on.";

/// What a person does once clients are set up that ask the gateway.
const NEXT_OVER_HTTP: &str =
    "Sessions that are running now get the junction when they are started again.";

/// Sets clients up, or takes the junction out of their settings.
///
/// # Errors
/// What was not done, and what to do.
pub(crate) async fn setup(setup: &Setup, directory: &ConfigDir) -> anyhow::Result<()> {
    check_flags(setup)?;
    let target = setup.target(directory)?;
    let chosen: Vec<SettableClient> = if setup.clients.is_empty() {
        let (found, others): (Vec<_>, Vec<_>) =
            settable().partition(|client| is_found(*client, &target, setup));
        if found.is_empty() {
            tell(&nothing_found(setup))?;
        }
        tell_left(&others, &target, setup)?;
        if found.is_empty() || (!setup.print && !is_wanted(&found, &target, setup)?) {
            return Ok(());
        }
        found
    } else {
        let is_chosen =
            |client: &SettableClient| setup.clients.iter().any(|name| name == client.program);
        settable().filter(is_chosen).collect()
    };
    check_plugin(&chosen, &target, setup)?;
    let mut all = SetupOutcome::default();
    for client in &chosen {
        all.add(set_up(*client, &target, setup, directory).await?);
    }
    if setup.http && !setup.print && LocalGateway::of(directory).running()?.is_none() {
        remark(START_IT);
    }
    if all.failures > 0 {
        bail!(
            "Some clients were not set up or not cleared. Fix what is listed above, then run this again."
        );
    }
    match all.changes {
        _ if setup.print || setup.remove => Ok(()),
        0 if all.is_overridden => tell("Nothing was changed. See what is said above."),
        0 => tell("Everything is as it should be."),
        _ if setup.http => tell(&format!("\n{NEXT_OVER_HTTP}")),
        _ => tell(&format!("\n{NEXT}")),
    }
}

/// Sets one client up, or takes the junction out of its settings; or shows what would be done.
async fn set_up(
    client: SettableClient,
    target: &SetupTarget,
    setup: &Setup,
    directory: &ConfigDir,
) -> anyhow::Result<SetupOutcome> {
    let asked_gateway = asks_gateway(client, target);
    let over_http = match setup.http {
        true => match http_target(client, target, directory, setup).await {
            Ok(target) => Some(target),
            Err(error) => {
                remark(&error.to_string());
                return Ok(SetupOutcome { failures: 1, ..SetupOutcome::default() });
            }
        },
        false => None,
    };
    let target = over_http.as_ref().unwrap_or(target);
    let mut settings = setup.wanted(client, target);
    let own = setup.project.then(|| setup.own_target(target, directory));
    let beside = own.filter(|_| !setup.remove).and_then(|own| client.package_here(&own));
    if beside.is_some() {
        settings = settings.left_to_package();
    }
    if setup.print {
        print(client, &settings, target, setup.remove)?;
        return Ok(SetupOutcome::default());
    }
    let mut outcome = match setup.remove {
        true => {
            let failures = take_out(client, &settings, target).await?;
            SetupOutcome { failures, ..SetupOutcome::default() }
        }
        false => put_in(client, &settings, target, setup).await?,
    };
    if !setup.remove {
        tell_kept(client, target, setup)?;
        if let Some(beside) = beside {
            outcome.is_overridden |= tell_beside(client, &settings, &beside)?;
        }
    }
    match over_http {
        Some(_) if outcome.failures == 0 => tell_agent(client, &settings)?,
        None if asked_gateway && !asks_gateway(client, target) => tell_left_agent(client)?,
        _ => {}
    }
    Ok(outcome)
}

/// Checks that each client can be set up by a plugin, if that is asked for.
fn check_plugin(
    chosen: &[SettableClient],
    target: &SetupTarget,
    setup: &Setup,
) -> anyhow::Result<()> {
    if let Some(other) =
        chosen.iter().find(|client| setup.plugin && !takes_plugin(**client, target))
    {
        let SettableClient { name, program, .. } = other;
        bail!(
            "--plugin is for Claude Code and Codex. For {name}, run junction-bridge setup {program}: it sets up all that \
             {name} can use."
        );
    }
    Ok(())
}

/// Says that a package brings the junction to a project; whether the project's settings have it, too.
fn tell_beside(
    client: SettableClient,
    settings: &ClientSettings,
    beside: &PackageBeside,
) -> anyhow::Result<bool> {
    let is_twice = settings.files.iter().any(holds);
    if is_twice {
        let setting = client.twice_in_project(beside);
        tell(&format!("  {} {}", setting.says, setting.fix))?;
    } else {
        tell(&format!(
            "  {} has the junction in this project from its {}, so the project's settings have nothing of it.",
            client.name, beside.name
        ))?;
    }
    Ok(is_twice)
}

/// Says how to take out packages that setup has not installed in these clients.
fn tell_left(
    clients: &[SettableClient],
    target: &SetupTarget,
    setup: &Setup,
) -> anyhow::Result<()> {
    let of = |client: &SettableClient| left_package(*client, &(client.settings)(target));
    let mut left = clients.iter().filter(|_| setup.remove).filter_map(of);
    left.try_for_each(|text| tell(&text))
}

/// Whether a client can install the junction's plugin by its own commands.
fn takes_plugin(client: SettableClient, target: &SetupTarget) -> bool {
    (client.settings)(target).package.is_some_and(|package| package.commands.is_some())
}

/// Whether a client is on this machine; or, to take the junction out, whether its settings hold anything of it.
fn is_found(client: SettableClient, target: &SetupTarget, setup: &Setup) -> bool {
    let settings = (client.settings)(target);
    if setup.remove {
        let is_broken = inspect(&settings).iter().any(|report| report.problem.is_some());
        let has_package = settings.package.as_ref().is_some_and(|package| {
            package.folder().is_dir()
                || (package.installed.is_some() && !package.is_from_elsewhere())
        });
        let has_skill = settings.skills.iter().any(SkillFile::is_recorded);
        return is_broken
            || has_package
            || has_skill
            || settings.files.iter().any(|file| !left_trust(&settings, file).is_empty())
            || settings.for_removal().files.iter().any(holds);
    }
    if setup.plugin && !takes_plugin(client, target) {
        return false;
    }
    on_path(client.program).is_some() || settings.folder.is_dir()
}

/// Whether the settings of the project in a directory hold anything of the junction.
fn is_project(directory: &Path) -> bool {
    let target = SetupTarget::plain(directory.to_owned(), Some(directory.to_owned()));
    settable().any(|client| (client.settings)(&target).for_removal().files.iter().any(holds))
}

fn nothing_found(setup: &Setup) -> String {
    if setup.remove {
        let elsewhere = if !setup.project
            && std::env::current_dir().is_ok_and(|here| is_project(&here))
        {
            " The settings of the project in this directory have it: run junction-bridge setup --remove --project."
        } else {
            ""
        };
        return format!(
            "Nothing of the junction is in your own settings of any client.{elsewhere}"
        );
    }
    let names: Vec<_> = settable().map(|client| client.program).collect();
    format!(
        "No client was found on this machine. To set one up all the same, name it: junction-bridge setup CLIENT, with one \
         of {}.",
        names.join(", ")
    )
}

/// Whether the person wants what was found. Without a terminal to ask at, says how to choose.
fn is_wanted(
    found: &[SettableClient],
    target: &SetupTarget,
    setup: &Setup,
) -> anyhow::Result<bool> {
    let found_in =
        if setup.remove { "The junction is in the settings of:" } else { "Found on this machine:" };
    tell(found_in)?;
    for client in found {
        let state = report(&(client.settings)(target)).words();
        tell(&format!("  {:8}  {}: {state}", client.program, client.name))?;
    }
    if !can_ask() {
        let flags = [
            (setup.remove, "--remove"),
            (setup.project, "--project"),
            (setup.no_hooks, "--no-hooks"),
            (setup.no_allow, "--no-allow"),
            (setup.plugin, "--plugin"),
            (setup.http, "--http"),
            (setup.no_skills, "--no-skills"),
        ];
        let flags = flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag);
        let words: Vec<_> = flags.chain(found.iter().map(|client| client.program)).collect();
        tell(&format!(
            "Nothing was changed. To do it, run: junction-bridge setup {}",
            words.join(" ")
        ))?;
        return Ok(false);
    }
    let question = if setup.remove { "Take it out of all of them?" } else { "Set up all of them?" };
    let is_yes = is_agreed(question, true)?;
    if !is_yes {
        remark("Nothing was changed. To choose, name the clients: junction-bridge setup CLIENT…");
    }
    Ok(is_yes)
}
