//! Antigravity CLI, the successor of Gemini CLI. Everything here is from its documentation, and was not run.

use std::path::PathBuf;

use super::profile::ClientProfile;
use super::settings::{limited_tools, server, switched_off};
use crate::setup::{
    ClientSettings, FileFormat, JsonDialect, PlannedFile, SERVER, SettingOverride, SettingsLookup,
    SetupTarget,
};

/// Antigravity CLI.
pub(super) static PROFILE: ClientProfile = ClientProfile {
    settings: Some(settings),
    ..ClientProfile::plain("antigravity-cli", NAME, "agy")
};

/// The name by which people know the client.
const NAME: &str = "Antigravity CLI";
/// The file with its servers.
const SERVERS: &str = "mcp_config.json";

/// The settings: no hooks, because they get and give other JSON than the bridge's hook command knows.
fn settings(target: &SetupTarget) -> ClientSettings {
    let google = target.home.join(".gemini");
    let folder = google.join("antigravity-cli");
    let (newer, older) = (google.join("config"), folder.clone());
    let places = match &target.project {
        Some(project) => vec![project.join(".agents")],
        None if newer.is_dir() => vec![newer, older],
        None => vec![older, newer],
    };
    // Since version 1.1.24; an older one does not start with either.
    let format = FileFormat::Json(JsonDialect { comments: true, trailing_commas: true });
    let servers = |place: PathBuf| PlannedFile {
        is_shared: target.project.is_some(),
        ..PlannedFile::of(place.join(SERVERS), format, vec![server(target, false, "serverUrl")])
    };
    let mut files = places.into_iter().map(servers);
    let used = files.next().into_iter().collect();
    ClientSettings {
        elsewhere: files.collect(),
        to_confirm: vec![
            "Antigravity CLI was set up by its documentation, and not tried. It asks about the junction's tools until you \
             allow them in it.",
        ],
        overrides,
        ..ClientSettings::of(folder, used)
    }
}

/// What a person may have set otherwise.
fn overrides(target: &SetupTarget) -> Vec<SettingOverride> {
    let settings = settings(target);
    let files = settings.files.iter().chain(&settings.elsewhere);
    let mut all = Vec::new();
    for file in files {
        let found = SettingsLookup::read(&file.path, file.format);
        let server = ["mcpServers", SERVER];
        if found.flag(&["mcpServers", SERVER, "disabled"]) == Some(true) {
            all.push(switched_off(NAME, &found, "\"disabled\": true for junction"));
        }
        all.extend(limited_tools(NAME, &found, &server, ("enabledTools", "disabledTools")));
    }
    all
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn file(home: &Path, project: Option<PathBuf>) -> PathBuf {
        settings(&SetupTarget::plain(home.to_owned(), project)).files.remove(0).path
    }

    #[test]
    fn servers_are_where_the_version_keeps_them() {
        let dir = tempfile::TempDir::new().unwrap();
        let home = dir.path();
        assert_eq!(file(home, None), home.join(".gemini/antigravity-cli/mcp_config.json"));
        std::fs::create_dir_all(home.join(".gemini/config")).unwrap();
        assert_eq!(file(home, None), home.join(".gemini/config/mcp_config.json"));
        assert_eq!(file(home, Some("/p".into())), Path::new("/p/.agents/mcp_config.json"));
    }
}
