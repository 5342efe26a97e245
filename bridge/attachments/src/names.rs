//! File names: how they are compared, and how one that a peer sent becomes harmless.

use std::borrow::Cow;

/// The most bytes of a file name that is shown or sent.
const MAX_NAME: usize = 120;
/// The most bytes of an ending that a shortened name keeps, with its dot.
const MAX_ENDING: usize = 16;
/// The name of a file that has none left.
const NAMELESS: &str = "attachment";

/// The names of Windows' devices, which are devices with any ending and in any folder. Source: Microsoft's "Naming Files,
/// Paths, and Namespaces".
const DEVICES: [&str; 30] = [
    "con", "prn", "aux", "nul", "conin$", "conout$", "com1", "com2", "com3", "com4", "com5",
    "com6", "com7", "com8", "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8",
    "lpt9", "com¹", "com²", "com³", "lpt¹", "lpt²", "lpt³",
];

/// Whether a character cannot be seen, or changes the direction of the text around it.
pub(crate) fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A name as a file system that is lenient may read it: in one case, without characters that HFS+ ignores, without the
/// dots and blanks at the end that Windows ignores, and without the name of a stream of NTFS.
pub(crate) fn folded(name: &str) -> String {
    let name = name.split(':').next().unwrap_or_default();
    // Upper case first: it joins letters such as the long s with those that file systems take them for.
    let visible = name.chars().filter(|c| !is_unseen(*c)).flat_map(char::to_uppercase);
    let mut folded: String = visible.flat_map(char::to_lowercase).collect();
    folded.truncate(folded.trim_end_matches(['.', ' ']).len());
    folded
}

/// Whether Windows takes a name for something else than a file of this name.
pub(crate) fn is_odd_on_windows(name: &str) -> bool {
    name.ends_with(['.', ' ']) || name.contains(['\\', '/', ':']) || is_device(name)
}

fn is_device(name: &str) -> bool {
    let stem = name.split(['.', ':']).next().unwrap_or_default().trim_end();
    DEVICES.contains(&&*stem.to_lowercase())
}

/// A file name that is shown and sent, made from any text: one name without separators, control characters and characters
/// that cannot be seen, of at most 120 bytes.
#[must_use]
pub fn safe_name(name: &str) -> String {
    let harmful = |c: char| c.is_control() || is_unseen(c) || r#"/\:*?"<>|"#.contains(c);
    let clean: String = name.chars().map(|c| if harmful(c) { '_' } else { c }).collect();
    let clean = clean.trim().trim_end_matches(['.', ' ']);
    let short = shortened(clean);
    if short.is_empty() {
        NAMELESS.to_owned()
    } else if is_device(&short) {
        format!("_{short}")
    } else {
        short.into_owned()
    }
}

/// A name of fewer bytes than the most, so that another can be put before it. It keeps its ending.
fn shortened(name: &str) -> Cow<'_, str> {
    if name.len() < MAX_NAME {
        return name.into();
    }
    let ending = name.rfind('.').map_or("", |dot| &name[dot..]);
    let ending = if ending.len() <= MAX_ENDING { ending } else { "" };
    let most = MAX_NAME - 1 - ending.len();
    let end = (0..=most).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    format!("{}{ending}", name[..end].trim_end_matches(['.', ' '])).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_file_system_takes_for_another_are_folded_into_it() {
        for name in
            [".git", ".GIT", ".Git.", ".git . .", ".g\u{200c}it", ".git::$INDEX_ALLOCATION", ".gıt"]
        {
            assert_eq!(folded(name), ".git", "{name:?}");
        }
        assert_eq!(folded(".v\u{17f}code"), ".vscode");
        assert_eq!(folded(".\u{212a}ube"), ".kube");
        assert_ne!(folded("git"), ".git");
    }

    #[test]
    fn any_text_becomes_a_safe_name() {
        for (name, safe) in [
            ("notes.txt", "notes.txt"),
            ("../../etc/passwd", ".._.._etc_passwd"),
            (r"..\x", ".._x"),
            ("a\u{202e}txt.exe", "a_txt.exe"),
            ("a\0b\nc", "a_b_c"),
            ("", "attachment"),
            ("..", "attachment"),
            (" . ", "attachment"),
            ("nul", "_nul"),
            ("CON.txt", "_CON.txt"),
            ("x:y", "x_y"),
            (".env", ".env"),
            ("grüße.md", "grüße.md"),
        ] {
            assert_eq!(safe_name(name), safe, "{name:?}");
        }
        let long = safe_name(&format!("{}.tar.gz", "ü".repeat(200)));
        assert!(long.len() <= MAX_NAME && long.ends_with("ü.gz"), "{long}");
        assert!(safe_name(&".".repeat(500)) == "attachment");
        assert!(safe_name(&format!("con.{}", "x".repeat(500))).len() <= MAX_NAME);
    }

    proptest::proptest! {
        #[test]
        fn safe_names_are_short_single_names(name in ".*") {
            let safe = safe_name(&name);
            proptest::prop_assert!(safe.len() <= MAX_NAME && !safe.is_empty());
            proptest::prop_assert!(!is_odd_on_windows(&safe), "{}", safe);
            let path = std::path::Path::new(&safe);
            proptest::prop_assert_eq!(path.file_name(), Some(path.as_os_str()));
            proptest::prop_assert_eq!(safe_name(&safe), safe);
        }
    }
}
