//! Whom a message is for, as models and people write it: an alias, or a group.

use junction_engine::group::GroupAddress;
use junction_engine::label;
use junction_shared::protocol::alias::Alias;
use serde_json::Value;

/// What an address may be, for an error.
pub(crate) const ADDRESSES: &str =
    "a peer's alias, role:NAME, repo:NAME, * for every peer, or several aliases with commas";

/// Whom a message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Addressee {
    /// One peer.
    Peer(Alias),
    /// Several.
    Group(GroupAddress),
}

impl Addressee {
    /// The address that a text stands for: `bob`, `@bob`, `role:reviewer`, `repo:shop`, `*`, or `bob, eve`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = bare(text);
        if text == "*" {
            return Some(Self::Group(GroupAddress::Everyone));
        }
        if let Some((kind, name)) = text.split_once(':') {
            // A list of groups, perhaps, or of a group and an alias.
            let name = label(bare(name)).filter(|name| !name.contains(','))?;
            return match kind.trim().to_ascii_lowercase().as_str() {
                "role" => Some(Self::Group(GroupAddress::Role(name))),
                "repo" => Some(Self::Group(GroupAddress::Repo(name))),
                _ => None,
            };
        }
        let aliases: Option<Vec<_>> = text.split(',').map(alias).collect();
        Self::of_aliases(aliases?)
    }

    /// The address that a JSON value stands for: a text, or a list of aliases.
    pub(crate) fn of_value(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) if text.trim_start().starts_with('[') => {
                serde_json::from_str::<Value>(text)
                    .ok()
                    .filter(Value::is_array)
                    .as_ref()
                    .and_then(Self::of_value)
            }
            Value::String(text) => Self::parse(text),
            Value::Array(all) => match all.as_slice() {
                [one] => Self::parse(one.as_str()?),
                _ => {
                    let aliases: Option<Vec<_>> =
                        all.iter().map(|one| alias(one.as_str()?)).collect();
                    Self::of_aliases(aliases?)
                }
            },
            _ => None,
        }
    }

    fn of_aliases(mut aliases: Vec<Alias>) -> Option<Self> {
        let mut seen = Vec::new();
        aliases.retain(|alias| {
            let is_new = !seen.contains(alias);
            seen.push(alias.clone());
            is_new
        });
        match aliases.as_slice() {
            [] => None,
            [one] => Some(Self::Peer(one.clone())),
            _ => Some(Self::Group(GroupAddress::Aliases(aliases))),
        }
    }
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

    fn aliases(names: &[&str]) -> Option<Addressee> {
        let aliases = names.iter().map(|name| Alias::parse(name).unwrap()).collect();
        Some(Addressee::Group(GroupAddress::Aliases(aliases)))
    }

    #[test]
    fn address_is_taken_as_models_write_it() {
        let peer = || Some(Addressee::Peer(Alias::parse("bob").unwrap()));
        let role = || Some(Addressee::Group(GroupAddress::Role("Code Reviewer".to_owned())));
        for text in ["bob", " @Bob ", "`bob`", "bob,bob", "\"bob\""] {
            assert_eq!(Addressee::parse(text), peer(), "{text}");
        }
        for text in ["role:Code Reviewer", "ROLE: Code Reviewer ", "role:\"Code Reviewer\""] {
            assert_eq!(Addressee::parse(text), role(), "{text}");
        }
        let repo = Addressee::Group(GroupAddress::Repo("shop".to_owned()));
        assert_eq!(Addressee::parse("repo:shop"), Some(repo));
        assert_eq!(Addressee::parse("'*'"), Some(Addressee::Group(GroupAddress::Everyone)));
        assert_eq!(Addressee::parse("bob, @Eve"), aliases(&["bob", "eve"]));
        for value in [json!(["bob", "eve"]), json!("[\"bob\", \"@eve\"]"), json!("bob,eve")] {
            assert_eq!(Addressee::of_value(&value), aliases(&["bob", "eve"]), "{value}");
        }
        assert_eq!(Addressee::of_value(&json!(["role:Code Reviewer"])), role());
    }

    #[test]
    fn what_can_be_meant_in_no_way_is_no_address() {
        for text in ["", "a", "role:", "team:x", "bob,", "bob eve", "role:x, bob", "**", "bob;eve"]
        {
            assert_eq!(Addressee::parse(text), None, "{text}");
        }
        for value in [json!([]), json!({}), json!(7), json!(["bob", 7]), json!("[7]")] {
            assert_eq!(Addressee::of_value(&value), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "\\PC*") {
            let _ = Addressee::of_value(&json!(text));
        }
    }
}
