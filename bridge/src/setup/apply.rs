//! Settings files changed and looked at, as they are planned.

use std::collections::BTreeSet;

use super::edit::SettingsText;
use super::entry::{EntryState, PlannedEntry};
use super::file::{FileChange, Replaced, SettingsFile};
use super::plan::{ClientSettings, PlannedFile, SetupTarget};
use super::problem::FileProblem;

/// How often a file that its client keeps changing is tried again.
const ATTEMPTS: usize = 10;

/// What [`inspect`] found in a file.
#[derive(Debug)]
pub(crate) struct FileReport {
    /// Each entry that belongs in it, and whether it is there.
    pub(crate) entries: Vec<(PlannedEntry, EntryState)>,
    /// Why the file cannot be used.
    pub(crate) problem: Option<FileProblem>,
}

/// Puts into a file what belongs in it and is missing.
///
/// # Errors
/// Why the file is left as it is.
pub(crate) fn install(file: &PlannedFile) -> Result<FileChange, FileProblem> {
    put_in(file, file)
}

/// Puts into a file what belongs in it and is missing, and leaves what must not be in it for another time.
///
/// # Errors
/// Why the file is left as it is.
pub(crate) fn install_beside(file: &PlannedFile) -> Result<FileChange, FileProblem> {
    put_in(file, &PlannedFile { unwanted: Vec::new(), ..file.clone() })
}

/// Puts a part of what is planned of a file into it.
fn put_in(file: &PlannedFile, part: &PlannedFile) -> Result<FileChange, FileProblem> {
    for _ in 0..ATTEMPTS {
        let Some((found, new)) = changed(part)? else { return Ok(FileChange::Unchanged) };
        found.remove_leftovers();
        if !found.exists() {
            // Of a file that is gone. Another record is made with the file.
            found.remove_backup()?;
        }
        // A back-up of a file that held something of ours is older than that, and so is the better one.
        let is_new = found.exists()
            && (found.backup()?.is_none()
                || !holds_any(file, file.all_entries().chain(&file.earlier), found.text()?)?);
        if is_new {
            found.back_up()?;
        }
        let replaced = found.replace(&new);
        if is_new && !matches!(replaced, Ok(Replaced::Done)) {
            found.remove_backup()?;
        }
        if replaced? == Replaced::Done {
            return Ok(if found.exists() { FileChange::Changed } else { FileChange::Created });
        }
    }
    Err(FileProblem::Busy(file.path.clone()))
}

/// Takes out of a file what [`install`] put in, and the marks of trust with these keys. `plan` says what it puts in for a
/// target; a file that is exactly that is what it was before.
///
/// # Errors
/// Why the file is left as it is.
pub(crate) fn remove(
    file: &PlannedFile,
    marks: &[String],
    target: &SetupTarget,
    plan: impl Fn(&SetupTarget) -> ClientSettings,
) -> Result<FileChange, FileProblem> {
    for _ in 0..ATTEMPTS {
        let found = match SettingsFile::read(&file.path, file.is_shared) {
            Err(FileProblem::ParentNotADirectory(_)) => return Ok(FileChange::Unchanged),
            found => found?,
        };
        found.remove_leftovers();
        let now = SettingsText::new(&file.path, file.format, found.text()?)?;
        file.all_entries().try_for_each(|entry| now.check_names(entry))?;
        let text = found.text()?;
        let is_ours = found.exists() && holds_ours(file, text)?;
        let Some(backup) = found.backup()? else {
            return Ok(if is_ours { FileChange::NotOurs } else { FileChange::Unchanged });
        };
        let (before, was_there) = (backup.kept_text()?, !backup.is_of_no_file());
        let plans = plans_of(file, target, text, &plan)?;
        let is_made = |made: String| made == text && made != before;
        let is_as_made = found.exists()
            && plans.iter().any(|planned| installed(planned, before).is_ok_and(is_made));
        if !is_ours && !is_as_made {
            found.remove_backup()?;
            return Ok(FileChange::Unchanged);
        }
        let rest = removed(file, text, marks, was_there.then_some(before))?;
        let is_changed = rest.text() != text;
        let is_before = is_changed && rest.says_the_same(before, file.residue);
        let (replaced, change) = match was_there {
            true if is_as_made || is_before => {
                (found.replace_bytes(backup.bytes())?, FileChange::Restored)
            }
            false if is_as_made || is_before || (is_changed && rest.is_blank()) => {
                (found.delete()?, FileChange::Deleted)
            }
            _ if is_changed => (found.replace(rest.text())?, FileChange::Changed),
            _ => (Replaced::Done, FileChange::Unchanged),
        };
        if replaced == Replaced::Done {
            found.remove_backup()?;
            return Ok(change);
        }
    }
    Err(FileProblem::Busy(file.path.clone()))
}

