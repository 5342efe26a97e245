//! The names of arguments that a tool does not have: which of them are nearly ours, and which are ignored.

use serde::Serialize;
use serde_json::{Map, Value};

use super::params::Param;

/// Names that clients add to every call by themselves. They resemble none of ours, whatever ours become.
const ADDED_BY_CLIENTS: [&str; 2] = ["wait_for_previous", "random_string"];
/// How many edits away from a name of ours another is taken for it.
const MOST_EDITS: usize = 2;
/// The longest name that is compared, told, or both.
const MOST_NAME: usize = 32;
/// How many names are told.
const MOST_NAMES: usize = 8;

/// Names by which models call arguments, each list behind the name of ours.
const SYNONYMS: [(&str, &str); 31] = [
    (
        "alias",
        "name nickname username new_alias agent_name handle peer peer_alias target_alias target",
    ),
    ("paths", "path file files file_path file_paths pattern patterns glob globs targets claims"),
    ("note", "message comment reason why description task text"),
    ("release", "unclaim free drop remove unlock released release_paths release_all"),
    ("repo", "repository project repo_name repo_filter filter_repo"),
    ("task", "description working_on current_task doing summary"),
    ("expected_role", "role peer_role wanted_role role_filter"),
    ("role", "job my_role agent_role peer_role expected_role role_filter filter_role"),
    ("host", "hub server hostname host_name"),
    (
        "state",
        "status activity peer_state agent_state peer_status wanted_state expected_state until wait_until state_filter",
    ),
    ("limit", "max count page_size per_page max_results max_messages max_peers num_messages"),
    ("cursor", "page next_cursor page_token offset after"),
    (
        "target_alias",
        "to target alias recipient receiver peer name agent session destination peer_alias to_alias recipient_alias",
    ),
    ("message", "text body content contents msg prompt payload message_text"),
    (
        "reply_to",
        "in_reply_to in_response_to reply_id reply_to_id reply_to_message_id message_id parent_id thread_id",
    ),
    ("wait_seconds", WAIT),
    ("timeout_seconds", WAIT),
    ("ttl_seconds", "ttl ttl_secs expires expires_in expiry expiration lifetime time_to_live"),
    ("fingerprint", "expected_fingerprint peer_fingerprint key_fingerprint"),
    ("urgency", "priority importance urgent"),
    ("notify_when", "notify notify_on notify_me notification notifications"),
    ("intent", "kind type purpose message_type"),
    ("wait_for", "wait_mode replies collect mode"),
    ("key", "idempotency_key dedupe_key request_key unique_key once_key"),
    ("attachments", "attachment files file attach attached attached_files"),
    ("confirm", "confirmed force allow_secret"),
    ("message_id", "id msg_id message reply_to"),
    ("attachment_id", "attachment number attachment_number index"),
    ("path", "file filename file_path filepath destination target target_path save_to output"),
    ("key", "name variable env env_var"),
    ("overwrite", "force replace"),
];
/// What models call a time to wait.
const WAIT: &str = "wait timeout seconds timeout_seconds timeout_secs wait_seconds wait_secs wait_for_reply wait_timeout \
                    max_wait max_wait_seconds";

/// The names that were ignored, as an answer tells them.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct IgnoredJson {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ignored: Vec<String>,
    /// How many more there were, or such as cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    ignored_more: Option<usize>,
}

/// Takes the arguments out that the parameters do not name.
///
/// # Errors
/// The names of the parameters that the sender meant by other names, if there are any. An argument without a value means
/// nothing.
pub(crate) fn take_unknown(
    params: &'static [Param],
    given: &mut Map<String, Value>,
) -> Result<IgnoredJson, Vec<&'static str>> {
    let is_known = |name: &str| params.iter().any(|param| param.name == name);
    let (known, unknown): (Map<_, _>, Map<_, _>) =
        std::mem::take(given).into_iter().partition(|(name, _)| is_known(name));
    *given = known;
    let meant: Vec<_> = unknown
        .iter()
        .filter(|(_, value)| !value.is_null() && *value != "")
        .filter_map(|(name, _)| meant_by(params, name))
        .collect();
    if !meant.is_empty() {
        let names = params.iter().map(|param| param.name);
        return Err(names.filter(|name| meant.contains(name)).collect());
    }
    let count = unknown.len();
    let told = unknown.into_iter().map(|(name, _)| name).filter(|name| may_be_told(name));
    let ignored: Vec<_> = told.take(MOST_NAMES).collect();
    let more = count - ignored.len();
    Ok(IgnoredJson { ignored, ignored_more: (more > 0).then_some(more) })
}

fn may_be_told(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=MOST_NAME).contains(&name.len()) && name.bytes().all(is_plain)
}

