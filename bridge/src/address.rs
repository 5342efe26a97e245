//! Whom a message is for, as models and people write it: an alias, or a group.

use junction_engine::group::GroupAddress;
use junction_engine::label;
use junction_shared::protocol::alias::Alias;
use serde_json::Value;

/// What an address may be, for an error.
pub(crate) const ADDRESSES: &str =
    "a peer's alias, role:NAME, repo:NAME, * for every peer, or several aliases with commas";

/// What to do about a group among other receivers.
pub(crate) const GROUP_AMONG_OTHERS: &str = "A group cannot be combined with other receivers. Send to each by itself, and put quotes around a name that has a comma.";

/// Whom a message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Addressee {
    /// One peer.
    Peer(Alias),
    /// Several.
    Group(GroupAddress),
}

/// Why an address is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressFault {
    /// The address can be meant in no way.
    Unknown,
    /// The address is a list without a name.
    Nobody,
    /// The address is a list of a group and something else.
    GroupAmongOthers,
}

impl Addressee {
    /// The address that a text stands for: `bob`, `@bob`, `role:reviewer`, `repo:shop`, `*`, `bob, eve`, or any of these as a
    /// list in brackets. Quotes keep together a name that has a comma.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub(crate) fn parse(text: &str) -> Result<Self, AddressFault> {
        let text = text.trim();
        let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
            return Self::of_parts(&parts(text));
        };
        match serde_json::from_str::<Value>(text) {
            Ok(list) => Self::of_value(&list),
            // With single quotes, no quotes, or a comma behind the last one.
            Err(_) => Self::of_parts(&parts(inner)),
        }
    }

    /// The address that a JSON value stands for: a text, or a list of texts.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub(crate) fn of_value(value: &Value) -> Result<Self, AddressFault> {
        match value {
            Value::String(text) => Self::parse(text),
            Value::Array(all) => {
                let parts: Option<Vec<_>> = all.iter().map(Value::as_str).collect();
                Self::of_parts(&parts.ok_or(AddressFault::Unknown)?)
            }
            _ => Err(AddressFault::Unknown),
        }
    }

    /// The address that the parts of a list stand for. Empty ones stand for nothing.
    fn of_parts(parts: &[&str]) -> Result<Self, AddressFault> {
        let parts: Vec<_> =
            parts.iter().map(|part| name(part)).filter(|part| !part.is_empty()).collect();
        if let [one] = parts.as_slice()
            && let Some(group) = group(one)
        {
            return Ok(Self::Group(group));
        }
        let names = || parts.iter().flat_map(|part| part.split(','));
        match names().filter(|one| !name(one).is_empty()).count() {
            0 => Err(AddressFault::Nobody),
            2.. if names().any(is_group) => Err(AddressFault::GroupAmongOthers),
            _ => {
                let aliases: Option<Vec<_>> =
                    names().filter(|one| !name(one).is_empty()).map(alias).collect();
                Ok(Self::of_aliases(aliases.ok_or(AddressFault::Unknown)?))
            }
        }
    }

    /// The address of at least one alias.
    fn of_aliases(mut aliases: Vec<Alias>) -> Self {
        let mut seen = Vec::new();
        aliases.retain(|alias| {
            let is_new = !seen.contains(alias);
            seen.push(alias.clone());
            is_new
        });
        match aliases.as_slice() {
            [one] => Self::Peer(one.clone()),
            _ => Self::Group(GroupAddress::Aliases(aliases)),
        }
    }
}