/// Takes marks of trust with these keys out of a file, and nothing else.
///
/// # Errors
/// Why the file is left as it is.
pub(crate) fn forget(file: &PlannedFile, marks: &[String]) -> Result<FileChange, FileProblem> {
    for _ in 0..ATTEMPTS {
        if marks.is_empty() {
            return Ok(FileChange::Unchanged);
        }
        let found = SettingsFile::read(&file.path, file.is_shared)?;
        let mut text = SettingsText::new(&file.path, file.format, found.text()?)?;
        text.remove_marks(marks, None)?;
        if found.replace(text.text())? == Replaced::Done {
            return Ok(FileChange::Changed);
        }
    }
    Err(FileProblem::Busy(file.path.clone()))
}

/// Whether setup has noted how a file was before.
pub(crate) fn is_recorded(file: &PlannedFile) -> bool {
    let found = SettingsFile::read(&file.path, file.is_shared);
    found.and_then(|found| found.backup()).is_ok_and(|backup| backup.is_some())
}

/// Whether a file has any of these entries. One that cannot be read has none.
pub(crate) fn holds(file: &PlannedFile) -> bool {
    let all = PlannedFile { entries: file.all_entries().cloned().collect(), ..file.clone() };
    states(&all).is_ok_and(|states| states.iter().any(EntryState::is_present))
}

/// Whether a file has anything that must not be in it, because a package brings that.
pub(crate) fn holds_unwanted(file: &PlannedFile) -> bool {
    holds(&PlannedFile { entries: file.unwanted.clone(), unwanted: Vec::new(), ..file.clone() })
}

/// Whether a file has a server, hooks or a plugin that are there a second time.
pub(crate) fn holds_twice(file: &PlannedFile) -> bool {
    let acts = |entry: &&PlannedEntry| {
        !matches!(entry, PlannedEntry::RuleField { .. } | PlannedEntry::RuleItem { .. })
    };
    let entries = file.unwanted.iter().filter(acts).cloned().collect();
    holds(&PlannedFile { entries, unwanted: Vec::new(), ..file.clone() })
}

/// Whether a file has hooks, whoever's. One that cannot be read may have some.
pub(crate) fn has_hooks(file: &PlannedFile) -> bool {
    let found = SettingsFile::read(&file.path, file.is_shared);
    let text = found.and_then(|found| SettingsText::new(&file.path, file.format, found.text()?));
    text.map_or(true, |text| text.has_hooks())
}

/// Looks what of a client's settings is there, and changes nothing.
pub(crate) fn inspect(settings: &ClientSettings) -> Vec<FileReport> {
    let report = |file: &PlannedFile| {
        let states = states(file);
        let (entries, problem) = match states {
            Ok(states) => (file.entries.iter().cloned().zip(states).collect(), None),
            Err(problem) => (Vec::new(), Some(problem)),
        };
        FileReport { entries, problem }
    };
    settings.files.iter().map(report).collect()
}

/// What a file would hold that does not exist yet.
pub(crate) fn fragment(file: &PlannedFile) -> Result<String, FileProblem> {
    installed(file, "")
}

/// What [`install`] would do with a file.
pub(crate) fn preview(file: &PlannedFile) -> Result<FileChange, FileProblem> {
    Ok(match changed(file)? {
        None => FileChange::Unchanged,
        Some((found, _)) if found.exists() => FileChange::Changed,
        Some(_) => FileChange::Created,
    })
}

/// A file that can be written, and what it is to hold; `None` if it does already.
fn changed(file: &PlannedFile) -> Result<Option<(SettingsFile, String)>, FileProblem> {
    let found = SettingsFile::read(&file.path, file.is_shared)?;
    if file.entries.is_empty() && !holds_ours(file, found.text()?)? {
        return Ok(None);
    }
    let new = installed(file, found.text()?)?;
    if new == found.text()? {
        return Ok(None);
    }
    found.check_writable()?;
    Ok(Some((found, new)))
}

fn states(file: &PlannedFile) -> Result<Vec<EntryState>, FileProblem> {
    let found = SettingsFile::read(&file.path, file.is_shared)?;
    let text = SettingsText::new(&file.path, file.format, found.text()?)?;
    Ok(file.entries.iter().map(|entry| text.state(entry)).collect())
}

