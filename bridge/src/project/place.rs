//! Where a file is: the repository that it belongs to, and its path in that, read from `.git` without running git.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use junction_engine::Repository;

use super::git_files::{
    common_dir, config_value, first_line, git_dir, is_git_dir, remote_address, remotes, resolved,
};
use super::machine;
use super::remote_name::RemoteName;

/// The most segments of a path that is looked at.
const MAX_SEGMENTS: usize = 256;
/// How many links to files that do not exist are followed.
const MAX_LINKS: usize = 8;
/// How many local clones of local clones are followed to the repository that they come from.
const MAX_CLONES: usize = 4;

/// A checkout, a bare repository, or a project outside of any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Workplace {
    /// The directory at its top, without links.
    root: PathBuf,
    /// The repository.
    pub(crate) repository: Repository,
}

/// Where a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilePlace {
    /// The repository.
    pub(crate) repository: Repository,
    /// The path in the repository, with `/` between its segments; empty for the repository itself.
    pub(crate) path: String,
}

impl Workplace {
    /// The workplace of a project: the innermost repository around its directory, or else that itself.
    pub(crate) fn of_project(project: &Path) -> Self {
        let project = real_path(project).unwrap_or_else(|| project.to_owned());
        Self::around(&project).unwrap_or_else(|| {
            let name = local_name(&project);
            let repository = Repository { name, ignores_case: ignores_case_here() };
            Self { root: project, repository }
        })
    }

    /// The innermost repository around a path without links.
    fn around(path: &Path) -> Option<Self> {
        path.ancestors().find_map(Self::at)
    }

    /// The workplace whose top this directory is.
    fn at(root: &Path) -> Option<Self> {
        let is_repository = |dir: &PathBuf| first_line(&dir.join("HEAD")).is_some();
        let git_dir = git_dir(root).filter(is_repository).or_else(|| {
            // What is in the folder `.git` belongs to the checkout around it.
            let is_inside = root.file_name().is_some_and(|name| name == ".git");
            (!is_inside && is_git_dir(root)).then(|| root.to_owned())
        })?;
        let common = common_dir(&git_dir);
        let name = repository_name(&common, MAX_CLONES);
        let ignores_case = match config_value(&common, "core", "ignorecase") {
            Some(text) => {
                let text = text.to_ascii_lowercase();
                matches!(text.as_str(), "" | "true" | "yes" | "on" | "1")
            }
            None => ignores_case_here(),
        };
        Some(Self { root: root.to_owned(), repository: Repository { name, ignores_case } })
    }

    /// Where a file is that need not exist, by its path, absolute or relative to a directory: in the innermost repository
    /// around it, or in this workplace, if it is in none. `None` if it is outside of both.
    pub(crate) fn place_of(&self, path: &Path, base: &Path) -> Option<FilePlace> {
        let path = real_path(&base.join(path))?;
        // The file itself is no checkout of its own, but a directory may be.
        match Self::around(&path) {
            Some(workplace) => workplace.place_inside(&path),
            None => self.place_inside(&path),
        }
    }

    /// Where a path is that is to be checked: as for any file, and the top of a checkout also in the repository around it,
    /// which has it as a submodule.
    pub(crate) fn places_to_check(&self, path: &Path, base: &Path) -> Vec<FilePlace> {
        let place = self.place_of(path, base);
        let is_top = place.as_ref().is_some_and(|place| place.path.is_empty());
        let around = || {
            let top = real_path(&base.join(path)).filter(|_| is_top)?;
            Self::around(top.parent()?)?.place_inside(&top)
        };
        let around = around();
        place.into_iter().chain(around).collect()
    }

    /// Where the paths are that a pattern covers, absolute, or relative to the top or to the session's directory: to that if
    /// it begins with `./` or `../`, or with a name that is there and not at the top. What is no path is a name in this
    /// repository. `None` if it leads out of every repository.
    pub(crate) fn place_of_pattern(&self, pattern: &str, project: &Path) -> Option<FilePlace> {
        let project = real_path(project)?;
        let native = if cfg!(windows) { pattern.replace('\\', "/") } else { pattern.to_owned() };
        let base = match native.split('/').next() {
            Some("." | "..") => &project,
            Some(first) if self.is_below_alone(first, &project) => &project,
            _ => &self.root,
        };
        self.place_from(&native, base)
    }

    /// Where the paths are that a pattern covers if it is taken from the top.
    pub(crate) fn place_from_top(&self, pattern: &str) -> Option<FilePlace> {
        let native = if cfg!(windows) { pattern.replace('\\', "/") } else { pattern.to_owned() };
        self.place_from(&native, &self.root)
    }

    /// Whether a name is in a directory below the top, and not at the top.
    fn is_below_alone(&self, name: &str, dir: &Path) -> bool {
        let is_in = |dir: &Path| dir.join(name).symlink_metadata().is_ok();
        !name.is_empty() && !name.contains(['*', '?']) && is_in(dir) && !is_in(&self.root)
    }

