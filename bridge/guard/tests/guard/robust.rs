//! Any text is read without a panic, and in a time that grows with its length alone.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::kind;

/// The longest message.
const LONGEST: usize = 64 * 1024;

/// How long the longest text may take in a build that is not optimised, on a busy machine. One that took a time in
/// the square of its length would need minutes.
const PATIENCE: Duration = Duration::from_secs(4);

/// Pieces that rules begin with, and characters that they run over.
const PIECES: [&str; 47] = [
    "sk-",
    "ghp_",
    "eyJ",
    ".eyJ",
    "-eyJ",
    "://",
    "a://b:",
    "@",
    "=",
    ":",
    "token=",
    "password=\"",
    "\"",
    "'",
    "\\n",
    "%3D",
    "-----BEGIN ",
    "PRIVATE KEY-----",
    "-us",
    ":AA",
    "Q~",
    "AZDO",
    "sl.",
    "ya29.",
    "AAAAAAAAAAAAAAAAAAAAA",
    "sig=",
    "hvs.",
    " is ",
    "--token ",
    "<password>",
    "API key",
    " ",
    "\n",
    "\u{1f511}",
    "é",
    "0",
    "a",
    "-",
    ".",
    "Private-Lines: 1\n",
    "mysql -p",
    "login a password ",
    "password '",
    "identified by ",
    "\u{ff1a}",
    "_auth=",
    "```\n",
];

#[test]
fn texts_made_to_be_slow_are_not() {
    let pairs = PIECES.iter().flat_map(|left| ["", "a", "-"].map(|right| format!("{left}{right}")));
    for piece in pairs.filter(|piece| !piece.is_empty()).chain([
        "A".to_owned(),
        "Aa1".to_owned(),
        "a.".to_owned(),
        ";password=Xy7Kq9".to_owned(),
        " -u a:Xy7Kq9Lm-".to_owned(),
        "\u{200b}=a".to_owned(),
        " -pXy7Kq9Lmz2".to_owned(),
        " mysql -pSample9Xy7".to_owned(),
        "login a password Sample9Xy7 ".to_owned(),
        "token:\nSample9Xy7\n".to_owned(),
        "token\u{ff1a}Sample9Xy7 ".to_owned(),
        "_auth=dXNlcjpwYXNzd29yZA== ".to_owned(),
        "create user identified by Sample9Xy7 ".to_owned(),
    ]) {
        let text = piece.repeat(LONGEST / piece.len());
        let begun = Instant::now();
        kind(&text);
        assert!(begun.elapsed() < PATIENCE, "{piece:?} takes {:?}", begun.elapsed());
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,400}") {
        kind(&text);
    }

    #[test]
    fn no_row_of_pieces_makes_it_panic(picks in proptest::collection::vec(0..PIECES.len(), 0..60)) {
        let text: String = picks.iter().map(|pick| PIECES[*pick]).collect();
        kind(&text);
    }

    #[test]
    fn no_part_of_a_text_makes_it_panic(at in 0..38_000_usize, length in 0..600_usize) {
        let text: String = include_str!("ordinary.txt").chars().skip(at).take(length).collect();
        kind(&text);
    }
}
