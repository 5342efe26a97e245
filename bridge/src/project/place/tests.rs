//! Repositories as they lie on disks, and where files are in them.

use std::fs::{create_dir_all, write};

use tempfile::TempDir;

use super::*;

/// A new directory, and its path without links.
struct Disk {
    _dir: TempDir,
    top: PathBuf,
}

impl Disk {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let path = dir.path().canonicalize().unwrap();
        Self { _dir: dir, top: path }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.top.join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        create_dir_all(path.parent().unwrap()).unwrap();
        write(path, text).unwrap();
    }

    /// A checkout with its repository in it.
    fn checkout(&self, path: &str, config: &str) {
        self.write(&format!("{path}/.git/HEAD"), "ref: refs/heads/main\n");
        self.write(&format!("{path}/.git/config"), config);
    }

    /// A worktree of the checkout.
    fn worktree(&self, path: &str, of: &str) {
        let git_dir = format!("{of}/.git/worktrees/w");
        self.write(&format!("{git_dir}/HEAD"), "ref: refs/heads/w\n");
        self.write(&format!("{git_dir}/commondir"), "../..\n");
        let text = format!("gitdir: {}\n", self.path(&git_dir).display());
        self.write(&format!("{path}/.git"), &text);
    }

    /// The name and the path of a file, seen from a project.
    fn place(&self, project: &str, file: &str) -> Option<(String, String)> {
        let project = self.path(project);
        let place = Workplace::of_project(&project).place_of(Path::new(file), &project)?;
        Some((place.repository.name, place.path))
    }

    /// The name of what has no remote.
    fn local(&self, path: &str) -> String {
        format!("{}:{}", machine().unwrap(), self.path(path).display())
    }
}

const REMOTE: &str =
    "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = https://u:secret@host/a/Shop.git\n";

fn found(name: &str, path: &str) -> Option<(String, String)> {
    Some((name.to_owned(), path.to_owned()))
}

#[test]
fn file_is_in_its_repository_by_any_path() {
    let disk = Disk::new();
    disk.checkout("shop", REMOTE);
    disk.write("shop/src/lib.rs", "");
    let whole = disk.path("shop/src/lib.rs");
    for file in
        ["src/lib.rs", "./src/../src/./lib.rs", "../shop/src/lib.rs", whole.to_str().unwrap()]
    {
        assert_eq!(disk.place("shop", file), found("host/a/shop", "src/lib.rs"), "{file}");
    }
    assert_eq!(disk.place("shop/src", "lib.rs"), found("host/a/shop", "src/lib.rs"));
    assert_eq!(disk.place("shop", "."), found("host/a/shop", ""));
}

#[test]
fn file_need_not_exist_yet() {
    let disk = Disk::new();
    disk.checkout("shop", REMOTE);
    for file in ["new/deep/x.rs", "new/gone/../deep/x.rs"] {
        assert_eq!(disk.place("shop", file), found("host/a/shop", "new/deep/x.rs"), "{file}");
    }
    assert_eq!(disk.place("shop", "gone/../../outside.rs"), None);
}

#[test]
fn worktrees_are_the_same_repository() {
    let disk = Disk::new();
    for config in [REMOTE, ""] {
        disk.checkout("shop", config);
        disk.worktree("fix", "shop");
        let name = disk.place("shop", "a.rs").unwrap().0;
        assert_eq!(disk.place("fix", "src/a.rs"), found(&name, "src/a.rs"));
        assert_eq!(name, if config.is_empty() { disk.local("shop") } else { "host/a/shop".into() });
    }
}

#[test]
fn local_clone_is_the_repository_that_it_comes_from() {
    let disk = Disk::new();
    let cloned = |from: &str| format!("[remote \"origin\"]\n\turl = {from}\n");
    disk.checkout("main", "");
    disk.checkout("one", &cloned(disk.path("main").to_str().unwrap()));
    disk.checkout("two", &cloned("../one"));
    for clone in ["main", "one", "two"] {
        assert_eq!(disk.place(clone, "a"), found(&disk.local("main"), "a"), "{clone}");
    }
    disk.checkout("main", REMOTE);
    assert_eq!(disk.place("two", "a"), found("host/a/shop", "a"));
    // Two that name each other end somewhere.
    disk.checkout("main", &cloned("../two"));
    assert!(disk.place("two", "a").is_some());
    disk.checkout("gone", &cloned("/nowhere/at/all"));
    assert_eq!(disk.place("gone", "a"), found(&disk.local("gone"), "a"));
}