    /// Where the paths are that a pattern covers, absolute or relative to a directory of this workplace.
    fn place_from(&self, pattern: &str, base: &Path) -> Option<FilePlace> {
        let is_literal = |segment: &&str| !segment.contains(['*', '?']);
        let literal: Vec<_> = pattern.split('/').take_while(is_literal).collect();
        let rest = pattern.split('/').skip(literal.len());
        let rest: Vec<_> = rest.filter(|segment| !matches!(*segment, "" | ".")).collect();
        if rest.contains(&"..") {
            return None;
        }
        let is_absolute = Path::new(pattern).has_root();
        let top = if is_absolute && literal.len() == 1 { "/" } else { "" };
        let literal = format!("{top}{}", literal.join("/"));
        let place = self.place_of(Path::new(&literal), base).or_else(|| {
            // Behind a link that leads out of the repository, or a name that no file can have.
            let leads_out = is_absolute || literal.split('/').any(|segment| segment == "..");
            let above = self.place_inside(base).filter(|_| !leads_out)?;
            let segments = above.path.split('/').chain(literal.split('/'));
            let segments = segments.filter(|segment| !matches!(*segment, "" | "."));
            Some(FilePlace { path: segments.collect::<Vec<_>>().join("/"), ..above })
        })?;
        let mut segments: Vec<_> = place.path.split('/').filter(|part| !part.is_empty()).collect();
        // A directory whose name has a dot would be taken for a file.
        let is_dotted = segments.last().is_some_and(|name| name.contains('.'));
        let is_directory = || pattern.ends_with('/') || base.join(Path::new(&literal)).is_dir();
        if rest.is_empty() && is_dotted && is_directory() {
            segments.push("**");
        }
        segments.extend(rest);
        let path = if segments.is_empty() { "**".to_owned() } else { segments.join("/") };
        Some(FilePlace { path, ..place })
    }

    fn place_inside(&self, path: &Path) -> Option<FilePlace> {
        let inside = path.strip_prefix(&self.root).ok()?;
        let segments: Vec<_> =
            inside.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        Some(FilePlace { repository: self.repository.clone(), path: segments.join("/") })
    }
}

/// The name of the repository in this directory: that of its remote, or where that is a directory of this machine, that of
/// the repository there.
fn repository_name(common: &Path, clones: usize) -> String {
    let all = remotes(common);
    let remote = all.get("origin").or_else(|| all.first());
    let address = remote.and_then(|name| remote_address(common, name));
    let checkout = checkout_of(common);
    match address.as_deref().and_then(RemoteName::of) {
        Some(RemoteName::Elsewhere(name)) => name,
        Some(RemoteName::Directory(path)) if clones > 0 => {
            let path = resolved(&checkout.join(path));
            let is_repository = |dir: &PathBuf| first_line(&dir.join("HEAD")).is_some();
            match git_dir(&path).or(Some(path)).filter(is_repository) {
                Some(git_dir) => repository_name(&common_dir(&git_dir), clones - 1),
                None => local_name(&checkout),
            }
        }
        _ => local_name(&checkout),
    }
}

/// The directory of the main checkout whose repository this is, or the repository itself, if it is apart from any.
fn checkout_of(common: &Path) -> PathBuf {
    let parent = common.parent().filter(|_| common.file_name().is_some_and(|name| name == ".git"));
    parent.unwrap_or(common).to_owned()
}

/// The name of what is on this machine alone.
fn local_name(dir: &Path) -> String {
    format!("{}:{}", machine().unwrap_or_default(), dir.to_string_lossy())
}

/// Whether file systems of this system usually take names that differ in case alone for one.
fn ignores_case_here() -> bool {
    cfg!(any(windows, target_os = "macos"))
}

/// A path without links, `.` and `..`, of a file that need not exist.
fn real_path(path: &Path) -> Option<PathBuf> {
    let mut path = std::path::absolute(path).ok()?;
    for _ in 0..MAX_LINKS {
        let (real, missing) = existing_part(&path)?;
        let link = missing.first().map(|name| real.join(name));
        match link.and_then(|link| std::fs::read_link(link).ok()) {
            // A link to what is not there: a file that is written by it is made there.
            Some(target) => {
                path = real.join(target);
                path.extend(&missing[1..]);
            }
            None => return Some(joined(real, &missing)),
        }
    }
    None
}

/// The longest part of a path that exists, without links, and the segments behind it.
fn existing_part(path: &Path) -> Option<(PathBuf, Vec<OsString>)> {
    let parts: Vec<Component<'_>> = path.components().collect();
    if parts.len() > MAX_SEGMENTS {
        return None;
    }
    (1..=parts.len()).rev().find_map(|end| {
        let existing: PathBuf = parts[..end].iter().collect();
        let real = existing.canonicalize().ok()?;
        let rest = parts[end..].iter().map(|part| part.as_os_str().to_owned());
        Some((real, rest.collect()))
    })
}

/// A path with segments behind it that do not exist, so that none of them can be a link.
fn joined(mut path: PathBuf, segments: &[OsString]) -> PathBuf {
    for segment in segments {
        if segment == ".." {
            path.pop();
        } else {
            path.push(segment);
        }
    }
    path
}

#[cfg(test)]
mod tests;
