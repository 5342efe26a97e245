//! Antigravity CLI, the successor of Gemini CLI. Everything here is from its documentation, and was not run.

use std::path::PathBuf;

use super::profile::ClientProfile;
use super::settings::stdio_server;
use crate::setup::{ClientSettings, FileFormat, JsonDialect, NO_WAKING, PlannedFile, SetupTarget};

/// Antigravity CLI.
pub(super) static PROFILE: ClientProfile = ClientProfile {
    settings: Some(settings),
    ..ClientProfile::plain("antigravity-cli", "Antigravity CLI", "agy")
};

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
    let servers = |place: PathBuf| PlannedFile {
        path: place.join(SERVERS),
        // Since version 1.1.24; an older one does not start with either.
        format: FileFormat::Json(JsonDialect { comments: true, trailing_commas: true }),
        is_shared: target.project.is_some(),
        entries: vec![stdio_server(&target.program, false)],
    };
    let mut files = places.into_iter().map(servers);
    ClientSettings {
        folder,
        files: files.next().into_iter().collect(),
        elsewhere: files.collect(),
        to_confirm: vec![
            "Antigravity CLI was set up by its documentation, and not tried. It asks about the junction's tools until you \
             allow them in it.",
        ],
        hook_review: None,
        has_untrusted_hooks: false,
        overrides: |_| Vec::new(),
        waking: NO_WAKING,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn file(home: &Path, project: Option<PathBuf>) -> PathBuf {
        let program = "p".to_owned();
        settings(&SetupTarget { home: home.to_owned(), project, program }).files.remove(0).path
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
