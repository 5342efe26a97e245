//! What is read of a call of a tool that edits files: the paths of the files, and nothing else.

use std::path::Path;

use junction_shared::machine::settings::{Expected, setting};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The setting of what is done about collisions.
pub(crate) const COLLISIONS: &str = "JUNCTION_COLLISIONS";
/// Tools whose input names one file, and the field that names it: Claude Code's.
const ONE_FILE: [(&str, &str); 4] = [
    ("Edit", "file_path"),
    ("MultiEdit", "file_path"),
    ("Write", "file_path"),
    ("NotebookEdit", "notebook_path"),
];
/// The tool whose input is a patch: Codex's, whose hooks never make it ask. Hooks are told this name even where their matcher
/// has another one for it.
const PATCH: &str = "apply_patch";
/// What lines of a patch that name a file begin with.
const FILE_LINES: [&str; 4] =
    ["*** Add File: ", "*** Update File: ", "*** Delete File: ", "*** Move to: "];
/// The most files of one call that are kept.
const MAX_FILES: usize = 64;
/// The longest path that is kept, and all of them together, in bytes.
const MAX_PATH: usize = 4096;
const MAX_PATHS: usize = 32 * 1024;

/// The files that a call edits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileEdits {
    /// The paths, absolute where the client says in which directory it works.
    pub(crate) paths: Vec<String>,
    /// Whether the call is yet to be made.
    #[serde(rename = "when")]
    pub(crate) stage: EditStage,
    /// What is done where another session claims one of the files, or has just changed it.
    #[serde(rename = "on_collision", default)]
    pub(crate) reaction: CollisionReaction,
}

/// When a hook tells of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EditStage {
    /// The client is about to make the edit.
    Before,
    /// The edit is made.
    After,
}

/// What is done where an edit collides with another session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CollisionReaction {
    /// The agent is told.
    #[default]
    Tell,
    /// The client asks its user, and the agent is told.
    Ask,
    /// Nothing.
    Off,
}

impl CollisionReaction {
    /// As the environment sets it. A setting that cannot be read counts as absent: a hook reports no errors.
    fn from_env() -> Self {
        setting(None, COLLISIONS, parse_reaction, Self::Tell).unwrap_or_default()
    }
}

/// Parses one of three words.
pub(crate) fn parse_reaction(text: &str) -> Result<CollisionReaction, Expected> {
    match text.to_ascii_lowercase().as_str() {
        "tell" => Ok(CollisionReaction::Tell),
        "ask" => Ok(CollisionReaction::Ask),
        "off" => Ok(CollisionReaction::Off),
        _ => Err(Expected("tell, ask or off")),
    }
}

impl FileEdits {
    /// What a hook's input tells of edits; `None` if it is of no such call.
    pub(super) fn in_hook(event: &str, input: &Value) -> Option<Self> {
        let stage = match event {
            "PreToolUse" => EditStage::Before,
            "PostToolUse" => EditStage::After,
            _ => return None,
        };
        let (tool, given) = (input["tool_name"].as_str()?, &input["tool_input"]);
        let paths = if tool == PATCH {
            files_of_patch(given["command"].as_str()?)
        } else {
            let (_, field) = ONE_FILE.iter().find(|(name, _)| *name == tool)?;
            vec![given[*field].as_str()?]
        };
        let directory = input["cwd"].as_str().map(Path::new);
        let paths = bounded(paths.into_iter().map(|path| in_directory(path, directory)));
        let reaction = match CollisionReaction::from_env() {
            CollisionReaction::Off => return None,
            CollisionReaction::Ask if tool == PATCH => CollisionReaction::Tell,
            reaction => reaction,
        };
        (!paths.is_empty()).then_some(Self { paths, stage, reaction })
    }

    /// The edits within the bounds that hold for every call: who asks by the socket may keep to none.
    pub(crate) fn within_bounds(self) -> Self {
        Self { paths: bounded(self.paths.into_iter()), ..self }
    }
}

/// The files that a patch names.
fn files_of_patch(patch: &str) -> Vec<&str> {
    let name = |line| FILE_LINES.iter().find_map(|start| str::strip_prefix(line, start));
    patch.lines().filter_map(name).map(str::trim).take(MAX_FILES).collect()
}

fn in_directory(path: &str, directory: Option<&Path>) -> String {
    match directory {
        Some(directory) => directory.join(path).to_string_lossy().into_owned(),
        None => path.to_owned(),
    }
}

