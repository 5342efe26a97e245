//! Marks of trust: what a client notes of hooks that its user has confirmed. They are never made here; but those of
//! hooks that are taken out go with them.

use std::path::{Path, PathBuf};

use super::edit::SettingsText;
use super::entry::{FileFormat, PlannedEntry};
use super::file::SettingsFile;
use super::lookup::SettingsLookup;
use super::plan::{ClientSettings, PlannedFile};
use super::problem::FileProblem;

/// The keys under which Codex marks hooks of ours: the file, the event, the group, and the place in that. Hooks that were
/// there before setup stay, and so do their marks.
pub(crate) fn trust_marks(settings: &ClientSettings) -> Vec<String> {
    settings.files.iter().flat_map(|file| marks_in(file).unwrap_or_default()).collect()
}

/// Whether Codex skips any of our hooks in these files, because its user has not marked it as trusted in `config`.
pub(crate) fn has_untrusted(files: &[PlannedFile], config: &Path) -> bool {
    let config = SettingsLookup::read(config, FileFormat::Toml);
    let is_marked = |key: &String| config.has(&["hooks", "state", key.as_str(), "trusted_hash"]);
    let hooks = files.iter().flat_map(|file| keys_in(file, "").unwrap_or_default());
    hooks.into_iter().any(|keys| !keys.iter().any(is_marked))
}

/// Whether Codex skips hooks for any of these events, because its user has not marked those of this plugin as trusted in
/// `config`.
pub(crate) fn has_untrusted_in(
    plugin: &str,
    mut events: impl Iterator<Item = &'static str>,
    config: &Path,
) -> bool {
    let config = SettingsLookup::read(config, FileFormat::Toml);
    events.any(|event| {
        let key = format!("{plugin}:hooks/hooks.json:{}:0:0", label(event));
        !config.has(&["hooks", "state", &key, "trusted_hash"])
    })
}

/// The keys under which Codex marks hooks of this plugin in a file.
pub(crate) fn plugin_marks(plugin: &str, file: &PlannedFile) -> Vec<String> {
    let marks = SettingsLookup::read(&file.path, file.format).names(&["hooks", "state"]);
    let is_of_plugin =
        |mark: &String| mark.strip_prefix(plugin).is_some_and(|rest| rest.starts_with(':'));
    marks.into_iter().filter(is_of_plugin).collect()
}

fn marks_in(file: &PlannedFile) -> Result<Vec<String>, FileProblem> {
    let backup = SettingsFile::read(&file.path, file.is_shared)?.backup()?;
    let backup = backup.as_ref().map(SettingsFile::kept_text).transpose()?.unwrap_or_default();
    Ok(keys_in(file, backup)?.concat())
}

/// The keys for each hook of ours in a file, at events that have none in an earlier text of it. There are two keys where
/// the file has two paths.
fn keys_in(file: &PlannedFile, earlier: &str) -> Result<Vec<Vec<String>>, FileProblem> {
    let found = SettingsFile::read(&file.path, file.is_shared)?;
    let text = SettingsText::new(&file.path, file.format, found.text()?)?;
    let before = SettingsText::new(&file.path, file.format, earlier)?;
    let mut paths = vec![file.path.clone()];
    paths.extend(file.path.canonicalize());
    paths.dedup();
    let mut keys = Vec::new();
    for entry in file.all_entries() {
        let PlannedEntry::Hook { event, matcher, .. } = entry else { continue };
        if !before.hook_places(event, *matcher).is_empty() {
            continue;
        }
        for (group, at) in text.hook_places(event, *matcher) {
            let label = label(event);
            let key = |path: &PathBuf| format!("{}:{label}:{group}:{at}", path.display());
            keys.push(paths.iter().map(key).collect());
        }
    }
    Ok(keys)
}

/// An event as marks name it: `UserPromptSubmit` is `user_prompt_submit`.
fn label(event: &str) -> String {
    let mut label = String::new();
    for letter in event.chars() {
        if letter.is_ascii_uppercase() && !label.is_empty() {
            label.push('_');
        }
        label.push(letter.to_ascii_lowercase());
    }
    label
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn events_are_named_as_in_marks() {
        assert_eq!(["Stop", "UserPromptSubmit"].map(label), ["stop", "user_prompt_submit"]);
    }
}
