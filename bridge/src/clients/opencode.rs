//! opencode. Its plugins are programs, so it runs no hook commands.

use std::time::Duration;

use junction_shared::machine::settings::env_path;

use super::profile::{ClientProfile, ShellVariables};
use crate::setup::{
    ClientSettings, FileFormat, JsonDialect, NO_WAKING, PlannedEntry, PlannedFile, SERVER,
    SettingValue, SetupTarget, holds,
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
    let file = |path| PlannedFile {
        path,
        format: FileFormat::Json(JsonDialect { comments: true, trailing_commas: true }),
        is_shared: target.project.is_some(),
        entries: vec![server.clone(), rule.clone()],
    };
    // A project has no third file.
    let mut elsewhere: Vec<_> = match &target.project {
        Some(project) => FILES[..2].iter().map(|name| file(project.join(name))).collect(),
        None => FILES.iter().map(|name| file(folder.join(name))).collect(),
    };
    let settings = elsewhere.remove(used(&elsewhere));
    ClientSettings {
        folder,
        files: vec![settings],
        elsewhere,
        to_confirm: Vec::new(),
        hook_review: None,
        has_untrusted_hooks: false,
        waking: NO_WAKING,
    }
}

/// Which of the files to use: the one that has the bridge, else the one that counts most, else the usual one.
fn used(files: &[PlannedFile]) -> usize {
    let exists = |file: &PlannedFile| std::fs::symlink_metadata(&file.path).is_ok();
    files.iter().position(holds).or_else(|| files.iter().position(exists)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn file_that_has_the_bridge_counts_most() {
        let dir = tempfile::TempDir::new().unwrap();
        let at = |name: &str| dir.path().join(name);
        let target = |project: &Path| SetupTarget {
            home: "/".into(),
            project: Some(project.to_owned()),
            program: "junction-bridge".to_owned(),
        };
        let used = || settings(&target(dir.path())).files.remove(0).path;
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
}