/// The parameter that is nearly of this name: equal but for case and punctuation, a synonym, or a few edits away.
fn meant_by(params: &'static [Param], name: &str) -> Option<&'static str> {
    if name.len() > MOST_NAME || ADDED_BY_CLIENTS.contains(&name) {
        return None;
    }
    let name = folded(name);
    let is_like = |other: &str| folded(other) == name;
    let synonym =
        params.iter().find(|param| is_like(param.name) || synonyms(param.name).any(is_like));
    let nearest = || {
        let distances = params.iter().map(|param| (edits(&folded(param.name), &name), param));
        let nearest = distances.min_by_key(|(edits, _)| *edits)?;
        (nearest.0 <= MOST_EDITS).then_some(nearest.1)
    };
    synonym.or_else(nearest).map(|param| param.name)
}

/// Other names by which models call this argument.
pub(crate) fn synonyms(argument: &str) -> impl Iterator<Item = &'static str> + use<'_> {
    let lists = SYNONYMS.iter().filter(move |(name, _)| *name == argument);
    lists.flat_map(|(_, synonyms)| synonyms.split(' '))
}

/// A name without case and punctuation.
fn folded(name: &str) -> Vec<char> {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// How many characters have to be added, left out, replaced or swapped with their neighbour to turn one name into the
/// other (optimal string alignment).
pub(crate) fn edits(one: &[char], other: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let replaced = last[j] + usize::from(a != b);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[other.len()]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mcp::schema::{SPECS, Tool};

    fn taken(tool: &str, given: Value) -> Result<(Value, Value), Vec<&'static str>> {
        let Value::Object(mut given) = given else { panic!("no object") };
        let params = Tool::named(tool).unwrap().spec().params;
        let ignored = take_unknown(params, &mut given)?;
        Ok((given.into(), serde_json::to_value(ignored).unwrap()))
    }

    #[test]
    fn regression_near_misses_name_the_parameter_that_was_meant() {
        for (tool, names, meant) in [
            (
                "send_message",
                "to target alias recipient targetAlias Target-Alias target_alais TARGET_ALIAS peer",
                "target_alias",
            ),
            ("send_message", "text body content msg Message messages mesage massage", "message"),
            (
                "send_message",
                "in_reply_to replyTo inReplyTo reply-to reply_too reply_id",
                "reply_to",
            ),
            (
                "send_message",
                "timeout wait waitSeconds wait_secs wait_second timeout_seconds",
                "wait_seconds",
            ),
            ("send_message", "ttl ttlSeconds ttl_second expires_in", "ttl_seconds"),
            ("send_message", "expected_fingerprint finger_print fingerprints", "fingerprint"),
            ("send_message", "priority Urgency urgncy", "urgency"),
            ("send_message", "notify notifyWhen notify_on", "notify_when"),
            ("register", "name nickname Alias alais", "alias"),
            ("register", "repository project rep", "repo"),
            ("register", "hub hosts", "host"),
            ("register", "description tsk", "task"),
            ("list_peers", "page_size max limits lmit", "limit"),
            ("list_peers", "page nextCursor curser", "cursor"),
            ("list_peers", "expected_role roles", "role"),
            ("read_messages", "timeout wait waitSeconds", "wait_seconds"),
            ("read_messages", "count max_messages", "limit"),
            ("wait_for_peer", "timeout wait wait_seconds timeoutSeconds", "timeout_seconds"),
            ("wait_for_peer", "role expectedRole", "expected_role"),
            ("wait_for_peer", "peer target_alias targetAlias name Alias peer_alias", "alias"),
            ("wait_for_peer", "status State until expected_state", "state"),
            ("list_peers", "status peerState states", "state"),
        ] {
            for name in names.split(' ') {
                assert_eq!(taken(tool, json!({ name: "x" })), Err(vec![meant]), "{tool}: {name}");
            }
        }
    }

    #[test]
    fn regression_what_clients_add_and_other_unknown_names_are_ignored_and_told() {
        for spec in &SPECS {
            for name in [
                "wait_for_previous",
                "random_string",
                "reasoning",
                "toolSummary",
                "explanation",
                "foo",
                "x",
                "_",
            ] {
                let (given, ignored) = taken(spec.name, json!({ name: true })).unwrap();
                assert_eq!(
                    (given, ignored),
                    (json!({}), json!({ "ignored": [name] })),
                    "{}",
                    spec.name
                );
            }
        }
        let (given, ignored) =
            taken("read_messages", json!({ "limit": 1, "from": "bob" })).unwrap();
        assert_eq!((given, ignored), (json!({ "limit": 1 }), json!({ "ignored": ["from"] })));
    }

    #[test]
    fn every_list_of_synonyms_is_of_an_argument() {
        for (name, list) in SYNONYMS {
            assert!(SPECS.iter().any(|spec| spec.params.iter().any(|param| param.name == name)));
            assert!(list.split(' ').all(may_be_told), "{name}");
        }
    }

    #[test]
    fn few_plain_names_are_told_and_the_rest_are_counted() {
        let mut given: Map<_, _> = (0..12).map(|n| (format!("zzzzz{n}"), json!(n))).collect();
        given.insert("canary \u{202e}".to_owned(), json!(1));
        given.insert("y".repeat(33), json!(1));
        given.insert(String::new(), json!(1));
        let (_, ignored) = taken("disconnect", given.into()).unwrap();
        assert_eq!(ignored["ignored"].as_array().unwrap().len(), 8);
        assert_eq!(ignored["ignored_more"], 7);
        assert!(!ignored.to_string().contains("canary"));
    }

    #[test]
    fn argument_without_a_value_is_no_near_miss() {
        for value in [json!(null), json!("")] {
            assert!(taken("send_message", json!({ "to": value })).is_ok());
        }
    }

    #[test]
    fn edits_are_counted() {
        let count = |one: &str, other: &str| edits(&folded(one), &folded(other));
        for (one, other, expected) in [
            ("role", "role", 0),
            ("rol", "role", 1),
            ("roel", "role", 1),
            ("rule", "role", 1),
            ("roles", "role", 1),
            ("role", "repo", 3),
            ("", "role", 4),
            ("alias", "limit", 4),
        ] {
            assert_eq!(
                (count(one, other), count(other, one)),
                (expected, expected),
                "{one} {other}"
            );
        }
    }
}
