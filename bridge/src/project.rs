//! The project that an agent works on: the names of its repository and branch, read from `.git` without running git. The
//! names are untrusted, so they become labels.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use junction_engine::label;

/// The most bytes that are read of a file in `.git`, which holds one path or reference.
const MAX_READ: u64 = 4096;

/// A project's names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Project {
    /// The folder name of the repository's main checkout; `None` outside of a repository.
    pub(crate) repo: Option<String>,
    /// The branch; `None` on a detached head.
    pub(crate) branch: Option<String>,
}

impl Project {
    /// The project around a directory, which may be deep inside it.
    pub(crate) fn seen_from(dir: &Path) -> Self {
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        dir.ancestors().find_map(Self::at).unwrap_or_default()
    }

    /// The project whose checkout is this directory.
    fn at(checkout: &Path) -> Option<Self> {
        let git_dir = git_dir(checkout)?;
        let head = first_line(&git_dir.join("HEAD"))?;
        let branch = head.strip_prefix("ref: refs/heads/");
        // With the reftable format, HEAD holds this placeholder.
        let branch = branch.filter(|branch| *branch != ".invalid").and_then(label);
        Some(Self { repo: folder(&main_checkout(checkout, &git_dir)), branch })
    }
}

/// The repository of a checkout: the folder `.git`, or the folder that a file `.git` names, as in worktrees and submodules.
fn git_dir(checkout: &Path) -> Option<PathBuf> {
    let git = checkout.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let line = first_line(&git)?;
    Some(checkout.join(line.strip_prefix("gitdir: ")?))
}

/// The main checkout of a worktree; any other checkout itself.
fn main_checkout(checkout: &Path, git_dir: &Path) -> PathBuf {
    let Some(common) = first_line(&git_dir.join("commondir")) else { return checkout.to_owned() };
    let common = resolved(&git_dir.join(common));
    let of_checkout = common.file_name().is_some_and(|name| name == ".git");
    if of_checkout && let Some(checkout) = common.parent() { checkout.to_owned() } else { common }
}

/// A folder's name, without the `.git` of a bare repository.
fn folder(path: &Path) -> Option<String> {
    let name = resolved(path).file_name()?.to_string_lossy().into_owned();
    label(name.strip_suffix(".git").filter(|stem| !stem.is_empty()).unwrap_or(&name))
}

fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn first_line(path: &Path) -> Option<String> {
    // Reading another kind of file, such as a named pipe, could block forever.
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    File::open(path).ok()?.take(MAX_READ).read_to_string(&mut text).ok()?;
    text.lines().next().map(|line| line.trim_end().to_owned())
}

/// The path in a `file:` URI of this machine (RFC 8089).
pub(crate) fn path_of_uri(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    let path = percent_decoded(path)?;
    // A drive is written `/C:/folder`.
    let drive = cfg!(windows) && path.as_bytes().get(2) == Some(&b':');
    let path = PathBuf::from(if drive { &path[1..] } else { &path });
    path.is_absolute().then_some(path)
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// This machine's name.
#[cfg(unix)]
pub(crate) fn machine() -> Option<String> {
    label(&rustix::system::uname().nodename().to_string_lossy())
}

/// This machine's name.
#[cfg(not(unix))]
pub(crate) fn machine() -> Option<String> {
    let named = |name| std::env::var(name).ok().and_then(|machine| label(&machine));
    named("COMPUTERNAME").or_else(|| named("HOSTNAME"))
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir_all, write};

    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;

    /// A new directory with these files.
    fn tree(files: &[(&str, &str)]) -> TempDir {
        let dir = TempDir::new().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            create_dir_all(path.parent().unwrap()).unwrap();
            write(path, text).unwrap();
        }
        dir
    }

    fn seen(dir: &TempDir, from: &str) -> (Option<String>, Option<String>) {
        let from = dir.path().join(from);
        create_dir_all(&from).unwrap();
        let project = Project::seen_from(&from);
        (project.repo, project.branch)
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn repository_is_found_from_inside() {
        let dir = tree(&[("shop/.git/HEAD", "ref: refs/heads/feature/x\n")]);
        assert_eq!(seen(&dir, "shop/src/deep"), (some("shop"), some("feature/x")));
        assert_eq!(seen(&dir, "elsewhere"), (None, None));
    }

    #[test]
    fn detached_head_has_no_branch() {
        let dir = tree(&[("shop/.git/HEAD", "0123456789abcdef0123456789abcdef01234567\n")]);
        assert_eq!(seen(&dir, "shop"), (some("shop"), None));
    }

    #[test]
    fn worktree_belongs_to_the_main_checkout() {
        let dir = tree(&[
            ("shop/.git/HEAD", "ref: refs/heads/main\n"),
            ("shop/.git/worktrees/hotfix/HEAD", "ref: refs/heads/hotfix\n"),
            ("shop/.git/worktrees/hotfix/commondir", "../..\n"),
            ("shop-hotfix/.git", "gitdir: ../shop/.git/worktrees/hotfix\n"),
        ]);
        assert_eq!(seen(&dir, "shop-hotfix/src"), (some("shop"), some("hotfix")));
    }

    #[test]
    fn worktree_has_the_name_of_its_bare_repository() {
        let dir = tree(&[
            ("shop.git/worktrees/a/HEAD", "ref: refs/heads/a\n"),
            ("shop.git/worktrees/a/commondir", "../..\n"),
            ("a/.git", "gitdir: ../shop.git/worktrees/a\n"),
        ]);
        assert_eq!(seen(&dir, "a"), (some("shop"), some("a")));
    }

    #[test]
    fn submodule_is_a_repository_of_its_own() {
        let dir = tree(&[
            ("shop/.git/HEAD", "ref: refs/heads/main\n"),
            ("shop/.git/modules/lib/HEAD", "ref: refs/heads/v2\n"),
            ("shop/lib/.git", "gitdir: ../.git/modules/lib\n"),
        ]);
        assert_eq!(seen(&dir, "shop/lib/src"), (some("lib"), some("v2")));
    }

    #[test]
    fn damaged_repository_is_ignored() {
        for files in [
            &[("x/.git", "nonsense")][..],
            &[("x/.git", "gitdir: /nowhere")],
            &[("x/.git/config", "")],
            &[("x/.git", "")],
        ] {
            assert_eq!(seen(&tree(files), "x"), (None, None));
        }
        let long = "x".repeat(5000);
        let dir = tree(&[("x/.git/HEAD", &format!("ref: refs/heads/{long}"))]);
        assert_eq!(seen(&dir, "x").1.unwrap().len(), 120);
    }

    #[cfg(unix)]
    #[test]
    fn file_uri_is_a_path() {
        for (uri, path) in [
            ("file:///home/me/shop", Some("/home/me/shop")),
            ("file://localhost/a%20b/%C3%A4", Some("/a b/ä")),
            ("file://elsewhere/a", None),
            ("file:///a%2", None),
            ("file:///a%zz", None),
            ("file:///%ff", None),
            ("https://localhost/a", None),
            ("", None),
        ] {
            assert_eq!(path_of_uri(uri), path.map(PathBuf::from), "{uri}");
        }
    }

    #[test]
    fn machine_has_a_name() {
        assert!(machine().is_some());
    }

    proptest! {
        #[test]
        fn any_uri_is_parsed_without_a_panic(uri: String) {
            let _ = path_of_uri(&format!("file://{uri}"));
        }
    }
}
