//! The project that an agent works on: the names of its repository and branch, read from `.git` without running git. The
//! names are untrusted, so they become labels.

use std::path::{Path, PathBuf};

use junction_engine::label;
use junction_shared::machine::settings::env_path;

mod git_files;
pub(crate) mod place;
mod remote_name;

use git_files::{config_value, first_line, git_dir, is_git_dir, remote_address, resolved};

/// The most directories beside a checkout or repository in which the main checkout is looked for.
const MAX_BESIDE: usize = 256;
/// How many folders are looked at, upwards, for a project's name.
const MAX_CLIMB: usize = 4;
/// Names of bare repositories that say what they are and not which project they hold.
const GENERIC: [&str; 5] = ["bare", "git", "repo", "repository", "src"];
/// Names of folders that say which branch is checked out there and not which project.
const BRANCHES: [&str; 7] = ["dev", "develop", "main", "master", "release", "stable", "trunk"];

/// A project's names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Project {
    /// What people call the repository: the folder name of its main checkout, or the name of its bare repository; `None`
    /// outside of a repository.
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

    /// The project whose checkout, or repository, is this directory.
    fn at(checkout: &Path) -> Option<Self> {
        let (git_dir, repo) = match git_dir(checkout) {
            Some(git_dir) => {
                let repo = checkout_name(checkout, &git_dir);
                (git_dir, repo)
            }
            None if is_git_dir(checkout) => (checkout.to_owned(), repository_name(checkout)),
            None => return None,
        };
        let head = first_line(&git_dir.join("HEAD"))?;
        let branch = head.strip_prefix("ref: refs/heads/");
        // With the reftable format, HEAD holds this placeholder.
        let branch = branch.filter(|branch| *branch != ".invalid").and_then(label);
        Some(Self { repo, branch })
    }
}

/// The project's name, seen from a checkout.
fn checkout_name(checkout: &Path, git_dir: &Path) -> Option<String> {
    let Some(common) = first_line(&git_dir.join("commondir")) else {
        return main_name(checkout, git_dir);
    };
    let common = resolved(&git_dir.join(common));
    match main_checkout(checkout, &common) {
        Some(main) => main_name(&main, &common),
        // A repository apart from its checkout is named for itself, and its origin for the project.
        None if config_value(&common, "core", "bare").as_deref() == Some("false") => {
            origin_name(&common).or_else(|| repository_name(&common))
        }
        None => repository_name(&common),
    }
}

/// The name of a main checkout: that of its folder. If that is a branch's, the checkouts of all branches lie side by side,
/// and the project has the name that its origin or their common folder has.
fn main_name(main: &Path, git_dir: &Path) -> Option<String> {
    let name = folder(main)?;
    if !BRANCHES.contains(&name.as_str()) {
        return Some(name);
    }
    let origin = origin_name(git_dir);
    let has_worktrees = || git_dir.join("worktrees").is_dir();
    let common = || resolved(main).parent().filter(|_| has_worktrees()).and_then(folder);
    origin.or_else(common).or(Some(name))
}

/// The name in the address of a repository's origin.
fn origin_name(git_dir: &Path) -> Option<String> {
    url_name(&remote_address(git_dir, "origin")?)
}

/// The last part of a remote's address, without its `.git`.
fn url_name(url: &str) -> Option<String> {
    let path = url.trim_end_matches('/');
    let last = path.rsplit(['/', ':', '\\']).next()?;
    let name = last.strip_suffix(".git").unwrap_or(last);
    let is_named = !name.is_empty() && !name.starts_with('.') && !GENERIC.contains(&name);
    is_named.then(|| label(name)).flatten()
}

/// The main checkout of the repository that a worktree belongs to; nothing for a bare repository.
fn main_checkout(worktree: &Path, common: &Path) -> Option<PathBuf> {
    if common.file_name().is_some_and(|name| name == ".git") {
        return common.parent().map(Path::to_owned);
    }
    // Of a submodule.
    if let Some(checkout) = config_value(common, "core", "worktree") {
        return Some(common.join(checkout));
    }
    // Git keeps no way from a repository elsewhere back to its main checkout. What leads there is the checkout's own file
    // `.git`, around the worktree or beside it or beside the repository.
    let is_main = |dir: &PathBuf| git_dir(dir).is_some_and(|git_dir| resolved(&git_dir) == common);
    let around = worktree.ancestors().skip(1).map(Path::to_owned).find(is_main);
    let beside = || {
        let places = [worktree.parent(), common.parent()].into_iter().flatten();
        let entries =
            places.flat_map(|place| place.read_dir().into_iter().flatten().take(MAX_BESIDE));
        entries.filter_map(|entry| Some(entry.ok()?.path())).find(is_main)
    };
    around.or_else(beside)
}

