//! Marks of trust: what a client notes of hooks that its user has confirmed. They are never made here; but those of
//! hooks that are taken out go with them.

use super::edit::SettingsText;
use super::entry::PlannedEntry;
use super::file::SettingsFile;
use super::plan::{ClientSettings, PlannedFile};
use super::problem::FileProblem;

/// The keys under which Codex marks hooks of ours: the file, the event, the group, and the place in that. Hooks that were
/// there before setup stay, and so do their marks.
pub(crate) fn trust_marks(settings: &ClientSettings) -> Vec<String> {
    settings.files.iter().flat_map(|file| marks_in(file).unwrap_or_default()).collect()
}

fn marks_in(file: &PlannedFile) -> Result<Vec<String>, FileProblem> {
    let found = SettingsFile::read(&file.path, file.is_shared)?;
    let text = SettingsText::new(&file.path, file.format, found.text()?)?;
    let backup = found.backup()?;
    let backup = backup.as_ref().map(SettingsFile::text).transpose()?.unwrap_or_default();
    let before = SettingsText::new(&file.path, file.format, backup)?;
    let mut paths = vec![file.path.clone()];
    paths.extend(file.path.canonicalize());
    paths.dedup();
    let mut marks = Vec::new();
    for entry in &file.entries {
        let PlannedEntry::Hook { event, .. } = entry else { continue };
        if !before.hook_places(event).is_empty() {
            continue;
        }
        for (group, at) in text.hook_places(event) {
            let label = label(event);
            let key =
                |path: &std::path::PathBuf| format!("{}:{label}:{group}:{at}", path.display());
            marks.extend(paths.iter().map(key));
        }
    }
    Ok(marks)
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
