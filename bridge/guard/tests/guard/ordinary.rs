//! Texts that hold no secret: what agents write to each other, and the documentation of this project.

use std::fs;
use std::path::{Path, PathBuf};

use crate::kind;

#[test]
fn nothing_is_found_in_200_texts_of_ordinary_engineering_talk() {
    let all = include_str!("ordinary.txt");
    let texts: Vec<&str> = all.split("\n%%\n").collect();
    assert_eq!(texts.len(), 200);
    assert!(texts.iter().filter(|text| text.len() > 1_000).count() >= 6, "some are long");
    let found: Vec<_> = texts.iter().filter_map(|text| Some((kind(text)?, *text))).collect();
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!(kind(all), None, "as one message");
}

#[test]
fn nothing_is_found_in_the_documentation_of_this_project() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files: Vec<PathBuf> =
        ["README.md", "CHANGELOG.md", "SECURITY.md"].iter().map(|name| top.join(name)).collect();
    let docs = fs::read_dir(top.join("docs")).expect("docs is there");
    files.extend(
        docs.map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|end| end == "md")),
    );
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        let text = fs::read_to_string(&file).expect("a text");
        assert_eq!(kind(&text), None, "in {}", file.display());
    }
}