/// The name of a repository without a main checkout: its own, or if that is no project's name, that of the nearest folder
/// around it that has one.
fn repository_name(git_dir: &Path) -> Option<String> {
    let path = resolved(git_dir);
    let is_named = |path: &&Path| {
        let name = path.file_name().map(|name| name.to_string_lossy());
        let stem = name.as_deref().map(|name| name.strip_suffix(".git").unwrap_or(name));
        stem.is_some_and(|stem| {
            let plain = stem.trim_start_matches(['.', '_']);
            !stem.starts_with('.') && !stem.is_empty() && !GENERIC.contains(&plain)
        })
    };
    let home = env_path("HOME");
    let is_below_home = |path: &&Path| home.as_deref() != Some(*path);
    let named = path.ancestors().take(MAX_CLIMB).take_while(is_below_home).find(is_named);
    named.or(Some(&path)).and_then(folder)
}

/// A folder's name, without the `.git` of a bare repository.
fn folder(path: &Path) -> Option<String> {
    let name = resolved(path).file_name()?.to_string_lossy().into_owned();
    label(name.strip_suffix(".git").filter(|stem| !stem.is_empty()).unwrap_or(&name))
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
    fn regression_bare_repository_deep_in_the_projects_folder_has_the_folders_name() {
        let dir = tree(&[
            ("shop/.repos/.bare/worktrees/a/HEAD", "ref: refs/heads/a\n"),
            ("shop/.repos/.bare/worktrees/a/commondir", "../..\n"),
            ("shop/a/.git", "gitdir: ../.repos/.bare/worktrees/a\n"),
        ]);
        assert_eq!(seen(&dir, "shop/a"), (some("shop"), some("a")));
    }

    #[test]
    fn regression_worktree_of_a_repository_apart_from_its_checkout_has_the_name_of_the_origin() {
        let dir = tree(&[
            (
                "data/sep.git/config",
                "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = x:y/shop.git\n",
            ),
            ("data/sep.git/worktrees/a/HEAD", "ref: refs/heads/a\n"),
            ("data/sep.git/worktrees/a/commondir", "../..\n"),
            ("far/a/.git", "gitdir: ../../data/sep.git/worktrees/a\n"),
        ]);
        assert_eq!(seen(&dir, "far/a"), (some("shop"), some("a")));
    }

    #[test]
    fn regression_bare_repository_in_the_projects_folder_has_the_folders_name() {
        for bare in [".bare", ".git", "bare", "repo.git", ".shop.git", "_bare", ".repo"] {
            let dir = tree(&[
                (&format!("shop/{bare}/HEAD"), "ref: refs/heads/main\n"),
                (&format!("shop/{bare}/config"), "[core]\n\tbare = true\n"),
                (&format!("shop/{bare}/objects/x"), ""),
                (&format!("shop/{bare}/refs/x"), ""),
                (&format!("shop/{bare}/worktrees/main/HEAD"), "ref: refs/heads/main\n"),
                (&format!("shop/{bare}/worktrees/main/commondir"), "../..\n"),
                ("shop/main/.git", &format!("gitdir: ../{bare}/worktrees/main\n")),
            ]);
            for from in ["shop/main", "shop/main/src", &format!("shop/{bare}")] {
                assert_eq!(seen(&dir, from), (some("shop"), some("main")), "{bare}, {from}");
            }
            if bare != ".git" {
                // As it is often set up, so that git works in the project's folder, too.
                write(dir.path().join("shop/.git"), format!("gitdir: ./{bare}\n")).unwrap();
                for from in ["shop", "shop/main", "shop/docs"] {
                    assert_eq!(seen(&dir, from).0, some("shop"), "{bare}, {from}");
                }
            }
        }
    }

    /// A checkout in `shop` whose repository is elsewhere, and its worktree.
    fn separate(repository: &str, worktree: &str, config: &str) -> TempDir {
        let dir = tree(&[
            (&format!("{repository}/HEAD"), "ref: refs/heads/main\n"),
            (&format!("{repository}/config"), config),
            (&format!("{repository}/worktrees/fix/HEAD"), "ref: refs/heads/fix\n"),
            (&format!("{repository}/worktrees/fix/commondir"), "../..\n"),
        ]);
        let repository = dir.path().join(repository);
        for (checkout, git_dir) in
            [("code/shop", repository.clone()), (worktree, repository.join("worktrees/fix"))]
        {
            create_dir_all(dir.path().join(checkout)).unwrap();
            let text = format!("gitdir: {}\n", git_dir.display());
            write(dir.path().join(checkout).join(".git"), text).unwrap();
        }
        dir
    }

    #[test]
    fn regression_worktree_of_a_separate_repository_has_the_name_of_the_main_checkout() {
        let config = "[core]\n\tbare = false\n";
        for (repository, worktree) in [
            ("data/x.git", "code/shop-fix"),
            ("data/x.git", "code/fix"),
            ("data/.x", "code/shop/.worktrees/fix"),
            ("code/x", "elsewhere/fix"),
        ] {
            let dir = separate(repository, worktree, config);
            assert_eq!(seen(&dir, "code/shop").0, some("shop"), "{repository}");
            assert_eq!(
                seen(&dir, worktree),
                (some("shop"), some("fix")),
                "{repository}, {worktree}"
            );
        }
        // Where nothing leads to the main checkout, the configuration may.
        let config =
            "[core] ; of the repository\n\tworktree = \"../../code/shop\"\n[x]\n\tworktree = y\n";
        let dir = separate("data/x.git", "elsewhere/fix", config);
        assert_eq!(seen(&dir, "elsewhere/fix").0, some("shop"));
        let dir = separate("data/shop-data.git", "elsewhere/fix", "[core]\n");
        assert_eq!(seen(&dir, "elsewhere/fix").0, some("shop-data"));
    }

    #[test]
    fn regression_checkouts_named_after_branches_have_the_name_of_their_project() {
        let layout = |config: &str| {
            tree(&[
                ("shop/main/.git/HEAD", "ref: refs/heads/main\n"),
                ("shop/main/.git/config", config),
                ("shop/main/.git/worktrees/fix/HEAD", "ref: refs/heads/fix\n"),
                ("shop/main/.git/worktrees/fix/commondir", "../..\n"),
                ("shop/fix/.git", "gitdir: ../main/.git/worktrees/fix\n"),
            ])
        };
        for (config, name) in [
            ("", "shop"),
            ("[remote \"origin\"]\n\turl = git@example.org:me/store.git\n", "store"),
            ("[remote \"origin\"]\n\turl = https://example.org/me/store/\n", "store"),
            ("[remote \"origin\"]\n\turl = /srv/store/.git\n", "shop"),
            ("[remote \"fork\"]\n\turl = /srv/store.git\n", "shop"),
        ] {
            let dir = layout(config);
            for from in ["shop/main", "shop/main/src", "shop/fix"] {
                assert_eq!(seen(&dir, from).0, some(name), "{config}, {from}");
            }
        }
        // Without worktrees and origin, its name is all that is known.
        let dir = tree(&[("shop/main/.git/HEAD", "ref: refs/heads/main\n")]);
        assert_eq!(seen(&dir, "shop/main").0, some("main"));
    }

    #[test]
    fn regression_worktree_of_a_submodule_has_the_name_of_the_submodule() {
        let dir = tree(&[
            ("shop/.git/HEAD", "ref: refs/heads/main\n"),
            ("shop/.git/modules/vendor/lib/config", "[core]\n\tworktree = ../../../../lib\n"),
            ("shop/.git/modules/vendor/lib/worktrees/fix/HEAD", "ref: refs/heads/fix\n"),
            ("shop/.git/modules/vendor/lib/worktrees/fix/commondir", "../..\n"),
            ("shop/lib/.git", "gitdir: ../.git/modules/vendor/lib\n"),
            ("fix/.git", "gitdir: ../shop/.git/modules/vendor/lib/worktrees/fix\n"),
        ]);
        assert_eq!(seen(&dir, "fix"), (some("lib"), some("fix")));
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
