//! The page that a program's own help writes.

use std::path::Path;
use std::process::Command;

/// The help of the hub is in `docs/cli.md` as the real binary prints it; `JUNCTION_UPDATE_DOCS=1` puts it there.
#[test]
fn the_cli_page_shows_the_hubs_help() {
    let help = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_junction-hub")).args(args).output().unwrap();
        format!("```text\n{}\n```\n", String::from_utf8(output.stdout).unwrap().trim_end())
    };
    let help = format!(
        "{}\n### junction-hub rotate\n\n{}",
        help(&["--help"]),
        help(&["rotate", "--help"])
    );
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (begin, end) = ("<!-- junction-hub -->\n", "<!-- end of junction-hub -->");
    let (before, rest) = text.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let wanted = format!("{before}{begin}{help}{end}{after}");
    if std::env::var_os("JUNCTION_UPDATE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(&page, &wanted).unwrap();
    } else {
        assert!(
            text == wanted,
            "docs/cli.md is out of date: run the tests with JUNCTION_UPDATE_DOCS=1"
        );
    }
}
