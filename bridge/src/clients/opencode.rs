//! opencode. It runs no hook commands, but plugins, which are programs: the junction's is in place of hooks.

use std::path::{Path, PathBuf};
use std::time::Duration;

use junction_shared::machine::settings::{env, env_path};
use junction_shared::protocol::wire::Hindrance;

use super::profile::{CallLimits, ClientProfile, ShellVariables};
use super::session_id::{HookIds, SessionIds};
use super::session_view::ClientSigns;
use super::settings::switched_off;
use crate::packages::OPENCODE;
use crate::setup::{
    BRIDGE, ClientPackage, ClientSettings, FileFormat, ForeignPackage, JsonDialect, NO_WAKING,
    OverriddenPart, PackageStore, PlannedEntry, PlannedFile, SERVER, SettingOverride, SettingValue,
    SettingsLookup, SetupTarget, holds, is_same_folder,
};

/// opencode, as seen with version 1.18.
pub(super) static PROFILE: ClientProfile = ClientProfile {
    limits: CallLimits { silence: Some(Duration::from_secs(60)), call: None },
    // Its calls name none. One bridge serves all sessions of a folder, and the plugin names the one that is prompted.
    session_ids: Some(SessionIds {
        word: "opencode",
        variable: None,
        hooks: HookIds::First,
        in_calls: false,
    }),
    shell: ShellVariables { signs: &["OPENCODE"], session: None },
    settings: Some(settings),
    hindrance,
    ..ClientProfile::plain("opencode", NAME, "opencode")
};

/// The variable that the junction's plugin sets for its server and for the programs that it runs, where its sessions go
/// on after their first answer: a name by which these find their own bridge. One process may serve several folders, each
/// with a plugin and a bridge.
pub(super) const PLUGIN_NAME: &str = "JUNCTION_OPENCODE_PLUGIN";
/// The name by which people know the client.
const NAME: &str = "opencode";
/// The pattern of the tools' names.
const RULE: &str = "junction_*";
/// The files that are read in a folder, the one that counts most first.
const FILES: [&str; 3] = ["opencode.jsonc", "opencode.json", "config.json"];
/// The list of plugins.
const PLUGINS: &str = "plugin";
/// The folders, in opencode's own, from which it loads every program.
const PLUGIN_FOLDERS: [&str; 2] = ["plugin", "plugins"];
/// The longest program in them that is read, in bytes.
const MAX_PROGRAM: u64 = 1 << 20;
/// The name of the junction's plugin in its `package.json`, by which opencode can also fetch it.
const PLUGIN: &str = "junction-opencode";
/// What a person still does before a session can be woken.
const PROMPTED: &str = "opencode can be woken once it has been prompted, for example with \"Look for mail on the junction.\"";
/// What opencode fetches for its plugins, in its folder.
const FETCHED: &str = "node_modules/@opencode-ai/plugin";
/// What may hold a person up at the next start.
const FETCHES: &str = "The first time that opencode has any plugin, it fetches a package of its own as it starts; without a network it waits \
     minutes for that.";
/// What opencode reads in its files beyond JSON.
const DIALECT: JsonDialect = JsonDialect { comments: true, trailing_commas: true };

/// Why opencode cannot be woken where its plugin does not wait: the plugin waits from the first prompt on.
fn hindrance(signs: ClientSigns) -> Hindrance {
    let is_prompted = signs.has_hooks || signs.has_called;
    if env(PLUGIN_NAME).is_some() && !is_prompted {
        Hindrance::NeverPrompted
    } else {
        Hindrance::NoWay
    }
}

