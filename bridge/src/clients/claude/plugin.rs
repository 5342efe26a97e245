//! The junction's plugin in Claude Code, which installs it by its own commands.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::packages::{CLAUDE, MARKETPLACE, PLUGIN_ID};
use crate::setup::{ClientPackage, InstalledPackage, PackageCommands, PackageStore};

/// The rule that allows all tools of the plugin's server. A plugin cannot bring it.
pub(super) const RULE: &str = "mcp__plugin_junction_junction";
/// What Claude Code leaves in `settings.json`, empty, once a plugin and its marketplace are gone.
pub(super) const RESIDUE: [&str; 2] = ["enabledPlugins", "extraKnownMarketplaces"];

static COMMANDS: PackageCommands = PackageCommands {
    add_marketplace: &["plugin", "marketplace", "add"],
    install: &[&["plugin", "install", PLUGIN_ID], &["plugin", "update", PLUGIN_ID]],
    uninstall: &["plugin", "uninstall", PLUGIN_ID],
    remove_marketplace: &["plugin", "marketplace", "remove", MARKETPLACE],
};

/// The plugin, and what Claude Code, whose folder this is, has of it.
pub(super) fn package(folder: &Path, store: PackageStore) -> ClientPackage {
    let installed = installed(folder);
    ClientPackage { package: &CLAUDE, store, commands: Some(&COMMANDS), installed }
}

fn installed(folder: &Path) -> Option<InstalledPackage> {
    let plugins = read(&folder.join("plugins/installed_plugins.json"));
    let found = plugins["plugins"][PLUGIN_ID].as_array()?.first()?;
    let enabled = &read(&folder.join("settings.json"))["enabledPlugins"][PLUGIN_ID];
    let marketplaces = read(&folder.join("plugins/known_marketplaces.json"));
    let source = &marketplaces[MARKETPLACE]["source"];
    let source = source["path"].as_str().filter(|_| source["source"] == "directory");
    let source = source.map(PathBuf::from);
    // A plugin in a folder of this machine is loaded from there, whatever was there when it was installed.
    let in_place = source.as_ref().map(|source| {
        read(&source.join(CLAUDE.folder()).join(".claude-plugin/plugin.json"))["version"].clone()
    });
    let version = in_place.unwrap_or_else(|| found["version"].clone());
    let version = version.as_str().map(str::to_owned);
    Some(InstalledPackage { is_enabled: *enabled == true, source, version })
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
        let found =
            || installed(dir.path()).map(|found| (found.is_enabled, found.source, found.version));
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
        assert_eq!(found(), Some((false, Some(source), Some("0.0.2".to_owned()))));
    }
}