fn bounded(paths: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    let mut bytes = 0;
    for path in paths.filter(|path| !path.is_empty() && path.len() <= MAX_PATH).take(MAX_FILES) {
        bytes += path.len();
        if bytes > MAX_PATHS {
            break;
        }
        if !kept.contains(&path) {
            kept.push(path);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn paths(input: &Value) -> Option<Vec<String>> {
        Some(FileEdits::in_hook("PreToolUse", input)?.paths)
    }

    #[test]
    fn paths_are_all_that_is_kept_of_a_call() {
        for (tool, field) in ONE_FILE {
            let input = json!({
                "tool_name": tool,
                "cwd": "/home/bob/shop",
                "tool_input": {
                    field: "/home/bob/shop/a.rs", "old_string": "secret", "content": "secret", "new_source": "secret",
                },
            });
            let edits = FileEdits::in_hook("PreToolUse", &input).unwrap();
            assert_eq!(
                (edits.paths.as_slice(), edits.stage),
                (&["/home/bob/shop/a.rs".to_owned()][..], EditStage::Before)
            );
            assert!(!serde_json::to_string(&edits).unwrap().contains("secret"));
            assert_eq!(FileEdits::in_hook("PostToolUse", &input).unwrap().stage, EditStage::After);
            assert_eq!(FileEdits::in_hook("PostToolUseFailure", &input), None);
            assert_eq!(FileEdits::in_hook("Stop", &input), None);
        }
    }

    #[test]
    fn files_of_a_patch_are_those_that_its_lines_name() {
        let patch = "*** Begin Patch\n*** Add File: new.rs\n+*** Add File: text.rs\n*** Update File: old.rs\r\n\
                     *** Move to: sub/moved.rs\n@@\n *** Delete File: context.rs\n-secret\n+secret\n\
                     *** Delete File: /gone.rs\n*** End of File\n*** End Patch\n";
        let input =
            json!({ "tool_name": "apply_patch", "cwd": "/p", "tool_input": { "command": patch } });
        assert_eq!(
            paths(&input).unwrap(),
            ["/p/new.rs", "/p/old.rs", "/p/sub/moved.rs", "/gone.rs"]
        );
        let edits = FileEdits::in_hook("PostToolUse", &input).unwrap();
        assert!(!serde_json::to_string(&edits).unwrap().contains("secret"));
    }

    #[test]
    fn regression_patch_that_a_shell_command_quotes_is_no_edit() {
        let script =
            "cat > notes <<'EOF'\n*** Begin Patch\n*** Update File: src/a.rs\n*** End Patch\nEOF\n";
        for tool in ["Bash", "Edit", "Write", "exec_command", "mcp__x__apply_patch"] {
            let input = json!({ "tool_name": tool, "tool_input": { "command": script } });
            for event in ["PreToolUse", "PostToolUse"] {
                assert_eq!(FileEdits::in_hook(event, &input), None, "{tool}");
            }
        }
    }

    #[test]
    fn other_calls_edit_nothing() {
        for input in [
            json!({}),
            json!({ "tool_name": "Bash", "tool_input": { "command": "rm -r ." } }),
            json!({ "tool_name": "Read", "tool_input": { "file_path": "/a" } }),
            json!({ "tool_name": "Write" }),
            json!({ "tool_name": "Write", "tool_input": "a" }),
            json!({ "tool_name": "Write", "tool_input": { "file_path": 7 } }),
            json!({ "tool_name": "Write", "tool_input": { "file_path": "" } }),
            json!({ "tool_name": 7, "tool_input": { "file_path": "/a" } }),
            json!({ "tool_name": "Write", "tool_input": { "file_path": "x".repeat(5000) } }),
        ] {
            assert_eq!(paths(&input), None, "{input}");
        }
    }

    #[test]
    fn settings_are_three_words() {
        assert_eq!(parse_reaction("Ask"), Ok(CollisionReaction::Ask));
        assert_eq!(parse_reaction("tell"), Ok(CollisionReaction::Tell));
        assert_eq!(parse_reaction("OFF"), Ok(CollisionReaction::Off));
        assert!(parse_reaction("on").is_err() && parse_reaction("").is_err());
    }

    proptest! {
        #[test]
        fn any_patch_is_read_within_bounds(lines in prop::collection::vec("\\PC{0,12}", 0..40), times in 1_usize..40) {
            let lines = lines.iter().enumerate().map(|(at, line)| format!("{}{line}\n", FILE_LINES[at % 4]));
            let patch = lines.collect::<String>().repeat(times);
            let input = json!({ "tool_name": "apply_patch", "tool_input": { "command": patch } });
            let paths = paths(&input).unwrap_or_default();
            prop_assert!(paths.len() <= MAX_FILES && paths.iter().map(String::len).sum::<usize>() <= MAX_PATHS);
        }
    }
}