fn settings(target: &SetupTarget) -> ClientSettings {
    let config = env_path("XDG_CONFIG_HOME").unwrap_or_else(|| target.home.join(".config"));
    let folder = config.join("opencode");
    let server = PlannedEntry::Server { path: vec!["mcp", SERVER], fields: server_fields(target) };
    let rule = PlannedEntry::RuleField {
        path: vec!["permission", RULE],
        value: SettingValue::text("allow"),
    };
    let paths: Vec<_> = FILES.iter().map(|name| folder.join(name)).collect();
    let package = target.packages.clone().map(|store| ClientPackage {
        package: &OPENCODE,
        store: store_of(&paths, store),
        commands: None,
        installed: None,
    });
    let plugin = package.as_ref().map(|package| PlannedEntry::PluginItem {
        path: vec![PLUGINS],
        item: package.loaded().display().to_string(),
    });
    // One that a person has installed stays the only one.
    let foreign = package.as_ref().and_then(|package| foreign(&folder, &paths, &package.loaded()));
    let (wanted, unwanted) = if foreign.is_some() { (None, plugin) } else { (plugin, None) };
    let entries: Vec<_> = [server, rule].into_iter().chain(wanted).collect();
    let file = |path| PlannedFile {
        is_shared: target.project.is_some(),
        unwanted: unwanted.clone().into_iter().collect(),
        ..PlannedFile::of(path, FileFormat::Json(DIALECT), entries.clone())
    };
    // A project has no third file.
    let mut elsewhere: Vec<_> = match &target.project {
        Some(project) => FILES[..2].iter().map(|name| file(project.join(name))).collect(),
        None => paths.into_iter().map(file).collect(),
    };
    let settings = elsewhere.remove(used(&elsewhere));
    let waking = match &target.project {
        Some(_) => NO_WAKING,
        None => "a message wakes an idle agent by the junction's plugin, once it was prompted",
    };
    let has_plugin = target.project.is_none() && target.address.is_none();
    let mut to_confirm = if has_plugin { vec![PROMPTED] } else { Vec::new() };
    if has_plugin && !folder.join(FETCHED).is_dir() {
        to_confirm.push(FETCHES);
    }
    ClientSettings {
        elsewhere,
        to_confirm,
        overrides,
        waking,
        package,
        foreign,
        ..ClientSettings::of(folder, vec![settings])
    }
    .for_transport(target)
}

/// The server: one that is asked over HTTP at the address, if there is one; else the bridge, which is started.
fn server_fields(target: &SetupTarget) -> SettingValue {
    match &target.address {
        Some(address) => SettingValue::fields([
            ("type", SettingValue::text("remote")),
            ("url", SettingValue::text(address)),
        ]),
        None => SettingValue::fields([
            ("type", SettingValue::text("local")),
            ("command", SettingValue::texts(&[&target.program])),
        ]),
    }
}

/// The plugins that a file names.
fn plugins_of(path: &Path) -> Vec<String> {
    SettingsLookup::read(path, FileFormat::Json(DIALECT)).heads(&[PLUGINS])
}

/// Where setup has unpacked the plugin that one of these files names; this place, if none names one, or if one names that
/// of this place.
fn store_of(paths: &[PathBuf], store: PackageStore) -> PackageStore {
    let own = store.folder(&OPENCODE);
    let named = paths.iter().flat_map(|path| {
        let places = plugins_of(path).into_iter().map(|plugin| place_of(path, &plugin));
        places.filter(|place| place.ends_with(OPENCODE.folder()))
    });
    let folders: Vec<_> =
        named.filter_map(|place| place.ancestors().nth(2).map(Path::to_owned)).collect();
    if folders.iter().any(|folder| is_same_folder(folder, &own)) {
        return store;
    }
    folders.iter().fold(store, |store, folder| store.or_of(folder, &OPENCODE))
}

/// A copy of the plugin's program in one of the folders from which opencode loads all programs.
fn copy_in(folder: &Path) -> Option<PathBuf> {
    let files = PLUGIN_FOLDERS.iter().flat_map(|name| std::fs::read_dir(folder.join(name)));
    let mut files = files.flatten().flatten().map(|file| file.path());
    files.find(|file| {
        let is_program = file.extension().is_some_and(|kind| kind == "js" || kind == "ts");
        let is_short =
            || file.metadata().is_ok_and(|file| file.is_file() && file.len() <= MAX_PROGRAM);
        let text = || std::fs::read_to_string(file).unwrap_or_default();
        is_program && is_short() && [PLUGIN_NAME, BRIDGE].iter().all(|name| text().contains(name))
    })
}

/// What of the junction's plugin a file names, other than the one in this folder.
fn plugin_beside(path: &Path, own: &Path) -> Option<String> {
    plugins_of(path).into_iter().find(|plugin| {
        let name = plugin.strip_prefix(PLUGIN);
        let is_fetched = name.is_some_and(|rest| rest.is_empty() || rest.starts_with('@'));
        let place = place_of(path, plugin);
        is_fetched
            || (!is_same_folder(&place, own) && field_of(&place, "name").as_deref() == Some(PLUGIN))
    })
}

