//! Skills in the folder from which a client reads its user's.

use std::fs;
use std::path::{Path, PathBuf};

use super::file::{FileChange, NO_FILE, Replaced, SettingsFile};
use super::problem::FileProblem;
use crate::packages::{SKILL_FILE, SKILLS, Skill};

/// A skill in a client's folder.
#[derive(Clone, Debug)]
pub(crate) struct SkillFile {
    path: PathBuf,
    text: &'static str,
}

impl SkillFile {
    /// The skill's file in this folder of skills.
    fn new(folder: &Path, skill: &Skill) -> Self {
        Self { path: folder.join(skill.name).join(SKILL_FILE), text: skill.text }
    }

    /// All skills, in this folder.
    pub(crate) fn all(folder: &Path) -> Vec<Self> {
        SKILLS.iter().map(|skill| Self::new(folder, skill)).collect()
    }

    /// The path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether setup has noted that it made the file.
    pub(crate) fn is_recorded(&self) -> bool {
        self.read().is_ok_and(|(_, record)| record.is_some())
    }

    /// Writes the skill, also in place of what an older version wrote. What somebody else has written, or changed since,
    /// stays.
    ///
    /// # Errors
    /// Why the file is left as it is.
    pub(crate) fn install(&self) -> Result<FileChange, FileProblem> {
        let (found, record) = self.read()?;
        let change = self.change(&found, record.as_deref())?;
        if matches!(change, FileChange::Unchanged | FileChange::NotOurs) {
            return Ok(change);
        }
        if found.replace(self.text)? == Replaced::Outdated {
            return Err(FileProblem::Busy(self.path.clone()));
        }
        found.keep_record(&format!("{NO_FILE}{}", self.text))?;
        Ok(change)
    }

    /// What [`install`](Self::install) would do.
    ///
    /// # Errors
    /// Why the file would be left as it is.
    pub(crate) fn preview(&self) -> Result<FileChange, FileProblem> {
        let (found, record) = self.read()?;
        self.change(&found, record.as_deref())
    }

    fn change(
        &self,
        found: &SettingsFile,
        record: Option<&str>,
    ) -> Result<FileChange, FileProblem> {
        Ok(match () {
            () if !found.exists() => FileChange::Created,
            () if found.text()? == self.text => FileChange::Unchanged,
            () if is_as_made(found, record)? => FileChange::Changed,
            () => FileChange::NotOurs,
        })
    }

    /// Deletes the file if setup has made it and nobody has changed it since, and its folder if nothing else is there.
    ///
    /// # Errors
    /// Why the file is left.
    pub(crate) fn remove(&self) -> Result<FileChange, FileProblem> {
        let (found, record) = self.read()?;
        let Some(record) = record else { return Ok(FileChange::Unchanged) };
        let change = match found.exists() {
            true if is_as_made(&found, Some(&record))? || found.text()? == self.text => {
                if found.delete()? == Replaced::Outdated {
                    return Err(FileProblem::Busy(self.path.clone()));
                }
                FileChange::Deleted
            }
            true => FileChange::NotOurs,
            false => FileChange::Unchanged,
        };
        found.remove_backup()?;
        for folder in self.path.ancestors().skip(1).take(2) {
            // Unless something else is there.
            let _ = fs::remove_dir(folder);
        }
        Ok(change)
    }

    fn read(&self) -> Result<(SettingsFile, Option<String>), FileProblem> {
        let found = SettingsFile::read(&self.path, false)?;
        let record = found.backup()?;
        let record = record.map(|record| record.text().map(str::to_owned)).transpose()?;
        Ok((found, record))
    }
}

/// Whether a file is just as setup has made it.
fn is_as_made(found: &SettingsFile, record: Option<&str>) -> Result<bool, FileProblem> {
    let made = record.and_then(|record| record.strip_prefix(NO_FILE));
    Ok(made == Some(found.text()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLDER: &str = "as an older version had it";
    const NEWER: &str = "as this version has it";

    fn skill(folder: &Path, text: &'static str) -> SkillFile {
        SkillFile::new(folder, &Skill { name: "a-skill", text })
    }

    #[test]
    fn skill_is_written_replaced_and_deleted_unless_somebody_has_changed_it() {
        let dir = tempfile::TempDir::new().unwrap();
        let folder = dir.path().join("skills");
        let (older, newer) = (skill(&folder, OLDER), skill(&folder, NEWER));
        let read = || fs::read_to_string(newer.path()).unwrap();
        assert_eq!(older.install().unwrap(), FileChange::Created);
        assert_eq!(older.install().unwrap(), FileChange::Unchanged);
        assert_eq!(newer.install().unwrap(), FileChange::Changed);
        assert_eq!((read().as_str(), newer.is_recorded()), (NEWER, true));
        // Of a newer version, which this one does not know.
        assert_eq!(older.remove().unwrap(), FileChange::Deleted);
        assert!(!folder.exists());
        newer.install().unwrap();
        fs::write(newer.path(), "edited").unwrap();
        assert_eq!(newer.install().unwrap(), FileChange::NotOurs);
        assert_eq!(newer.remove().unwrap(), FileChange::NotOurs);
        assert_eq!((read().as_str(), newer.is_recorded()), ("edited", false));
    }

    #[test]
    fn skill_of_a_person_stays() {
        let dir = tempfile::TempDir::new().unwrap();
        let own = skill(dir.path(), NEWER);
        assert_eq!(own.remove().unwrap(), FileChange::Unchanged);
        for text in ["theirs", NEWER] {
            fs::create_dir_all(own.path().parent().unwrap()).unwrap();
            fs::write(own.path(), text).unwrap();
            let change = own.install().unwrap();
            assert_eq!(change == FileChange::NotOurs, text != NEWER, "{change:?}");
            assert_eq!(own.remove().unwrap(), FileChange::Unchanged);
            assert_eq!(fs::read_to_string(own.path()).unwrap(), text);
        }
    }

    #[test]
    fn other_files_beside_a_skill_stay() {
        let dir = tempfile::TempDir::new().unwrap();
        let own = skill(dir.path(), NEWER);
        own.install().unwrap();
        let other = own.path().with_file_name("notes.md");
        fs::write(&other, "").unwrap();
        assert_eq!(own.remove().unwrap(), FileChange::Deleted);
        assert!(other.exists() && !own.path().exists());
    }
}