fn installed(file: &PlannedFile, text: &str) -> Result<String, FileProblem> {
    let mut edited = SettingsText::new(&file.path, file.format, text)?;
    for entry in &file.unwanted {
        edited.remove(entry, None)?;
    }
    for entry in &file.entries {
        edited.install(entry)?;
    }
    Ok(edited.text().to_owned())
}

fn removed<'f>(
    file: &'f PlannedFile,
    text: &str,
    marks: &[String],
    backup: Option<&str>,
) -> Result<SettingsText<'f>, FileProblem> {
    let read = |text: &str| SettingsText::new(&file.path, file.format, text);
    let backup = backup.map(read).transpose()?;
    let mut edited = read(text)?;
    edited.remove_marks(marks, backup.as_ref())?;
    for entry in file.all_entries() {
        edited.remove(entry, backup.as_ref())?;
    }
    if let Some(backup) = backup.as_ref().filter(|_| edited.text() != text) {
        edited.end_like(backup)?;
    }
    Ok(edited)
}

fn holds_ours(file: &PlannedFile, text: &str) -> Result<bool, FileProblem> {
    holds_any(file, file.all_entries(), text)
}

/// Whether a file's text has any of these entries.
fn holds_any<'e>(
    file: &PlannedFile,
    mut entries: impl Iterator<Item = &'e PlannedEntry>,
    text: &str,
) -> Result<bool, FileProblem> {
    let edited = SettingsText::new(&file.path, file.format, text)?;
    Ok(entries.any(|entry| edited.state(entry).is_present()))
}

