//! opencode. Its plugins are programs, so it runs no hook commands.

use std::path::{Path, PathBuf};
use std::time::Duration;

use junction_shared::machine::settings::env_path;

use super::profile::{ClientProfile, ShellVariables};
use crate::setup::{
    BRIDGE, ClientSettings, FileFormat, JsonDialect, NO_WAKING, PlannedEntry, PlannedFile, SERVER,
    SettingValue, SetupTarget,
};

/// opencode, as seen with version 1.18.
pub(super) static PROFILE: ClientProfile = ClientProfile {
    silence_limit: Some(Duration::from_secs(60)),
    shell: ShellVariables { signs: &["OPENCODE"], session: None },
    settings: Some(settings),
    ..ClientProfile::plain("opencode", "opencode", "opencode")
};

/// The files that are read in a folder, the one that counts most first.
const FILES: [&str; 3] = ["opencode.jsonc", "opencode.json", "config.json"];

fn settings(target: &SetupTarget) -> ClientSettings {
    let config = env_path("XDG_CONFIG_HOME").unwrap_or_else(|| target.home.join(".config"));
    let folder = config.join("opencode");
    // A project has no third file.
    let path = match &target.project {
        Some(project) => settings_file(project, &FILES[..2]),
        None => settings_file(&folder, &FILES),
    };
    let server = PlannedEntry::Server {
        path: vec!["mcp", SERVER],
        fields: SettingValue::fields([
            ("type", SettingValue::text("local")),
            ("command", SettingValue::texts(&[&target.program])),
        ]),
    };
    let rule = PlannedEntry::RuleField {
        path: vec!["permission", "junction_*"],
        value: SettingValue::text("allow"),
    };
    let settings = PlannedFile {
        path,
        format: FileFormat::Json(JsonDialect { comments: true, trailing_commas: true }),
        is_shared: target.project.is_some(),
        entries: vec![server, rule],
    };
    ClientSettings {
        folder,
        files: vec![settings],
        to_confirm: Vec::new(),
        hook_review: None,
        has_untrusted_hooks: false,
        waking: NO_WAKING,
    }
}

/// The file of a folder that has the bridge, else the one that counts most, else the usual one.
fn settings_file(folder: &Path, names: &[&str]) -> PathBuf {
    let files: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    let has_bridge =
        |file: &&PathBuf| std::fs::read_to_string(file).is_ok_and(|text| text.contains(BRIDGE));
    let exists = |file: &&PathBuf| std::fs::symlink_metadata(file).is_ok();
    let found = files.iter().find(has_bridge).or_else(|| files.iter().find(exists));
    found.cloned().unwrap_or_else(|| folder.join(FILES[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_has_the_bridge_counts_most() {
        let dir = tempfile::TempDir::new().unwrap();
        let at = |name: &str| dir.path().join(name);
        assert_eq!(settings_file(dir.path(), &FILES), at("opencode.json"));
        std::fs::write(at("config.json"), "{}").unwrap();
        assert_eq!(settings_file(dir.path(), &FILES), at("config.json"));
        std::fs::write(at("opencode.jsonc"), "{}").unwrap();
        assert_eq!(settings_file(dir.path(), &FILES), at("opencode.jsonc"));
        std::fs::write(at("config.json"), "{\"mcp\": \"junction-bridge\"}").unwrap();
        assert_eq!(settings_file(dir.path(), &FILES), at("config.json"));
    }
}
