//! `junction-bridge setup`: the junction in the settings of clients, and out of them again.

mod removal;

use std::path::Path;

use anyhow::{Context as _, bail};
use clap::Args;
use clap::builder::PossibleValuesParser;

use self::removal::take_out;
use crate::clients::{SettableClient, settable};
use crate::setup::{
    BRIDGE, ClientSettings, EntryState, FileChange, FileProblem, OverriddenPart, PlannedFile,
    SetupTarget, fragment, holds, inspect, install, is_recorded, on_path, own_path, preview,
    report,
};
use crate::terminal::{can_ask, is_agreed, remark, tell};

/// What a person does once a client is set up.
const NEXT: &str = "\
Sessions that are running now get the junction when they are started again. Then start two, and tell one of them:
  You are on the Agent Junction. Find the other session and ask it what it is working on.";

/// Which clients to set up, and how.
#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// Clients [default: those found on this machine, after asking]
    #[arg(value_name = "CLIENT", value_parser = PossibleValuesParser::new(settable().map(|client| client.program)))]
    clients: Vec<String>,
    /// Print what belongs in each file, and write nothing
    #[arg(long)]
    print: bool,
    /// Take out what setup put in, and keep all other changes
    #[arg(long)]
    remove: bool,
    /// Write the settings that the project in this directory shares, with the bare name of the program
    #[arg(long)]
    project: bool,
    /// Set no hooks: a busy agent then learns of messages only from the results of the junction's tools
    #[arg(long, conflicts_with = "remove")]
    no_hooks: bool,
    /// Set no rule: the client then asks before it calls the junction's tools
    #[arg(long, conflicts_with = "remove")]
    no_allow: bool,
}

/// Sets clients up, or takes the junction out of their settings.
///
/// # Errors
/// What was not done, and what to do.
pub(crate) fn setup(setup: &Setup) -> anyhow::Result<()> {
    let target = target(setup)?;
    let chosen: Vec<SettableClient> = if setup.clients.is_empty() {
        let found: Vec<_> = settable().filter(|client| is_found(*client, &target, setup)).collect();
        if found.is_empty() || (!setup.print && !is_wanted(&found, &target, setup)?) {
            return if found.is_empty() { tell(&nothing_found(setup)) } else { Ok(()) };
        }
        found
    } else {
        let is_chosen =
            |client: &SettableClient| setup.clients.iter().any(|name| name == client.program);
        settable().filter(is_chosen).collect()
    };
    let (mut failures, mut changes) = (0, 0);
    for client in &chosen {
        let settings = wanted(*client, &target, setup);
        match (setup.print, setup.remove) {
            (true, remove) => print(*client, &settings, remove)?,
            (false, true) => failures += take_out(*client, &settings, &target)?,
            (false, false) => {
                let outcome = put_in(*client, &settings, &target, setup)?;
                failures += outcome.failures;
                changes += outcome.changes;
                tell_kept(*client, &target, setup)?;
            }
        }
    }
    if failures > 0 {
        bail!(
            "Some clients were not set up or not cleared. Fix what is listed above, then run this again."
        );
    }
    match changes {
        _ if setup.print || setup.remove => Ok(()),
        0 => tell("Everything is as it should be."),
        _ => tell(&format!("\n{NEXT}")),
    }
}

