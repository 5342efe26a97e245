//! Plugins of the junction's that clients have installed.

use super::finding::Finding;
use crate::clients::SettableClient;
use crate::setup::{
    ClientPackage, ClientSettings, ForeignPackage, SettingsReport, SetupTarget, command_line,
};

const CHECK: &str = "clients";

/// What there is to say of a client whose plugin brings the server and hooks, beside what is said of its settings.
pub(super) fn by_plugin(
    client: SettableClient,
    settings: &ClientSettings,
    report: &SettingsReport,
    target: &SetupTarget,
    of_settings: Vec<Finding>,
) -> Vec<Finding> {
    let SettableClient { name, program, .. } = client;
    let setup = format!("junction-bridge setup {program}");
    let (kind, mut findings) = (report.kind, Vec::new());
    if let Some(file) = &report.twice {
        let says = format!(
            "{name} has the junction twice, from its {kind} and from {}, so that a session may have two bridges.",
            file.display()
        );
        let fix = format!("Run {setup}: it keeps the {kind}, and takes out the rest.");
        findings.push(Finding::failure(CHECK, says, fix));
    }
    findings.extend(of_settings);
    findings.extend(
        settings.package.as_ref().and_then(|package| outdated(client, package, target, &setup)),
    );
    findings.extend(settings.foreign.as_ref().and_then(|foreign| other_version(name, foreign)));
    if findings.is_empty() {
        let says = format!("{name} has the junction by its {kind}: {}.", settings.waking);
        findings.push(Finding::ok(CHECK, says));
    }
    let lacks = settings.foreign.as_ref().and_then(|foreign| foreign.lacks.clone());
    findings.extend(lacks.map(|lacks| Finding::warning(CHECK, lacks.says, lacks.fix)));
    findings
}

/// A package of the person's that is of another version than this program.
fn other_version(name: &str, foreign: &ForeignPackage) -> Option<Finding> {
    let own = env!("CARGO_PKG_VERSION");
    let version = foreign.version.as_deref().filter(|version| *version != own)?;
    let says = format!(
        "{name} has version {version} of the junction's {}, while this program has version {own}.",
        foreign.kind
    );
    Some(Finding::warning(CHECK, says, foreign.update))
}

/// A plugin that is not as this version of the program has it.
fn outdated(
    client: SettableClient,
    package: &ClientPackage,
    target: &SetupTarget,
    setup: &str,
) -> Option<Finding> {
    let SettableClient { name, program, .. } = client;
    let own = env!("CARGO_PKG_VERSION");
    let version = package.installed.as_ref()?.version.as_deref();
    if version != Some(own) {
        let which = version.map_or_else(
            || "a version of the junction's plugin that does not say which it is".to_owned(),
            |version| format!("version {version} of the junction's plugin"),
        );
        let says = format!("{name} has {which}, while this program has version {own}.");
        let update = package.commands.and_then(|commands| commands.install.last());
        let fix = match update.filter(|_| package.is_from_elsewhere()) {
            Some(update) => format!(
                "Bring it up to date where it came from, then run {}.",
                command_line(program, update)
            ),
            None => format!("Run {setup}, and start its sessions again."),
        };
        return Some(Finding::warning(CHECK, says, fix));
    }
    let is_same =
        package.is_from_elsewhere() || package.store.holds(package.package, &target.program);
    (!is_same).then(|| changed(name, package, setup))
}

/// A plugin that settings name twice, as two copies.
pub(super) fn two_copies(name: &str, report: &SettingsReport, setup: &str) -> Option<Finding> {
    let file = report.twice.as_ref()?.display();
    let says = format!(
        "{name} loads two copies of the junction's plugin, which end each other's waits: {file} names setup's own beside \
         another."
    );
    Some(Finding::failure(CHECK, says, format!("Run {setup}: it takes its own out.")))
}

/// A plugin, named by settings, that is not as this program has it.
pub(super) fn other_package(
    name: &str,
    settings: &ClientSettings,
    report: &SettingsReport,
    target: &SetupTarget,
    setup: &str,
) -> Option<Finding> {
    let package = settings.package.as_ref().filter(|_| report.has_plugin == Some(true))?;
    let is_same = package.store.holds(package.package, &target.program);
    (!is_same).then(|| changed(name, package, setup))
}

fn changed(name: &str, package: &ClientPackage, setup: &str) -> Finding {
    let says = format!(
        "{name} loads the junction's plugin from {}, where it is not as this program has it.",
        package.loaded().display()
    );
    Finding::warning(CHECK, says, format!("Run {setup}, and start its sessions again."))
}

/// What there is to say of the plugin in a client without the server.
pub(super) fn without_server(
    name: &str,
    settings: &ClientSettings,
    target: &SetupTarget,
    setup: &str,
) -> Option<Vec<Finding>> {
    let off = |kind: &str, enable: &str| {
        let says = format!("{name} has the junction's {kind}, but you have switched it off.");
        let fix = format!("To use it, run {enable}; to have settings in its place, run {setup}.");
        Some(vec![Finding::warning(CHECK, says, fix)])
    };
    if let Some(ForeignPackage { kind, switched_off: Some(enable), .. }) = &settings.foreign {
        return off(kind, enable);
    }
    let installed = settings.package.as_ref()?.installed.as_ref()?;
    if let Some(here) = installed.here.as_ref().filter(|_| installed.is_loaded_here()) {
        let wrong: Vec<_> = (settings.overrides)(target)
            .into_iter()
            .map(|setting| Finding::failure(CHECK, setting.says, setting.fix))
            .collect();
        let says = format!(
            "{name} has the junction by its plugin in this project, because of {}.",
            here.file.display()
        );
        return Some(if wrong.is_empty() { vec![Finding::ok(CHECK, says)] } else { wrong });
    }
    if installed.is_switched_off { off("plugin", &format!("{setup} --plugin")) } else { None }
}
