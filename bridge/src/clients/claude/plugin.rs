//! The junction's plugin in Claude Code, which installs it by its own commands.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::packages::{CLAUDE, MARKETPLACE, PLUGIN_ID};
use crate::setup::{
    ClientPackage, FileFormat, InstalledPackage, JsonDialect, OverriddenPart, PackageCommands,
    PackageHere, PackageStore, SERVER, SettingOverride, SettingsLookup, is_bridge,
};

/// The rule that allows all tools of the plugin's server. A plugin cannot bring it.
pub(super) const RULE: &str = "mcp__plugin_junction_junction";
/// The settings of a project, with the word for their scope; the one that counts most last.
const PROJECT_FILES: [(&str, &str); 2] =
    [("project", ".claude/settings.json"), ("local", ".claude/settings.local.json")];
/// What Claude Code leaves in `settings.json`, empty, once a plugin and its marketplace are gone.
pub(super) const RESIDUE: [&str; 2] = ["enabledPlugins", "extraKnownMarketplaces"];

static COMMANDS: PackageCommands = PackageCommands {
    add_marketplace: &["plugin", "marketplace", "add"],
    install: &[&["plugin", "install", PLUGIN_ID], &["plugin", "update", PLUGIN_ID]],
    uninstall: &["plugin", "uninstall", PLUGIN_ID],
    remove_marketplace: &["plugin", "marketplace", "remove", MARKETPLACE],
};

/// The plugin, and what Claude Code, whose folder this is, has of it in these directories of a project.
pub(super) fn package(folder: &Path, here: &[PathBuf], store: PackageStore) -> ClientPackage {
    let installed = installed(folder, here);
    ClientPackage::by_commands(&CLAUDE, store, &COMMANDS, installed)
}

/// What Claude Code, whose folder this is, has of the plugin in these directories of a project.
pub(super) fn installed(folder: &Path, here: &[PathBuf]) -> Option<InstalledPackage> {
    let plugins = read(&folder.join("plugins/installed_plugins.json"));
    let found = plugins["plugins"][PLUGIN_ID].as_array()?.first()?;
    let enabled = enabled(&folder.join("settings.json"));
    let marketplaces = read(&folder.join("plugins/known_marketplaces.json"));
    let source = &marketplaces[MARKETPLACE]["source"];
    let source = source["path"].as_str().filter(|_| source["source"] == "directory");
    let source = source.map(PathBuf::from);
    // A plugin in a folder of this machine is loaded from there, whatever was there when it was installed.
    let in_place = source.as_ref().map(|source| source.join(CLAUDE.folder()));
    let manifest = in_place.as_ref().map(|folder| folder.join(".claude-plugin/plugin.json"));
    let version = manifest.as_ref().map(|manifest| read(manifest)["version"].clone());
    let version = version.unwrap_or_else(|| found["version"].clone());
    let version = version.as_str().map(str::to_owned);
    let copy = found["installPath"].as_str().map(PathBuf::from);
    let missing = match manifest {
        Some(manifest) => (!manifest.is_file()).then_some(in_place).flatten(),
        None => copy.filter(|copy| !copy.is_dir()),
    };
    Some(InstalledPackage {
        is_enabled: enabled == Some(true),
        is_switched_off: enabled == Some(false),
        missing,
        here: said_of(here),
        source,
        version,
    })
}

/// What is wrong with the plugin in these directories of a project: it brings a second bridge, or none.
pub(super) fn overrides(
    name: &str,
    folder: &Path,
    here: &[PathBuf],
    servers: &SettingsLookup<'_>,
) -> Vec<SettingOverride> {
    let Some(installed) = installed(folder, here) else { return Vec::new() };
    let mut found = Vec::new();
    let mut add = |says: String, fix: String| {
        found.push(SettingOverride { of: OverriddenPart::Server, says, fix });
    };
    let is_bridge = |path: &[&str]| {
        servers.text(&[path, &[SERVER, "command"]].concat()).is_some_and(|text| is_bridge(&text))
    };
    let names: Vec<_> = here.iter().filter_map(|directory| directory.to_str()).collect();
    let local = names.iter().find(|name| is_bridge(&["projects", name, "mcpServers"]));
    let json = FileFormat::Json(JsonDialect::default());
    let is_shared = here.iter().any(|directory| {
        let project = directory.join(".mcp.json");
        SettingsLookup::read(&project, json).has(&["mcpServers", SERVER])
    });
    let (is_loaded, is_loaded_here) = (installed.is_loaded(), installed.is_loaded_here());
    if let Some(PackageHere { file, scope, .. }) = &installed.here {
        let file = file.display();
        if is_loaded_here && !is_loaded && is_bridge(&["mcpServers"]) {
            add(
                format!(
                    "{name} has the junction twice in this project, from your settings for all projects and from its \
                     plugin, which {file} switches on, so that a session here has two bridges."
                ),
                format!(
                    "To keep your settings, run claude plugin uninstall --scope {scope} {PLUGIN_ID} here."
                ),
            );
        } else if is_loaded && !is_loaded_here && local.is_none() && !is_shared {
            add(
                format!(
                    "{name} has no junction in this project, because {file} switches its plugin off."
                ),
                format!("Take {PLUGIN_ID} out of enabledPlugins there."),
            );
        }
    }
    if let Some(directory) = local.filter(|_| is_loaded_here) {
        add(
            format!(
                "{name} has the junction twice in {directory}, from its plugin and from a server that you have added there, \
                 so that a session there has two bridges."
            ),
            "There, run claude mcp remove --scope local junction.".to_owned(),
        );
    }
    found
}

