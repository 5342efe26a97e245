//! The junction's plugin in Codex, which installs it by its own commands.

use std::path::{Path, PathBuf};

use crate::packages::{CODEX, MARKETPLACE, PLUGIN_ID};
use crate::setup::{
    ClientPackage, FileFormat, InstalledPackage, PackageCommands, PackageStore, SettingsLookup,
    has_untrusted_in,
};

static COMMANDS: PackageCommands = PackageCommands {
    add_marketplace: &["plugin", "marketplace", "add"],
    // Adds it as it is now, also where it is there already.
    install: &[&["plugin", "add", PLUGIN_ID]],
    uninstall: &["plugin", "remove", PLUGIN_ID],
    remove_marketplace: &["plugin", "marketplace", "remove", MARKETPLACE],
};

/// The plugin, and what Codex has of it, by its folder and the file in it.
pub(super) fn package(folder: &Path, config: &Path, store: PackageStore) -> ClientPackage {
    let installed = installed(folder, config);
    ClientPackage::by_commands(&CODEX, store, &COMMANDS, installed)
}

/// Whether Codex, whose folder and file these are, loads the plugin, but silently skips its hooks for any of these events,
/// because its user has not trusted them.
pub(super) fn has_untrusted_hooks(
    folder: &Path,
    config: &Path,
    events: impl Iterator<Item = &'static str>,
) -> bool {
    let copies = std::fs::read_dir(copies(folder)).into_iter().flatten().flatten();
    // The portable package has none.
    let has_hooks = |copy: PathBuf| copy.join("hooks/hooks.json").is_file();
    copies.map(|copy| copy.path()).any(has_hooks)
        && installed(folder, config).is_some_and(|installed| installed.is_enabled)
        && has_untrusted_in(PLUGIN_ID, events, config)
}

/// Where Codex keeps its copies of the plugin, each in a folder that is named after its version.
fn copies(folder: &Path) -> PathBuf {
    folder.join("plugins/cache").join(MARKETPLACE).join("junction")
}

fn installed(folder: &Path, config: &Path) -> Option<InstalledPackage> {
    let config = SettingsLookup::read(config, FileFormat::Toml);
    if !config.has(&["plugins", PLUGIN_ID]) {
        return None;
    }
    let marketplace = |field: &str| config.text(&["marketplaces", MARKETPLACE, field]);
    let is_folder = marketplace("source_type").as_deref() == Some("local");
    let source = marketplace("source").filter(|_| is_folder).map(PathBuf::from);
    let copies = copies(folder);
    let found = std::fs::read_dir(&copies).into_iter().flatten().flatten();
    let version = found.filter_map(|copy| copy.file_name().into_string().ok()).max();
    let is_switched_off = config.flag(&["plugins", PLUGIN_ID, "enabled"]) == Some(false);
    Some(InstalledPackage {
        is_enabled: !is_switched_off,
        is_switched_off,
        missing: version.is_none().then_some(copies),
        here: None,
        source,
        version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugin_is_known_from_the_files_of_the_client() {
        let dir = tempfile::TempDir::new().unwrap();
        let config = dir.path().join("config.toml");
        let write = |text: &str| std::fs::write(&config, text).unwrap();
        let found = || {
            installed(dir.path(), &config)
                .map(|found| (found.is_loaded(), found.source, found.version))
        };
        assert_eq!(found(), None);
        write("[plugins.\"junction@agent-junction\"]\nenabled = true\n");
        assert_eq!(found(), Some((false, None, None)), "named, and not there");
        let copy = dir.path().join("plugins/cache/agent-junction/junction/0.0.1");
        std::fs::create_dir_all(copy).unwrap();
        assert_eq!(found(), Some((true, None, Some("0.0.1".to_owned()))));
        write(
            "[marketplaces.agent-junction]\nsource_type = \"local\"\nsource = \"/clone\"\n\
             [plugins.\"junction@agent-junction\"]\nenabled = false\n",
        );
        assert_eq!(found(), Some((false, Some("/clone".into()), Some("0.0.1".to_owned()))));
    }
}