/// The parts of a text between commas that are not between quotes. A quote begins a part, or the name of a group.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut open, mut before) = (Vec::new(), 0, None, ',');
    for (at, c) in text.char_indices() {
        match open {
            Some(quote) if c == quote => open = None,
            Some(_) => {}
            None if c == ',' => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            None if matches!(before, ',' | ':') && has_partner(&text[at..]) => open = Some(c),
            None => {}
        }
        if !c.is_whitespace() {
            before = c;
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Whether a text begins with a quote that ends later.
fn has_partner(text: &str) -> bool {
    let mut rest = text.chars();
    let quote = rest.next().filter(|c| "\"'`".contains(*c));
    quote.is_some_and(|quote| rest.any(|c| c == quote))
}

/// A part of an address without quotes, commas and blanks around it.
fn name(text: &str) -> &str {
    bare(text).trim_matches(|c: char| c == ',' || c.is_whitespace())
}

/// The group that a text names, unless another follows it.
fn group(text: &str) -> Option<GroupAddress> {
    if text == "*" {
        return Some(GroupAddress::Everyone);
    }
    let (kind, rest) = text.split_once(':')?;
    let group = label(name(rest)).filter(|_| !rest.split(',').skip(1).any(is_group))?;
    match kind.trim().to_ascii_lowercase().as_str() {
        "role" => Some(GroupAddress::Role(group)),
        "repo" => Some(GroupAddress::Repo(group)),
        _ => None,
    }
}

/// Whether a text begins as that of a group does.
fn is_group(text: &str) -> bool {
    let text = name(text);
    let kind = text.split_once(':').map(|(kind, _)| kind.trim().to_ascii_lowercase());
    text == "*" || kind.is_some_and(|kind| matches!(kind.as_str(), "role" | "repo"))
}

/// The alias that a text stands for: people and models write `@bob`, and quote it.
pub(crate) fn alias(text: &str) -> Option<Alias> {
    let name = bare(text);
    let name = name.strip_prefix('@').map_or(name, bare);
    Alias::parse(&name.to_ascii_lowercase()).ok()
}

/// A text without outer blanks, quotes and backticks.
pub(crate) fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || "\"'`‘’“”«»".contains(c))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn aliases(names: &[&str]) -> Result<Addressee, AddressFault> {
        let aliases = names.iter().map(|name| Alias::parse(name).unwrap()).collect();
        Ok(Addressee::Group(GroupAddress::Aliases(aliases)))
    }

    fn role(name: &str) -> Result<Addressee, AddressFault> {
        Ok(Addressee::Group(GroupAddress::Role(name.to_owned())))
    }

    #[test]
    fn address_is_taken_as_models_write_it() {
        let peer = || Ok(Addressee::Peer(Alias::parse("bob").unwrap()));
        let role = || role("Code Reviewer");
        for text in ["bob", " @Bob ", "`bob`", "bob,bob", "\"bob\""] {
            assert_eq!(Addressee::parse(text), peer(), "{text}");
        }
        for text in ["role:Code Reviewer", "ROLE: Code Reviewer ", "role:\"Code Reviewer\""] {
            assert_eq!(Addressee::parse(text), role(), "{text}");
        }
        let repo = Addressee::Group(GroupAddress::Repo("shop".to_owned()));
        assert_eq!(Addressee::parse("repo:shop"), Ok(repo));
        assert_eq!(Addressee::parse("'*'"), Ok(Addressee::Group(GroupAddress::Everyone)));
        assert_eq!(Addressee::parse("bob, @Eve"), aliases(&["bob", "eve"]));
        for value in [json!(["bob", "eve"]), json!("[\"bob\", \"@eve\"]"), json!("bob,eve")] {
            assert_eq!(Addressee::of_value(&value), aliases(&["bob", "eve"]), "{value}");
        }
        assert_eq!(Addressee::of_value(&json!(["role:Code Reviewer"])), role());
    }

    #[test]
    fn regression_lists_are_taken_with_empty_parts_and_as_texts() {
        let cases: [(Result<Addressee, AddressFault>, &[&str]); 3] = [
            (
                role("reviewer"),
                &[
                    "role:reviewer,",
                    "[role:reviewer]",
                    "['role:reviewer',]",
                    "[\"role:reviewer,\"]",
                ],
            ),
            (
                aliases(&["wk0", "wk1"]),
                &[
                    "wk0, wk1,",
                    "wk0,,wk1",
                    "\"wk0, wk1\"",
                    "'wk0', `wk1`",
                    "[wk0,\"wk1\"]",
                    "\"wk0\",\"wk1\"",
                ],
            ),
            (
                aliases(&["bob", "cat"]),
                &["[\"bob\",\"cat\",]", "['bob', 'cat']", "[\"bob, cat\"]", " [@bob,cat] "],
            ),
        ];
        for (address, texts) in cases {
            for text in texts {
                assert_eq!(Addressee::parse(text), address, "{text}");
                assert_eq!(Addressee::of_value(&json!(text)), address, "{text}");
            }
        }
        assert_eq!(Addressee::of_value(&json!(["wk0", "", "wk1, wk0"])), aliases(&["wk0", "wk1"]));
    }

    #[test]
    fn regression_group_among_others_is_told_from_one_whose_name_has_a_comma() {
        for text in
            ["\"role:qa, docs\"", "role:\"qa, docs\"", "[\"role:qa, docs\"]", "['role:qa, docs',]"]
        {
            assert_eq!(Addressee::parse(text), role("qa, docs"), "{text}");
        }
        assert_eq!(Addressee::of_value(&json!(["role:qa, docs"])), role("qa, docs"));
        for value in [
            json!("role:a,role:b"),
            json!("role:a,bob"),
            json!("bob, repo:a"),
            json!("*, bob"),
            json!("role:qa, docs"),
            json!("\"role:a, role:b\""),
            json!(["role:qa, docs", "bob"]),
            json!(["bob", "*"]),
        ] {
            assert_eq!(Addressee::of_value(&value), Err(AddressFault::GroupAmongOthers), "{value}");
        }
        for value in
            [json!([]), json!("[]"), json!(","), json!([""]), json!("[ , ]"), json!("\"\"")]
        {
            assert_eq!(Addressee::of_value(&value), Err(AddressFault::Nobody), "{value}");
        }
    }

    #[test]
    fn what_can_be_meant_in_no_way_is_no_address() {
        for text in ["a", "role:", "team:x", "bob eve", "**", "bob;eve", "[bob", "[[\"bob\"]]"] {
            assert_eq!(Addressee::parse(text), Err(AddressFault::Unknown), "{text}");
        }
        for value in [json!({}), json!(7), json!(["bob", 7]), json!("[7]")] {
            assert_eq!(Addressee::of_value(&value), Err(AddressFault::Unknown), "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "\\PC*") {
            let _ = Addressee::of_value(&json!(text));
        }
    }
}