/// The folder that an entry of a file names, if it names one: beside the file, unless its path is whole.
fn place_of(file: &Path, plugin: &str) -> PathBuf {
    let named = Path::new(plugin.strip_prefix("file://").unwrap_or(plugin));
    let mut place = file.parent().map_or(named.to_owned(), |folder| folder.join(named));
    if place.is_file() {
        place.pop();
    }
    place
}

/// A field of the `package.json` in this folder.
fn field_of(folder: &Path, field: &str) -> Option<String> {
    let manifest = folder.join("package.json");
    SettingsLookup::read(&manifest, FileFormat::Json(DIALECT)).text(&[field])
}

/// The plugin that one of these files names, other than the one in this folder, or a copy of it in opencode's own folder.
fn foreign(folder: &Path, paths: &[PathBuf], own: &Path) -> Option<ForeignPackage> {
    let named = paths.iter().find_map(|path| {
        let plugin = plugin_beside(path, own)?;
        let removal = format!("delete {plugin:?} under plugin in {}", path.display());
        Some((field_of(&place_of(path, &plugin), "version"), removal))
    });
    let copy = || Some((None, format!("delete {}", copy_in(folder)?.display())));
    let (version, removal) = named.or_else(copy)?;
    let asks = paths.iter().any(|path| {
        let file = SettingsLookup::read(path, FileFormat::Json(DIALECT));
        let patterns = file.names(&["permission"]);
        // The last entry that matches counts. Without one, nothing is asked.
        let last = patterns.iter().rev().find(|pattern| matches_us(pattern));
        let action = last.and_then(|pattern| file.text(&["permission", pattern]));
        // What is said of our own pattern is a person's.
        action.is_some_and(|action| action != "allow") && !patterns.iter().any(|name| name == RULE)
    });
    Some(ForeignPackage {
        kind: "plugin",
        switched_off: None,
        version,
        update: "Bring it up to date where it came from.",
        lacks: asks.then(|| SettingOverride {
            of: OverriddenPart::Rule,
            says: format!("{NAME} asks you before it calls a tool of the junction."),
            fix: "Run junction-bridge setup opencode, or answer there each time.".to_owned(),
        }),
        removal,
        better: None,
    })
}

/// What a person may have set otherwise.
fn overrides(target: &SetupTarget) -> Vec<SettingOverride> {
    let settings = settings(target);
    let files = settings.files.iter().chain(&settings.elsewhere);
    let files: Vec<_> = files.map(|file| SettingsLookup::read(&file.path, file.format)).collect();
    let off = files.iter().find(|file| file.flag(&["mcp", SERVER, "enabled"]) == Some(false));
    let mut found: Vec<_> = off
        .map(|file| switched_off(NAME, file, "\"enabled\": false for junction"))
        .into_iter()
        .collect();
    for file in &files {
        let tools = file.names(&["tools"]);
        let is_off =
            |name: &&String| matches_us(name) && file.flag(&["tools", name]) == Some(false);
        // The last entry that matches counts.
        if let Some(name) = tools.iter().rev().find(|name| matches_us(name)).filter(is_off) {
            found.push(switched_off(NAME, file, &format!("\"{name}\": false under tools")));
        }
        found.extend(rule_of_a_person(file));
    }
    found
}

/// Whether a pattern of opencode's is about all of the junction's tools.
fn matches_us(pattern: &str) -> bool {
    matches!(pattern, "*" | RULE | "junction*")
}

/// A rule of the person's that the junction's tools come under.
fn rule_of_a_person(file: &SettingsLookup<'_>) -> Option<SettingOverride> {
    let of = |action: &str| {
        if action == "deny" { OverriddenPart::Server } else { OverriddenPart::Rule }
    };
    let says = |action: &str| {
        let does = if action == "deny" { "refuses" } else { "asks you before it calls" };
        format!("{NAME} {does} tools of the junction, because of permission in {}.", file.place())
    };
    if let Some(action) = file.text(&["permission"]).filter(|action| action != "allow") {
        let fix = format!(
            "To keep your rule for all else, write {{\"*\": \"{action}\", \"{RULE}\": \"allow\"}} there."
        );
        return Some(SettingOverride { of: of(&action), says: says(&action), fix });
    }
    let patterns = file.names(&["permission"]);
    // The last entry that matches counts.
    let last = patterns.iter().rev().find(|pattern| matches_us(pattern))?;
    let action = file.text(&["permission", last]).unwrap_or_default();
    let fix = format!("Write \"{RULE}\": \"allow\" as the last entry there.");
    // Without a rule of its own, it is one that setup writes.
    (action != "allow" && patterns.iter().any(|pattern| pattern == RULE)).then(|| SettingOverride {
        of: of(&action),
        says: says(&action),
        fix,
    })
}

