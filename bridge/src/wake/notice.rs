//! The notice of waiting messages: one line of fixed words with a number, aliases and the tool to call. It holds no text
//! of a peer.

use std::fmt;

use junction_shared::protocol::alias::Alias;

use crate::clients::hook_event::NOTICE_PREFIX;
use junction_engine::Snapshot;

/// What every reminder of open requests has in it.
pub(crate) const REMINDER_MARK: &str = "open_requests";
/// The most aliases that a notice names.
const MAX_NAMED: usize = 3;

/// A notice. Its number makes each text of a bridge unique, because clients drop a repeated text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// The notice's number, counted from 1.
    pub(crate) number: u64,
    /// The number of unread messages.
    pub(crate) unread: usize,
    /// The senders of the unread messages.
    pub(crate) from: Vec<Alias>,
    /// The number of waiting notifications that the agent asked for.
    pub(crate) news: usize,
    /// Whether the agent should ask its user before it answers.
    pub(crate) past_limit: bool,
    /// Whether the agent is about to end its turn.
    pub(crate) before_stop: bool,
}

impl Notice {
    /// The notice of everything that waits now.
    pub(crate) fn of(snapshot: &Snapshot, number: u64) -> Self {
        Self {
            number,
            unread: snapshot.unread.count,
            from: snapshot.unread.from.clone(),
            news: snapshot.notifications,
            past_limit: snapshot.unread.past_limit > 0,
            before_stop: false,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{NOTICE_PREFIX}{}: ", self.number)?;
        if self.unread > 0 {
            let s = if self.unread == 1 { "" } else { "s" };
            write!(f, "{} unread message{s} from {}. ", self.unread, QuotedAliases(&self.from))?;
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
                ". Ask your user before you answer: too many messages have gone back and forth without a person",
            )?;
        }
        f.write_str(".")
    }
}

/// The notice of requests that the agent has not answered, as it is about to end its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestNotice {
    /// The notice's number, counted with those of [`Notice`].
    pub(crate) number: u64,
    /// How many requests.
    pub(crate) open: usize,
    /// The senders of the requests.
    pub(crate) from: Vec<Alias>,
}

impl fmt::Display for RequestNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, open, from } = self;
        let (s, have, each) = if *open == 1 { ("", "has", "it") } else { ("s", "have", "each") };
        write!(
            f,
            "{NOTICE_PREFIX}{number}: {open} request{s} from {} {have} no answer from this session yet. Answer {each} with \
             send_message and its id as reply_to, with intent done once it is finished; or tell your user why not. \
             read_messages lists {REMINDER_MARK}.",
            QuotedAliases(from)
        )
    }
}

/// What an agent is told at the start of a context in which the requests that it still has to answer do not appear.
pub(crate) fn requests_greeting(open: usize, from: &[Alias]) -> String {
    let (s, wait) = if open == 1 { ("", "waits") } else { ("s", "wait") };
    format!(
        "Agent Junction: {open} request{s} from {} {wait} for this session's answer. The tool read_messages lists them in \
         {REMINDER_MARK}.",
        QuotedAliases(from)
    )
}

/// The notice of a trial, which no message asks for.
pub(crate) fn trial_notice(number: u64) -> String {
    format!(
        "{NOTICE_PREFIX}{number}: somebody on this machine tests whether this session can be woken. The test brings no \
         message. Answer in a few words, and do nothing else."
    )
}

/// A few aliases, each in quotes because an alias may read like an instruction.
struct QuotedAliases<'a>(&'a [Alias]);

impl fmt::Display for QuotedAliases<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (named, rest) = self.0.split_at(self.0.len().min(MAX_NAMED));
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

/// The greeting at the start of a context: the session's alias, and the tools.
pub(crate) fn greeting(alias: &Alias) -> String {
    format!(
        "Agent Junction: other agents know this session as \"{alias}\" and can send it messages. \
         Use read_messages to read them and list_peers to see who is there."
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
    fn notice_is_one_line_of_fixed_words() {
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
    fn every_other_part_of_a_notice_has_fixed_words() {
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
             read_messages. Ask your user before you answer: too many messages have gone back \
             and forth without a person."
        );
    }

    #[test]
    fn reminders_of_requests_have_fixed_words() {
        let from = |names: &[&str]| names.iter().map(|it| Alias::parse(it).unwrap()).collect();
        let notice =
            |open, names: &[&str]| RequestNotice { number: 7, open, from: from(names) }.to_string();
        assert_eq!(
            notice(1, &["bob"]),
            "Agent Junction notice 7: 1 request from \"bob\" has no answer from this session yet. Answer it with send_message \
             and its id as reply_to, with intent done once it is finished; or tell your user why not. read_messages lists \
             open_requests."
        );
        assert!(notice(2, &["bob", "eve"]).contains(
            "2 requests from \"bob\" and \"eve\" have no answer from this session yet. Answer each with"
        ));
        let bob: Vec<_> = from(&["bob"]);
        assert_eq!(
            requests_greeting(2, &bob),
            "Agent Junction: 2 requests from \"bob\" wait for this session's answer. The tool read_messages lists them in \
             open_requests."
        );
    }

    #[test]
    fn notice_of_a_trial_is_no_prompt_of_a_persons_and_asks_for_nothing() {
        assert_eq!(
            trial_notice(7),
            "Agent Junction notice 7: somebody on this machine tests whether this session can be woken. The test brings \
             no message. Answer in a few words, and do nothing else."
        );
    }

    #[test]
    fn greeting_names_the_alias() {
        assert_eq!(
            greeting(&Alias::parse("calm-otter").unwrap()),
            "Agent Junction: other agents know this session as \"calm-otter\" and can send it messages. Use \
             read_messages to read them and list_peers to see who is there."
        );
    }
}