/// Where settings go, and how they call the program.
fn target(setup: &Setup) -> anyhow::Result<SetupTarget> {
    let home = std::env::home_dir().filter(|home| home.is_absolute());
    let home = home.context("The home directory is not known. Set HOME, then run this again.")?;
    if setup.project {
        let project = std::env::current_dir()
            .context("This directory cannot be used. Change to the project's.")?;
        if is_same(&project, &home) {
            bail!(
                "This directory is your home, not a project. Change to the project's, or leave out --project."
            );
        }
        return Ok(SetupTarget { home, project: Some(project), program: BRIDGE.to_owned() });
    }
    let own =
        own_path().context("The program's own path cannot be read. Start it by its full path.")?;
    let program = own.path.to_str().map(str::to_owned);
    let program =
        program.context("The program's path is not UTF-8. Install it where the path is.")?;
    if !own.is_lasting && !setup.remove {
        remark(&format!(
            "{program} may not stay where it is. Better install it, for example with cargo install, and run setup from \
             there: the settings call that path."
        ));
    }
    Ok(SetupTarget { home, project: None, program })
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other
        || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// A client's settings, without what the person does not want.
fn wanted(client: SettableClient, target: &SetupTarget, setup: &Setup) -> ClientSettings {
    let mut settings = (client.settings)(target);
    if setup.remove {
        settings = settings.for_removal();
    }
    for file in &mut settings.files {
        file.entries.retain(|entry| entry.is_wanted(!setup.no_hooks, !setup.no_allow));
    }
    settings
}

/// Whether a client is on this machine; or, to take the junction out, whether its settings hold anything of it.
fn is_found(client: SettableClient, target: &SetupTarget, setup: &Setup) -> bool {
    let settings = (client.settings)(target);
    if setup.remove {
        let is_broken = inspect(&settings).iter().any(|report| report.problem.is_some());
        return is_broken || settings.for_removal().files.iter().any(holds);
    }
    on_path(client.program).is_some() || settings.folder.is_dir()
}

/// Whether the settings of the project in a directory hold anything of the junction.
fn is_project(directory: &Path) -> bool {
    let target = SetupTarget {
        home: directory.to_owned(),
        project: Some(directory.to_owned()),
        program: BRIDGE.to_owned(),
    };
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

/// What became of a client's files.
#[derive(Clone, Copy, Default)]
struct SetupOutcome {
    /// How many were left as they are, because of a mistake in them.
    failures: usize,
    /// How many were made or changed.
    changes: usize,
}

/// Sets one client up. Nothing is written where any of them cannot be.
fn put_in(
    client: SettableClient,
    settings: &ClientSettings,
    target: &SetupTarget,
    setup: &Setup,
) -> anyhow::Result<SetupOutcome> {
    let name = client.name;
    let mut outcome = SetupOutcome::default();
    let (mut files, mut refused, mut without_hooks) = (Vec::new(), Vec::new(), Vec::new());
    for file in &settings.files {
        match (preview(file), installable_part(file)) {
            (Ok(_), _) => files.push(file.clone()),
            (Err(problem), Some(rest)) => {
                files.push(rest);
                without_hooks.push(problem);
            }
            (Err(problem), None) => refused.push(problem),
        }
    }
    if !refused.is_empty() {
        refused.iter().for_each(|problem| remark(&format!("{name}: {problem}")));
        return Ok(SetupOutcome { failures: refused.len(), ..outcome });
    }
    for file in files.iter().filter(|file| !file.entries.is_empty()) {
        let path = file.path.display();
        match install(file) {
            Ok(FileChange::Unchanged) => tell(&format!("{name}: {path} is as it should be"))?,
            Ok(change) => {
                outcome.changes += 1;
                tell(&match change {
                    FileChange::Created => format!("{name}: made {path}"),
                    _ => format!(
                        "{name}: changed {path}; it is kept as it was in {path}.before-junction"
                    ),
                })?;
            }
            Err(problem) => {
                remark(&format!("{name}: {problem}"));
                return Ok(SetupOutcome { failures: 1, ..outcome });
            }
        }
    }
    tell_overrides(settings, target, setup)?;
    let review = settings.hook_review.filter(|_| {
        !setup.no_hooks && without_hooks.is_empty() && (client.settings)(target).has_untrusted_hooks
    });
    let to_confirm = settings.to_confirm.iter().filter(|_| outcome.changes > 0);
    for sentence in review.iter().chain(to_confirm) {
        tell(&format!("  {sentence}"))?;
    }
    for problem in &without_hooks {
        remark(&format!("{name}: its hooks are not set. {problem}"));
    }
    Ok(SetupOutcome { failures: without_hooks.len(), ..outcome })
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
fn installable_part(file: &PlannedFile) -> Option<PlannedFile> {
    let rest = file.without_hooks()?;
    (rest.entries.is_empty() || preview(&rest).is_ok()).then_some(rest)
}

/// Says what an earlier run has set that is not wanted now.
fn tell_kept(client: SettableClient, target: &SetupTarget, setup: &Setup) -> anyhow::Result<()> {
    let reports = inspect(&(client.settings)(target));
    let entries = reports.iter().flat_map(|report| &report.entries);
    let present = entries.filter(|(_, state)| matches!(state, EntryState::Present(_)));
    let is_kept = |hooks, rule| present.clone().any(|(entry, _)| !entry.is_wanted(hooks, rule));
    let kept =
        match (setup.no_hooks && is_kept(false, true), setup.no_allow && is_kept(true, false)) {
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

/// Shows what belongs in a client's files, or what would be taken out of them.
fn print(client: SettableClient, settings: &ClientSettings, removes: bool) -> anyhow::Result<()> {
    let (name, mut is_first) = (client.name, true);
    // Where one file of a client cannot be changed, none is.
    let is_left = |file: &PlannedFile| preview(file).is_err() && installable_part(file).is_none();
    let left = settings.files.iter().find(|file| is_left(file));
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