/// Which of the files to use: the one that has the bridge, else the one that counts most, else the usual one.
fn used(files: &[PlannedFile]) -> usize {
    let exists = |file: &PlannedFile| std::fs::symlink_metadata(&file.path).is_ok();
    files.iter().position(holds).or_else(|| files.iter().position(exists)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_has_the_bridge_counts_most() {
        let dir = tempfile::TempDir::new().unwrap();
        let at = |name: &str| dir.path().join(name);
        let used = || {
            settings(&SetupTarget::plain("/".into(), Some(dir.path().to_owned())))
                .files
                .remove(0)
                .path
        };
        assert_eq!(used(), at("opencode.json"));
        std::fs::write(at("opencode.json"), "{}").unwrap();
        assert_eq!(used(), at("opencode.json"));
        std::fs::write(at("opencode.jsonc"), "{}").unwrap();
        assert_eq!(used(), at("opencode.jsonc"));
        // A word about the bridge is no entry.
        std::fs::write(at("opencode.json"), "{\"theme\": \"junction-bridge\"}").unwrap();
        assert_eq!(used(), at("opencode.jsonc"));
        let entry = "{\"mcp\": {\"junction\": {\"command\": [\"junction-bridge\"]}}}";
        std::fs::write(at("opencode.json"), entry).unwrap();
        assert_eq!(used(), at("opencode.json"));
    }

    #[test]
    fn plugin_that_a_person_has_installed_is_known() {
        let dir = tempfile::TempDir::new().unwrap();
        let (settings, own) = (dir.path().join("opencode.jsonc"), dir.path().join("own"));
        let theirs = dir.path().join("theirs");
        for folder in [&own, &theirs] {
            std::fs::create_dir(folder).unwrap();
            std::fs::write(folder.join("package.json"), "{\"name\": \"junction-opencode\"}")
                .unwrap();
        }
        for (plugin, is_there) in [
            (own.display().to_string(), false),
            (theirs.display().to_string(), true),
            (format!("file://{}", theirs.display()), true),
            (dir.path().join("none").display().to_string(), false),
            ("./theirs".to_owned(), true),
            ("theirs/package.json".to_owned(), true),
            ("./own".to_owned(), false),
            ("junction-opencode".to_owned(), true),
            ("junction-opencode@1.0.0".to_owned(), true),
            ("junction-opencode-other".to_owned(), false),
        ] {
            for entry in [format!("{plugin:?}"), format!("[{plugin:?}, {{\"a\": 1}}]")] {
                std::fs::write(&settings, format!("{{\"plugin\": [\"x\", {entry}]}}")).unwrap();
                let found = plugin_beside(&settings, &own);
                assert_eq!(found, is_there.then(|| plugin.clone()), "{entry}");
            }
        }
    }

    #[test]
    fn copy_of_the_plugin_is_known_by_what_it_says() {
        let dir = tempfile::TempDir::new().unwrap();
        let plugins = dir.path().join("plugins");
        std::fs::create_dir(&plugins).unwrap();
        assert_eq!(copy_in(dir.path()), None);
        std::fs::write(plugins.join("other.js"), "// Runs junction-bridge send.").unwrap();
        let (_, text) = OPENCODE.files().find(|(path, _)| path.ends_with(".js")).unwrap();
        std::fs::write(plugins.join("junction.md"), text).unwrap();
        assert_eq!(copy_in(dir.path()), None);
        let copy = plugins.join("any-name.ts");
        std::fs::write(&copy, text).unwrap();
        assert_eq!(copy_in(dir.path()), Some(copy.clone()));
        std::fs::rename(&plugins, dir.path().join("plugin")).unwrap();
        assert_eq!(copy_in(dir.path()), Some(dir.path().join("plugin/any-name.ts")));
    }
}
