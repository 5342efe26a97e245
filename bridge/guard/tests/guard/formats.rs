//! Tokens in the formats that their providers document. They are made here, so none is in the repository.

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;

use crate::dice::Dice;
use crate::kind;

/// How many tokens are tried, and how many of them have to be found.
const TRIED: usize = 200;
const LEAST: usize = 195;

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Sentences and lines that hold a token.
const FRAMES: [&str; 6] = [
    "Use {} for the staging deploy, it expires on Friday.",
    "{}",
    "The log printed \"{}\" before it crashed.",
    "export VALUE={}\nand run it again",
    "Found this in the config: `{}` - shall we rotate it?",
    "{\"jsonrpc\":\"2.0\",\"note\":\"it is\\n{}\\nand works\"}",
];

#[test]
fn of_200_tokens_in_documented_formats_nearly_all_are_found() {
    let formats = formats();
    let mut dice = Dice::new(20_261_129);
    let texts = (0..TRIED).map(|at| {
        let (name, form) = formats[at % formats.len()];
        (
            name,
            FRAMES[(at + at / formats.len()) % FRAMES.len()]
                .replace("{}", &filled(form, &mut dice)),
        )
    });
    let missed: Vec<(&str, String)> = texts.filter(|(_, text)| kind(text).is_none()).collect();
    assert!(TRIED - missed.len() >= LEAST, "{} of {TRIED} missed: {missed:#?}", missed.len());
    print_missed(&missed.iter().map(|(name, _)| *name).collect::<Vec<_>>(), TRIED);
}

#[test]
fn every_format_is_found_in_nearly_every_sentence() {
    let mut dice = Dice::new(7);
    let (mut missed, mut tried) = (Vec::new(), 0);
    for (name, form) in formats() {
        for frame in FRAMES.iter().cycle().take(30) {
            tried += 1;
            if kind(&frame.replace("{}", &filled(form, &mut dice))).is_none() {
                missed.push(name);
            }
        }
    }
    print_missed(&missed, tried);
    assert!(missed.len() * 100 <= tried, "over one in a hundred");
    let mut by_name = BTreeMap::new();
    missed.iter().for_each(|name| *by_name.entry(name).or_insert(0) += 1);
    assert!(by_name.values().all(|count| *count <= 6), "a format is missed often: {by_name:?}");
}

#[test]
fn a_finding_names_the_kind_and_holds_none_of_the_text() {
    let mut dice = Dice::new(3);
    for (_, form) in formats() {
        let found = kind(&filled(form, &mut dice)).unwrap_or("a token");
        assert!(found.starts_with("a ") || found.starts_with("an "), "{found}");
    }
}

/// Prints which formats were missed; `cargo test -- --nocapture` shows it.
#[allow(clippy::print_stderr, reason = "a report for whoever asks for it")]
fn print_missed(missed: &[&str], tried: usize) {
    eprintln!("{} of {tried} tokens found, missed: {missed:?}", tried - missed.len());
}

/// All formats: name and form.
fn formats() -> Vec<(&'static str, &'static str)> {
    let lines = include_str!("formats.tsv").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut columns = line.split('\t');
            let (name, form) = (columns.next().expect("a name"), columns.next().expect("a form"));
            assert!(
                columns.next().is_some_and(|page| page.starts_with("https://")),
                "{name} cites no page"
            );
            (name, form)
        })
        .collect()
}

/// A token of `form`, whose notation is at the top of `formats.tsv`.
fn filled(form: &str, dice: &mut Dice) -> String {
    let mut token = String::new();
    let mut rest = form;
    while let Some((plain, field)) = rest.split_once('{') {
        token.push_str(&plain.replace("\\n", "\n"));
        let (field, after) = field.split_once('}').expect("a field ends");
        match field.split_once(' ') {
            Some((set, length)) => {
                token.push_str(&dice.draw(&set_of(set), length.parse().expect("a length")));
            }
            None if field == "jwt" => token.push_str(&web_token(dice)),
            None => token.push_str(&pem(dice)),
        }
        rest = after;
    }
    token + &rest.replace("\\n", "\n")
}

/// The characters of a set.
fn set_of(name: &str) -> String {
    let alnum = format!("{LOWER}{}", &LETTERS[..26]);
    match name {
        "A" => alnum,
        "a" => LOWER.to_owned(),
        "U" => UPPER.to_owned(),
        "L" => LETTERS.to_owned(),
        "d" => "0123456789".to_owned(),
        "h" => "0123456789abcdef".to_owned(),
        "w" => alnum + "_-",
        "b" => alnum + "+/",
        "2" => format!("{}234567", &LETTERS[..26]),
        "8" => "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L".to_owned(),
        other => panic!("no set {other}"),
    }
}

/// A JSON web token with a random signature.
fn web_token(dice: &mut Dice) -> String {
    let header = BASE64URL_NOPAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    let payload = format!(r#"{{"sub":"{}","iat":1764000000}}"#, dice.draw("0123456789", 9));
    format!(
        "{header}.{}.{}",
        BASE64URL_NOPAD.encode(payload.as_bytes()),
        dice.draw(&set_of("w"), 43)
    )
}

/// Six lines of base64.
fn pem(dice: &mut Dice) -> String {
    let lines: Vec<String> = (0..6).map(|_| dice.draw(&set_of("b"), 64)).collect();
    lines.join("\n")
}
