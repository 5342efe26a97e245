//! What an agent is told of mail that waits: one line of fixed words, with a number, aliases and the tool to call.
//! Nothing that a peer wrote is in it.

use std::fmt;

use junction_shared::protocol::alias::Alias;

use junction_engine::Snapshot;

/// What each notice begins with; a prompt that begins so was not typed by a person.
pub(crate) const PREFIX: &str = "Agent Junction notice ";
/// Aliases that are named.
const NAMED: usize = 3;

/// A notice. No two of one bridge are the same text: a client drops what it was told just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Which one it is.
    pub(crate) number: u64,
    /// How many messages wait, and who sent them.
    pub(crate) unread: usize,
    pub(crate) from: Vec<Alias>,
    /// How many news wait that were asked for.
    pub(crate) news: usize,
    /// Whether the user should be asked before anything is answered.
    pub(crate) past_limit: bool,
    /// Whether the agent is about to end its turn.
    pub(crate) before_stop: bool,
}

impl Notice {
    /// What there is to tell at this moment.
    pub(crate) fn of(snapshot: &Snapshot, number: u64) -> Self {
        Self {
            number,
            unread: snapshot.unread.count,
            from: snapshot.unread.from.clone(),
            news: snapshot.news,
            past_limit: snapshot.unread.past_limit,
            before_stop: false,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}: ", self.number)?;
        if self.unread > 0 {
            let s = if self.unread == 1 { "" } else { "s" };
            write!(f, "{} unread message{s} from {}. ", self.unread, Names(&self.from))?;
        }
        if self.news > 0 {
            let s = if self.news == 1 { "" } else { "s" };
            write!(f, "{} notification{s} that you asked for. ", self.news)?;
        }
        f.write_str("Call the tool read_messages")?;
        if self.before_stop {
            f.write_str(" before you stop")?;
        }
        if self.past_limit {
            f.write_str(
                ". Ask your user before you answer: this has gone to and fro without a person",
            )?;
        }
        f.write_str(".")
    }
}

/// A few aliases, each in quotes: one may be made of words that read like an order.
struct Names<'a>(&'a [Alias]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (named, rest) = self.0.split_at(self.0.len().min(NAMED));
        for (at, alias) in named.iter().enumerate() {
            let before = match at {
                0 => "",
                _ if at + 1 == named.len() && rest.is_empty() => " and ",
                _ => ", ",
            };
            write!(f, "{before}\"{alias}\"")?;
        }
        if rest.is_empty() { Ok(()) } else { f.write_str(" and others") }
    }
}

/// What an agent is told at the start: who it is, and who else is there.
pub(crate) fn greeting(alias: &Alias) -> String {
    format!(
        "Agent Junction: other agents know this session as \"{alias}\" and can send it messages. \
         read_messages reads them, list_peers shows who is there."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(unread: usize, from: &[&str]) -> Notice {
        let from = from.iter().map(|alias| Alias::parse(alias).unwrap()).collect();
        Notice { number: 7, unread, from, news: 0, past_limit: false, before_stop: false }
    }

    #[test]
    fn a_notice_is_one_line_of_fixed_words() {
        assert_eq!(
            notice(1, &["bob"]).to_string(),
            "Agent Junction notice 7: 1 unread message from \"bob\". Call the tool read_messages."
        );
        assert_eq!(
            notice(3, &["bob", "eve"]).to_string(),
            "Agent Junction notice 7: 3 unread messages from \"bob\" and \"eve\". Call the tool read_messages."
        );
        assert_eq!(
            notice(9, &["bob", "eve", "mallory", "trent"]).to_string(),
            "Agent Junction notice 7: 9 unread messages from \"bob\", \"eve\", \"mallory\" and others. Call the tool \
             read_messages."
        );
    }

    #[test]
    fn what_else_there_is_has_its_words() {
        assert_eq!(
            Notice { news: 2, ..notice(0, &[]) }.to_string(),
            "Agent Junction notice 7: 2 notifications that you asked for. Call the tool read_messages."
        );
        assert_eq!(
            Notice { before_stop: true, ..notice(1, &["bob"]) }.to_string(),
            "Agent Junction notice 7: 1 unread message from \"bob\". Call the tool read_messages before you stop."
        );
        assert_eq!(
            Notice { past_limit: true, news: 1, ..notice(2, &["bob"]) }.to_string(),
            "Agent Junction notice 7: 2 unread messages from \"bob\". 1 notification that you asked for. Call the tool \
             read_messages. Ask your user before you answer: this has gone to and fro without a person."
        );
    }

    #[test]
    fn the_greeting_names_the_alias() {
        assert_eq!(
            greeting(&Alias::parse("calm-otter").unwrap()),
            "Agent Junction: other agents know this session as \"calm-otter\" and can send it messages. read_messages \
             reads them, list_peers shows who is there."
        );
    }
}