/// What an earlier run may have put into a file: with the programs and addresses that the file names, with and without a
/// package, hooks and the rule.
fn plans_of(
    file: &PlannedFile,
    target: &SetupTarget,
    text: &str,
    plan: impl Fn(&SetupTarget) -> ClientSettings,
) -> Result<Vec<PlannedFile>, FileProblem> {
    let edited = SettingsText::new(&file.path, file.format, text)?;
    let states: Vec<_> = file.all_entries().map(|entry| edited.state(entry)).collect();
    let program = |state: &EntryState| match state {
        EntryState::Present(program) => program.clone(),
        _ => None,
    };
    let address = |state: &EntryState| match state {
        EntryState::Address(address) => Some(address.clone()),
        _ => None,
    };
    let mut programs: BTreeSet<String> = states.iter().filter_map(program).collect();
    programs.insert(target.program.clone());
    let started = programs.into_iter().flat_map(|program| {
        [false, true].map(|by_package| SetupTarget {
            program: program.clone(),
            by_package: Some(by_package),
            address: None,
            ..target.clone()
        })
    });
    let asked = states.iter().filter_map(address).map(|address| SetupTarget {
        by_package: Some(false),
        address: Some(address),
        ..target.clone()
    });
    let mut plans = Vec::new();
    let targets = started.chain(asked);
    for target in targets {
        let settings = plan(&target).with_all_files();
        let Some(planned) = settings.files.into_iter().find(|other| other.path == file.path) else {
            continue;
        };
        for (hooks, rule) in [(true, true), (true, false), (false, true), (false, false)] {
            let mut planned = planned.clone();
            planned.entries.retain(|entry| entry.is_wanted(hooks, rule));
            plans.push(planned);
        }
    }
    Ok(plans)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use junction_attachments::json::{JsonDialect, SettingValue};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::entry::FileFormat;
    use super::super::entry::SERVER;
    use super::super::file::before_comparing;
    use super::super::program::hook_command;
    use super::*;

    /// A file with one entry of each kind.
    fn planned(path: &Path) -> PlannedFile {
        let fields =
            |program: &str| SettingValue::fields([("command", SettingValue::text(program))]);
        let rule =
            PlannedEntry::RuleField { path: vec!["p", "j_*"], value: SettingValue::text("allow") };
        let entries = vec![
            PlannedEntry::Server {
                path: vec!["mcpServers", SERVER],
                fields: fields("/b/junction-bridge"),
            },
            rule,
            PlannedEntry::RuleItem { path: vec!["permissions", "allow"], item: "mcp__junction" },
            PlannedEntry::Hook {
                event: "Stop",
                matcher: None,
                hook: fields(&hook_command("/b/junction-bridge")),
            },
            PlannedEntry::Hook {
                event: "Start",
                matcher: Some("Edit|Write"),
                hook: fields(&hook_command("/b/junction-bridge")),
            },
        ];
        let format = FileFormat::Json(JsonDialect::default());
        PlannedFile::of(path.to_owned(), format, entries)
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z{}\\[\\],:\"\\\\/\n]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z\"]{1,3}", inner, 0..4)
                    .prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    /// Settings that may have, where ours belong, what others have put there.
    fn any_settings() -> impl Strategy<Value = Value> {
        let object = || prop::collection::btree_map("[a-c]{1,2}", any_json(), 0..3);
        let hooks = prop::collection::btree_map(
            "Stop|Start|x",
            prop::collection::vec(any_json(), 0..3),
            0..3,
        );
        (object(), prop::option::of(object()), prop::option::of(hooks), prop::option::of(object()))
            .prop_map(|(mut root, servers, hooks, rules)| {
                root.extend(servers.map(|servers| ("mcpServers".to_owned(), json!(servers))));
                root.extend(hooks.map(|hooks| ("hooks".to_owned(), json!(hooks))));
                root.extend(rules.map(|rules| ("p".to_owned(), json!(rules))));
                json!(root)
            })
    }

    proptest! {
        #[test]
        fn any_settings_get_ours_and_are_the_same_after(
            value in any_settings(),
            layout in 0..4_usize,
            crlf in any::<bool>(),
        ) {
            let mut text = match layout {
                0 => value.to_string(),
                1 => format!("{value:#}"),
                2 => format!("{value:#}\n").replace("  ", "\t"),
                _ => format!("\n  {value:#}\n\n"),
            };
            if crlf {
                text = text.replace('\n', "\r\n");
            }
            let file = planned(Path::new("f"));
            let new = installed(&file, &text).unwrap();
            prop_assert_eq!(&installed(&file, &new).unwrap(), &new);
            let parsed: Value = serde_json::from_str(&new).unwrap();
            prop_assert_eq!(&parsed["mcpServers"]["junction"]["command"], "/b/junction-bridge");
            for (name, found) in value.as_object().unwrap() {
                if !["mcpServers", "hooks", "p"].contains(&name.as_str()) {
                    prop_assert_eq!(&parsed[name], found);
                }
            }
            let rest = removed(&file, &new, &[], Some(&text)).unwrap();
            prop_assert_eq!(rest.text(), &text);
        }
    }

    /// Has the file changed by another, so many times, each time just before it is compared; runs something meanwhile;
    /// what that came to, and the number that the other wrote last.
    fn meanwhile<T>(path: &Path, times: u64, run: impl FnOnce() -> T) -> (T, u64) {
        let count = std::rc::Rc::new(std::cell::Cell::new(0));
        let counter = count.clone();
        before_comparing::set(move |path| {
            if counter.get() < times {
                counter.set(counter.get() + 1);
                let text = std::fs::read_to_string(path).unwrap_or_else(|_| "{}".to_owned());
                let mut value: Value = serde_json::from_str(&text).unwrap();
                value["n"] = json!(counter.get());
                std::fs::write(path, value.to_string()).unwrap();
            }
        });
        let outcome = run();
        before_comparing::set(|_| {});
        let left: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(left["n"], json!(count.get()));
        (outcome, count.get())
    }

    #[test]
    fn file_that_changes_all_the_time_is_left_alone() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("a/settings.json");
        let file = planned(&path);
        let others_only = || {
            let text = std::fs::read_to_string(&path).unwrap();
            let names = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
            (text.contains("junction"), names)
        };
        for _ in 0..2 {
            let (outcome, last) = meanwhile(&path, u64::MAX, || install(&file));
            assert!(matches!(outcome, Err(FileProblem::Busy(_))), "{outcome:?}");
            assert_eq!((last, others_only()), (ATTEMPTS as u64, (false, 1)));
        }
        // One moment of peace is enough, and what the other wrote before that is there.
        let (outcome, last) = meanwhile(&path, ATTEMPTS as u64 - 1, || install(&file));
        assert_eq!((outcome.unwrap(), last), (FileChange::Changed, ATTEMPTS as u64 - 1));
        assert_eq!(others_only(), (true, 2));
        let target = SetupTarget::plain("/".into(), None);
        let plan = |_: &SetupTarget| ClientSettings::of("/".into(), vec![planned(&path)]);
        let (outcome, _) = meanwhile(&path, u64::MAX, || remove(&file, &[], &target, plan));
        assert!(matches!(outcome, Err(FileProblem::Busy(_))), "{outcome:?}");
        assert_eq!(others_only(), (true, 2));
        let (outcome, _) = meanwhile(&path, 1, || remove(&file, &[], &target, plan));
        assert_eq!((outcome.unwrap(), others_only()), (FileChange::Changed, (false, 1)));
    }
}