#[test]
fn regression_remote_is_found_as_git_reads_its_configuration() {
    let disk = Disk::new();
    for config in [
        "[remote \"origin\"]\n\turl = host:a/shop\n\turl = mirror:b/copy\n",
        "[remote \"origin\"]\n\turl = host:a/shop # the first\n",
        "[remote \"origin\"]\n\turl = \"host:a/shop\" ; the first\n",
        "[remote \"origin\"] url = host:a/shop\n",
        "[core] bare = false\n[remote \"origin\"]\n# [remote \"other\"]\n\turl = \"host:a\"/shop\n",
    ] {
        disk.checkout("shop", config);
        assert_eq!(disk.place("shop", "a"), found("host/a/shop", "a"), "{config}");
    }
    // A comment begins outside of quotes alone.
    let local = disk.path("main #1");
    disk.checkout("main #1", REMOTE);
    disk.checkout("shop", &format!("[remote \"origin\"]\n\turl = \"{}\" # x\n", local.display()));
    assert_eq!(disk.place("shop", "a"), found("host/a/shop", "a"));
}

#[test]
fn first_remote_counts_where_none_is_the_origin() {
    let disk = Disk::new();
    disk.checkout("shop", "[remote \"z\"]\n\turl = host:z\n[remote \"b\"]\n\turl = host:b/c\n");
    assert_eq!(disk.place("shop", "a"), found("host/b/c", "a"));
}

#[test]
fn submodule_is_a_repository_of_its_own() {
    let disk = Disk::new();
    disk.checkout("shop", REMOTE);
    disk.write("shop/.git/modules/lib/HEAD", "ref: refs/heads/main\n");
    disk.write("shop/.git/modules/lib/config", "[remote \"origin\"]\n\turl = git@host:a/lib.git\n");
    disk.write("shop/vendor/lib/.git", "gitdir: ../../.git/modules/lib\n");
    assert_eq!(disk.place("shop", "vendor/lib/src/x.c"), found("host/a/lib", "src/x.c"));
    assert_eq!(disk.place("shop", "vendor/x.c"), found("host/a/shop", "vendor/x.c"));
    let project = disk.path("shop");
    let checked = |path: &str| {
        let places = Workplace::of_project(&project).places_to_check(Path::new(path), &project);
        places.into_iter().filter_map(|at| found(&at.repository.name, &at.path)).collect::<Vec<_>>()
    };
    let places = [found("host/a/lib", ""), found("host/a/shop", "vendor/lib")];
    assert_eq!(checked("vendor/lib").into_iter().map(Some).collect::<Vec<_>>(), places);
    for (path, name) in
        [("vendor/lib/x.c", "host/a/lib"), ("vendor", "host/a/shop"), (".", "host/a/shop")]
    {
        let names: Vec<_> = checked(path).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, [name], "{path}");
    }
}

#[test]
fn outside_of_a_repository_it_is_the_project() {
    let disk = Disk::new();
    create_dir_all(disk.path("notes")).unwrap();
    assert_eq!(disk.place("notes", "a/b.md"), found(&disk.local("notes"), "a/b.md"));
    assert_eq!(disk.place("notes", "../other.md"), None);
    disk.checkout("shop", REMOTE);
    assert_eq!(disk.place("notes", "../shop/x"), found("host/a/shop", "x"));
    assert_eq!(disk.place("shop", "../notes/a"), None);
}

#[test]
fn bare_repository_and_the_folder_of_git_belong_where_they_are() {
    let disk = Disk::new();
    disk.checkout("shop", REMOTE);
    disk.write("shop/.git/objects/x", "");
    disk.write("shop/.git/refs/x", "");
    assert_eq!(disk.place("shop", ".git/config"), found("host/a/shop", ".git/config"));
    for file in ["HEAD", "objects/x", "refs/x"] {
        disk.write(&format!("bare.git/{file}"), "ref: refs/heads/main\n");
    }
    assert_eq!(disk.place("bare.git", "hooks/x"), found(&disk.local("bare.git"), "hooks/x"));
}

#[test]
fn damaged_repository_is_none() {
    let disk = Disk::new();
    create_dir_all(disk.path("shop/.git")).unwrap();
    disk.write("shop/inner/.git", "nonsense");
    assert_eq!(disk.place("shop", "inner/x"), found(&disk.local("shop"), "inner/x"));
    let deep = vec!["a"; 400].join("/");
    assert_eq!(disk.place("shop", &deep), None);
}

#[test]
fn case_counts_unless_the_repository_ignores_it() {
    let disk = Disk::new();
    for (setting, ignores) in [
        ("ignorecase = true", true),
        ("ignoreCase = Yes", true),
        ("ignorecase", true),
        ("ignorecase = false", false),
        ("x = y", cfg!(any(windows, target_os = "macos"))),
    ] {
        disk.checkout("shop", &format!("[core]\n\t{setting}\n"));
        let repository = Workplace::of_project(&disk.path("shop")).repository;
        assert_eq!(repository.ignores_case, ignores, "{setting}");
    }
}

