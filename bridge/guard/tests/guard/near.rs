//! Texts that come as near to a secret as texts without one do: about passwords, how they are given, and what only
//! looks random.

use crate::kind;

#[test]
fn nothing_is_found_in_talk_about_secrets() {
    let texts: Vec<&str> = include_str!("near.txt").split("\n%%\n").collect();
    assert!(texts.len() >= 20, "{}", texts.len());
    let lines = texts.iter().flat_map(|text| text.lines());
    let found: Vec<_> =
        texts.iter().copied().chain(lines).filter_map(|text| Some((kind(text)?, text))).collect();
    assert!(found.is_empty(), "{found:#?}");
}
