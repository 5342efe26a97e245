//! What docs/tools.md says of all tools, beside their definitions.

/// The fields that any result may have, for the documentation.
pub(super) const NOTICES: &[(&str, &str)] = &[
    ("you?", "the session's own alias, once it has one"),
    ("offline?", "a sentence that says why the session is on no hub now, and what to do about it"),
    ("unread?", "how many messages are still unread"),
    ("unread_from?", "up to five of the senders of unread messages"),
    (
        "notifications_waiting?",
        "how many notifications that `notify_when` asked for are still unread",
    ),
    (
        "rejoined?",
        "the session's alias, if the hub had ended the session (because the bridge had not answered, for \
                 example on a laptop that slept, or because the group has a new secret) and the session has \
                 rejoined. The senders of unread messages have been notified. The field is shown until \
                 `read_messages` has returned it",
    ),
    (
        "renamed?",
        "the session's new alias, once, if the hub gave it another because an earlier owner came back for the old one",
    ),
    (
        "came_back?",
        "a sentence, once, if the bridge of this session had ended and the session has its alias, its task and its role \
                 again",
    ),
    (
        "replaced?",
        "a sentence, once, if another bridge of the same session of the client has its alias now",
    ),
    (
        "claim_conflicts[]?",
        "once, claims that others have made since and that meet this session's own, as in `conflicts[]` of `claim`, each with its \
                 `repository`",
    ),
    (
        "ignored[]?",
        "up to eight names of arguments that the tool does not have; `ignored_more?` counts the others. An argument \
                 that is nearly one of the tool's is an error, and nothing is done",
    ),
    (
        "clamped[]?",
        "arguments that were out of range, with what was taken instead, such as `wait_seconds: 540` or \
                 `task: 120 characters`",
    ),
    ("hub_misbehaving?", "how often the hub did something that no honest hub does"),
];

/// How arguments are read that are not as the schema says, for the documentation.
pub(super) const HOW_ARGUMENTS_ARE_READ: &str = "\
Arguments are read as models write them:

- An argument that the tool does not have is ignored, and the result names it in `ignored`. If its name is nearly one of
  the tool's (`to` for `target_alias`, `replyTo` for `reply_to`, a typing error), the call fails, does nothing, and names
  the right one.
- `null`, `\"\"` and `\"null\"` stand for an absent argument, except that a message may be empty. `\"none\"` clears `task`,
  `role` and `repo` in `register`, and stands for an absent argument elsewhere.
- `\"30\"` is 30. A wait out of range is clamped into it, and any other number that is too large is lowered; `clamped` in
  the result says so. For `limit` and `ttl_seconds`, 0 and less stand for an absent argument; any other `ttl_seconds`
  below 10 is an error. Calls of Codex wait for 290 seconds at most, because Codex gives them up after 300.
- An alias loses outer blanks, quotes, backticks, a leading `@` and its capitals. `role` and `repo` are found whatever
  their case.
- `task`, `role` and `repo` take any script. They lose control and other invisible characters, and are cut after 120
  characters or 150 bytes. A hub of an older version gets 64 ASCII characters.
- All arguments together may be one text that holds the JSON object.

";