#[cfg(unix)]
#[test]
fn links_lead_to_the_files_behind_them() {
    use std::os::unix::fs::symlink;

    let disk = Disk::new();
    disk.checkout("shop", REMOTE);
    disk.write("shop/src/lib.rs", "");
    symlink(disk.path("shop"), disk.path("link")).unwrap();
    symlink("src", disk.path("shop/alias")).unwrap();
    symlink("src/lib.rs", disk.path("shop/one.rs")).unwrap();
    symlink("src/later.rs", disk.path("shop/two.rs")).unwrap();
    symlink("round.rs", disk.path("shop/round.rs")).unwrap();
    assert_eq!(disk.place("link", "src/lib.rs"), found("host/a/shop", "src/lib.rs"));
    assert_eq!(disk.place("link", "alias/new.rs"), found("host/a/shop", "src/new.rs"));
    assert_eq!(disk.place("shop", "one.rs"), found("host/a/shop", "src/lib.rs"));
    assert_eq!(disk.place("shop", "two.rs"), found("host/a/shop", "src/later.rs"));
    assert_eq!(disk.place("shop", "round.rs"), None);
    // By a link, what is above is above the directory that the link leads to.
    symlink(disk.path("shop/src"), disk.path("inside")).unwrap();
    assert_eq!(disk.place("shop", "../inside/../x.rs"), found("host/a/shop", "x.rs"));
}

#[cfg(unix)]
#[test]
fn names_that_are_no_text_are_shown_as_well_as_they_can_be() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let disk = Disk::new();
    disk.checkout("shop", REMOTE);
    let odd = OsStr::from_bytes(b"src/\xffx.rs");
    let workplace = Workplace::of_project(&disk.path("shop"));
    let place = workplace.place_of(Path::new(odd), &disk.path("shop")).unwrap();
    assert_eq!(place.path, "src/\u{fffd}x.rs");
    let folder = disk.top.join(OsStr::from_bytes(b"\xfe"));
    create_dir_all(&folder).unwrap();
    let git_dir = disk.path("shop/.git");
    let line = [b"gitdir: ".as_slice(), git_dir.as_os_str().as_bytes(), b"\n"].concat();
    write(folder.join(".git"), line).unwrap();
    assert_eq!(Workplace::of_project(&folder).repository.name, "host/a/shop");
}

#[test]
fn patterns_are_below_the_repository_wherever_the_project_is() {
    let disk = Disk::new();
    disk.checkout("shop", REMOTE);
    disk.checkout("shop/vendor/lib", "[remote \"origin\"]\n\turl = host:a/lib\n");
    disk.write("shop/src/x.rs", "");
    disk.write("shop/api/v1.2/x.rs", "");
    let workplace = Workplace::of_project(&disk.path("shop/src"));
    let place = |pattern: &str| {
        let place = workplace.place_of_pattern(pattern, &disk.path("shop/src"))?;
        Some((place.repository.name, place.path))
    };
    for (pattern, path) in [
        ("src/x.rs", "src/x.rs"),
        ("src/", "src"),
        ("./src/", "src/src"),
        ("api/v1.2", "api/v1.2/**"),
        ("lib.d/", "lib.d/**"),
        ("src/**/*.rs", "src/**/*.rs"),
        ("src//./*.rs", "src/*.rs"),
        ("**", "**"),
        ("**/", "**"),
        (".", "src"),
        ("..", "**"),
        ("../x", "x"),
        ("./*.rs", "src/*.rs"),
        ("[id].tsx", "[id].tsx"),
        ("the login page", "the login page"),
        ("deploy: eu/west", "deploy: eu/west"),
    ] {
        assert_eq!(place(pattern), found("host/a/shop", path), "{pattern}");
    }
    let absolute = format!("{}/*/new.rs", disk.path("shop").display());
    assert_eq!(place(&absolute), found("host/a/shop", "*/new.rs"));
    assert_eq!(place("vendor/lib/src/*"), found("host/a/lib", "src/*"));
    assert_eq!(place("vendor/*/src"), found("host/a/shop", "vendor/*/src"));
    for outside in ["../../x", "src/*/../y", "/", "/*", "/nowhere/at/all", "../../*"] {
        assert_eq!(place(outside), None, "{outside}");
    }
}

#[test]
fn regression_path_below_the_session_alone_is_taken_from_there() {
    let disk = Disk::new();
    disk.checkout("shop", REMOTE);
    disk.write("shop/src/auth/login.rs", "");
    disk.write("shop/src/both/x.rs", "");
    disk.write("shop/both/x.rs", "");
    let project = disk.path("shop/src");
    let workplace = Workplace::of_project(&project);
    let place = |pattern: &str| Some(workplace.place_of_pattern(pattern, &project)?.path);
    for (pattern, path) in [
        ("auth", "src/auth"),
        ("auth/*.rs", "src/auth/*.rs"),
        ("auth/new.rs", "src/auth/new.rs"),
        ("both", "both"),
        ("./both", "src/both"),
        ("../auth", "auth"),
        ("src/auth", "src/auth"),
        ("new", "new"),
        ("*/login.rs", "*/login.rs"),
    ] {
        assert_eq!(place(pattern).as_deref(), Some(path), "{pattern}");
    }
    assert_eq!(workplace.place_from_top("auth").unwrap().path, "auth");
}