/// Whether a settings file has the plugin loaded; `None` if it says nothing of that.
fn enabled(settings: &Path) -> Option<bool> {
    read(settings)["enabledPlugins"][PLUGIN_ID].as_bool()
}

/// What the settings in these directories say of the plugin.
fn said_of(directories: &[PathBuf]) -> Option<PackageHere> {
    let mut said = None;
    for (scope, name) in PROJECT_FILES {
        for file in directories.iter().map(|directory| directory.join(name)) {
            if let Some(is_enabled) = enabled(&file) {
                said = Some(PackageHere { is_enabled, file, scope });
            }
        }
    }
    said
}

/// A file of Claude Code's own; null if it cannot be read.
fn read(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plugin_is_known_from_the_files_of_the_client() {
        let dir = tempfile::TempDir::new().unwrap();
        let write = |name: &str, value: Value| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, value.to_string()).unwrap();
        };
        let all = || installed(dir.path(), &[dir.path().join("project")]);
        let found = || all().map(|found| (found.is_enabled, found.source, found.version));
        assert_eq!(found(), None);
        write("settings.json", json!({ "enabledPlugins": { PLUGIN_ID: true } }));
        assert_eq!(found(), None, "enabled, and not there");
        let version = |version: &str| json!({ "version": version });
        let plugins = json!({ PLUGIN_ID: [version("0.0.1")] });
        write("plugins/installed_plugins.json", json!({ "version": 2, "plugins": plugins }));
        assert_eq!(found(), Some((true, None, Some("0.0.1".to_owned()))));
        let source = dir.path().join("clone");
        let directory = json!({ "source": "directory", "path": source });
        let known = json!({ MARKETPLACE: { "source": directory } });
        write("plugins/known_marketplaces.json", known);
        write("clone/plugin/claude/.claude-plugin/plugin.json", version("0.0.2"));
        write("settings.json", json!({ "enabledPlugins": { PLUGIN_ID: false } }));
        assert_eq!(found(), Some((false, Some(source.clone()), Some("0.0.2".to_owned()))));
        assert!(!all().unwrap().is_loaded());
        // What a project says counts in it, and most of all what is not shared.
        let of_project = |name: &str, is_enabled: bool| {
            write(name, json!({ "enabledPlugins": { PLUGIN_ID: is_enabled } }));
            let found = all().unwrap();
            (found.is_loaded(), found.is_loaded_here(), found.here.unwrap().scope)
        };
        assert_eq!(of_project("project/.claude/settings.json", true), (false, true, "project"));
        assert_eq!(of_project("project/.claude/settings.local.json", false).2, "local");
        write("settings.json", json!({ "enabledPlugins": { PLUGIN_ID: true } }));
        let found = all().unwrap();
        assert_eq!((found.is_loaded(), found.is_loaded_here()), (true, false));
        // A clone that was moved is not loaded, whatever the settings say.
        std::fs::rename(&source, dir.path().join("moved")).unwrap();
        let found = all().unwrap();
        assert!(found.is_enabled && !found.is_loaded());
        assert_eq!(found.missing, Some(source.join("plugin/claude")));
    }

    #[test]
    fn regression_plugin_whose_copy_is_gone_is_not_loaded() {
        let dir = tempfile::TempDir::new().unwrap();
        let folder = dir.path().join("plugins");
        std::fs::create_dir(&folder).unwrap();
        let copy = dir.path().join("copy");
        let plugins = json!({ PLUGIN_ID: [{ "version": "0.0.1", "installPath": copy }] });
        let plugins = json!({ "plugins": plugins }).to_string();
        std::fs::write(folder.join("installed_plugins.json"), plugins).unwrap();
        assert_eq!(installed(dir.path(), &[]).unwrap().missing, Some(copy.clone()));
        std::fs::create_dir(&copy).unwrap();
        assert_eq!(installed(dir.path(), &[]).unwrap().missing, None);
    }
}
