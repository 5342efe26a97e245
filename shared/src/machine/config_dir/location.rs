//! Where the directory is: what the flag or the setting names, or else the system's place for configuration.

use std::path::{Path, PathBuf};

use directories::{BaseDirs, ProjectDirs};

use crate::machine::settings::env_path;

/// The environment variable that names the directory.
pub const CONFIG_DIR: &str = "JUNCTION_CONFIG_DIR";

/// The directory's name in the system's place for configuration.
const NAME: &str = "agent-junction";

/// Why there is no path for the directory: one sentence, then the fix. No value is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// The user has no home directory.
    #[error(
        "There is no home directory for the configuration. Set {CONFIG_DIR} to an absolute path."
    )]
    NoHome,
    /// `HOME` depends on the working directory, or was not expanded.
    #[error("HOME is not an absolute path. Correct it, or set {CONFIG_DIR} to an absolute path.")]
    RelativeHome,
    /// The setting depends on the working directory, or was not expanded.
    #[error(
        "{CONFIG_DIR} must be an absolute path, or begin with ~/. Write the path in full, or unset {CONFIG_DIR}."
    )]
    BadSetting,
    /// The flag depends on the working directory, or was not expanded.
    #[error(
        "--config-dir must be an absolute path, or begin with ~/. Write the path in full, or leave out the flag."
    )]
    BadFlag,
}

/// The path of the directory: the flag, else `JUNCTION_CONFIG_DIR`, else the system's default. No file is touched.
///
/// # Errors
/// [`LocationError`] if that is no path, or one that would depend on the working directory.
pub(super) fn locate(flag: Option<PathBuf>) -> Result<PathBuf, LocationError> {
    let home = home();
    if let Some(flag) = flag {
        return expanded(&flag, home, LocationError::BadFlag);
    }
    if let Some(setting) = env_path(CONFIG_DIR) {
        return expanded(&setting, home, LocationError::BadSetting);
    }
    by_default().ok_or_else(|| home.err().unwrap_or(LocationError::NoHome))
}

/// The path of the directory where neither the flag nor `JUNCTION_CONFIG_DIR` names one.
pub(super) fn by_default() -> Option<PathBuf> {
    let by_system = ProjectDirs::from("", "", NAME).map(|dirs| dirs.config_dir().to_owned());
    // Not found by the line above if there is no home directory at all.
    let by_setting = env_path("XDG_CONFIG_HOME").filter(|_| cfg!(target_os = "linux"));
    let all = by_system.into_iter().chain(by_setting.map(|dir| dir.join(NAME)));
    all.into_iter().find(|path| path.is_absolute())
}

/// The user's home directory.
fn home() -> Result<PathBuf, LocationError> {
    let dirs = BaseDirs::new().ok_or(LocationError::NoHome)?;
    let home = dirs.home_dir();
    if home.is_absolute() { Ok(home.to_owned()) } else { Err(LocationError::RelativeHome) }
}

/// A path as a person writes it in a client's settings. No client expands `~`, so it is expanded here.
fn expanded(
    path: &Path,
    home: Result<PathBuf, LocationError>,
    refusal: LocationError,
) -> Result<PathBuf, LocationError> {
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    let in_home = path.strip_prefix("~").ok().filter(|_| path.as_os_str() != "~");
    Ok(home?.join(in_home.ok_or(refusal)?))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    const REFUSAL: LocationError = LocationError::BadSetting;

    fn in_home(path: &str) -> Result<PathBuf, LocationError> {
        expanded(Path::new(path), Ok("/home/me".into()), REFUSAL)
    }

    #[test]
    fn regression_path_in_the_home_directory_is_expanded() {
        for (path, expected) in [
            ("~/.junction", "/home/me/.junction"),
            ("~//a/b", "/home/me/a/b"),
            ("~/", "/home/me/"),
            ("~/$x", "/home/me/$x"),
            ("/a/~/b", "/a/~/b"),
            ("/", "/"),
        ] {
            assert_eq!(in_home(path), Ok(expected.into()), "{path}");
        }
    }

    #[test]
    fn regression_path_that_depends_on_the_working_directory_is_refused() {
        for path in [
            "~",
            "~me/x",
            "~.junction",
            "x",
            "./x",
            "../x",
            ".",
            "x/~/y",
            "$HOME/x",
            "%USERPROFILE%/x",
            "${HOME",
            " ~/x",
            " /x",
            "'~/x'",
            "\"/x\"",
            "file:///x",
        ] {
            assert_eq!(in_home(path), Err(REFUSAL), "{path}");
        }
    }

    #[test]
    fn directory_that_is_named_is_the_default_one_only_if_its_path_is() {
        use crate::machine::config_dir::ConfigDir;

        assert!(!ConfigDir::at("/named".into()).is_default());
        assert!(by_default().is_none_or(|path| ConfigDir::at(path.join("")).is_default()));
    }

    #[test]
    fn home_is_needed_only_by_a_path_in_it() {
        let without = |path| expanded(Path::new(path), Err(LocationError::NoHome), REFUSAL);
        assert_eq!(without("/x"), Ok("/x".into()));
        assert_eq!(without("~/x"), Err(LocationError::NoHome));
    }
}
