//! Messages to several peers: how a group is addressed, and what each of its members is told of it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::limits::MAX_GROUP_NAME;

/// Several peers, as a sender names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupAddress {
    /// All peers of this role.
    Role(String),
    /// All peers in this repository.
    Repo(String),
    /// All peers.
    Everyone,
    /// The peers with these aliases.
    Aliases(Vec<Alias>),
}

impl fmt::Display for GroupAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(role) => write!(f, "role:{role}"),
            Self::Repo(repo) => write!(f, "repo:{repo}"),
            Self::Everyone => f.write_str("*"),
            Self::Aliases(aliases) => {
                let names: Vec<_> = aliases.iter().map(Alias::as_str).collect();
                f.write_str(&names.join(", "))
            }
        }
    }
}

impl GroupAddress {
    /// A text that is the same for every spelling of the address: neither case nor the order of aliases counts.
    pub(crate) fn normalized(&self) -> String {
        match self {
            Self::Role(role) => format!("role:{}", role.trim().to_lowercase()),
            Self::Repo(repo) => format!("repo:{}", repo.trim().to_lowercase()),
            Self::Everyone => self.to_string(),
            Self::Aliases(aliases) => {
                let names: BTreeSet<_> = aliases.iter().map(Alias::as_str).collect();
                names.into_iter().collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// The name that the members see, within the bound of a sealed message. A list of many aliases is cut, and ends with how
    /// many more there are.
    pub(crate) fn sealed_name(&self) -> String {
        let whole = self.to_string();
        let Self::Aliases(aliases) = self else { return cut(whole) };
        if whole.len() <= MAX_GROUP_NAME {
            return whole;
        }
        /// The bytes of ` and 64 others`, and a few more.
        const REST: usize = 20;
        let mut name = String::new();
        for (at, alias) in aliases.iter().enumerate() {
            if name.len() + alias.as_str().len() + REST > MAX_GROUP_NAME {
                return format!("{name} and {} others", aliases.len() - at);
            }
            name.push_str(if at == 0 { "" } else { ", " });
            name.push_str(alias.as_str());
        }
        name
    }
}

/// Cuts a name at the end of a character, within the bound of a sealed message.
fn cut(mut name: String) -> String {
    name.truncate(name.floor_char_boundary(MAX_GROUP_NAME));
    name
}

/// What a message tells each member of its group: the id that it has for all, and the group's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupTag {
    /// The id that the message has for its sender and all its receivers.
    pub id: MessageId,
    /// The group, as its sender names it.
    pub to: Arc<str>,
}

/// Which replies a call waits for, if it sends to a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WaitFor {
    /// The first of each member.
    #[default]
    All,
    /// The first of any member.
    Any,
}

impl WaitFor {
    /// The names of what a call may wait for.
    pub const NAMES: [(&'static str, Self); 2] = [("all", Self::All), ("any", Self::Any)];
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn group_is_named_as_it_is_addressed() {
        let alias = |name: &str| Alias::parse(name).unwrap();
        let list = GroupAddress::Aliases(vec![alias("bob"), alias("eve")]);
        assert_eq!(GroupAddress::Role("reviewer".to_owned()).sealed_name(), "role:reviewer");
        assert_eq!(GroupAddress::Repo("shop".to_owned()).sealed_name(), "repo:shop");
        assert_eq!(GroupAddress::Everyone.sealed_name(), "*");
        assert_eq!(list.sealed_name(), "bob, eve");
    }

    #[test]
    fn spellings_of_one_address_are_the_same() {
        let alias = |name: &str| Alias::parse(name).unwrap();
        let list = |names: &[&str]| {
            GroupAddress::Aliases(names.iter().map(|name| alias(name)).collect()).normalized()
        };
        assert_eq!(list(&["eve", "bob", "eve"]), list(&["bob", "eve"]));
        assert_ne!(list(&["bob", "eve"]), list(&["bob", "rob"]));
        let role = |name: &str| GroupAddress::Role(name.to_owned()).normalized();
        assert_eq!(role(" Worker"), role("worker"));
        assert_ne!(role("worker"), GroupAddress::Repo("worker".to_owned()).normalized());
    }

    proptest! {
        #[test]
        fn every_name_fits_into_a_sealed_message(
            role in "\\PC{0,150}",
            aliases in prop::collection::vec("[a-z]{3,32}", 1..64),
        ) {
            let count = aliases.len();
            let aliases = aliases.iter().map(|alias| Alias::parse(alias).unwrap()).collect();
            let name = GroupAddress::Aliases(aliases).sealed_name();
            prop_assert!(name.len() <= MAX_GROUP_NAME);
            let named = name.split(" and ").next().unwrap().split(", ").count();
            let rest = name.split(" and ").nth(1).map_or(0, |rest| {
                rest.split(' ').next().unwrap().parse::<usize>().unwrap()
            });
            prop_assert_eq!(named + rest, count);
            prop_assert!(GroupAddress::Role(role).sealed_name().len() <= MAX_GROUP_NAME);
        }
    }
}
