//! Compares generated files with what the code says: the pages in `docs/`, and snapshots beside the source.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

fn updating() -> bool {
    std::env::var_os("JUNCTION_UPDATE_DOCS").is_some_and(|value| value == "1")
}

/// Asserts that a page of `docs/` is this text. With `JUNCTION_UPDATE_DOCS=1`, writes the page instead.
pub(crate) fn assert_written(name: &str, text: &str) {
    assert_file(&page(name), text);
}

/// Asserts that a snapshot beside the source is this text. With `JUNCTION_UPDATE_DOCS=1`, writes the snapshot instead.
pub(crate) fn assert_snapshot(name: &str, text: &str) {
    assert_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name), text);
}

fn assert_file(file: &Path, text: &str) {
    if updating() {
        std::fs::write(file, text).unwrap();
    }
    let found = std::fs::read_to_string(file).unwrap_or_default();
    let file = file.display();
    assert!(found == text, "{file} is out of date. Run the tests with JUNCTION_UPDATE_DOCS=1.");
}

/// Asserts that a page of `docs/` has this text between the markers `<!-- section -->` and `<!-- end of section -->`,
/// whatever lies outside the markers. With `JUNCTION_UPDATE_DOCS=1`, writes the section instead.
pub(crate) fn assert_section(name: &str, section: &str, text: &str) {
    let (begin, end) = (format!("<!-- {section} -->\n"), format!("<!-- end of {section} -->\n"));
    let found = std::fs::read_to_string(page(name)).unwrap_or_default();
    let parts =
        found.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?)));
    let (before, after) =
        parts.map_or((found.as_str(), ""), |(before, (_, after))| (before, after));
    assert_written(name, &format!("{before}{begin}{text}{end}{after}"));
}

/// Asserts that `docs/man` has these pages of a program, and no other of it. With `JUNCTION_UPDATE_DOCS=1`, writes them.
pub(crate) fn assert_man_pages(program: &str, pages: &BTreeMap<String, String>) {
    let folder = page("man");
    let is_of_program = |name: &String| name.starts_with(program);
    let found = std::fs::read_dir(&folder).into_iter().flatten();
    let found = found.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    for stale in found.filter(is_of_program).filter(|name| !pages.contains_key(name)) {
        assert!(updating(), "docs/man/{stale}: there is no such command.");
        std::fs::remove_file(folder.join(stale)).unwrap();
    }
    for (name, text) in pages {
        assert_written(&format!("man/{name}"), text);
    }
}

/// Asserts that the repository has these files. With `JUNCTION_UPDATE_DOCS=1`, writes them.
pub(crate) fn assert_package_files(files: &BTreeMap<String, String>) {
    for (name, text) in files {
        let file = page("..").join(name);
        if updating() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        }
        assert_file(&file, text);
    }
}
