//! Passwords that no sign assigns to a name: those of commands, statements and files where a space stands before them.

use crate::assignment::given;
use crate::form::Part::{Password, Run};
use crate::form::{Form, Set, WORD, form};
use crate::looks;

/// What stands between two words of a line.
const SPACE: Set = Set::of(" \t");

/// What stands between two words of a file that counts line ends as spaces.
const ANY_SPACE: Set = Set::of(" \t\r\n");

/// The name of a user.
const USER: Set = WORD.and("@.+");

/// How far before an option its command is looked for.
const FAR: usize = 160;

/// The forms of such passwords.
pub(crate) const COMMANDS: &[Form] = &[
    // https://redis.io/docs/latest/operate/oss_and_stack/management/config-file
    form("a password", &["requirepass"], &[Run(SPACE, 1, 8), Password(is_anything)]),
    // https://dev.mysql.com/doc/refman/8.4/en/create-user.html
    form("a password", &["IDENTIFIED BY"], &[Run(SPACE, 1, 8), Password(is_anything)]),
    form("a password", &["identified by"], &[Run(SPACE, 1, 8), Password(is_account)]),
    form("a password", &["BY '"], &[Password(is_plugin)]),
    // https://www.postgresql.org/docs/current/sql-createrole.html
    form("a password", &["PASSWORD '"], &[Password(is_anything)]),
    form("a password", &["password '"], &[Password(is_clause)]),
    // https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html
    form("a password", &["password"], &[Run(ANY_SPACE, 1, 8), Password(is_login)]),
];

/// A password that is given to the option `-p` at `at`, if its command is one that has such an option.
///
/// MySQL: <https://dev.mysql.com/doc/refman/8.4/en/command-line-options.html>, where no space stands behind the option.
/// sshpass: <https://manpages.debian.org/sshpass>.
#[inline(never)]
pub(crate) fn option(bytes: &[u8], at: usize) -> Option<&'static str> {
    let before = &bytes[..at];
    if !before.ends_with(b" ") || !bytes[at..].starts_with(b"-p") {
        return None;
    }
    let near = &before[before.len().saturating_sub(FAR)..];
    let start = near.iter().rposition(|byte| matches!(byte, b'\n' | b';' | b'|'));
    let command = &near[start.map_or(0, |end| end + 1)..];
    let is_client = || ["mysql", "mariadb"].iter().any(|name| looks::holds(command, name));
    // What follows a space is no password for other commands.
    let space = SPACE.run(&bytes[at + 2..], 2);
    let value = given(bytes, at + 2 + space)?;
    let is_option = match space {
        0 => is_client() || looks::holds(command, "sshpass"),
        _ => command.trim_ascii_end().ends_with(b"sshpass"),
    };
    (is_option && !looks::is_sample(value)).then_some("a password")
}

/// A password is one whatever stands before the word that gives it away.
fn is_anything(_: &[u8]) -> bool {
    true
}

/// Whether `before` ends with the name of how MySQL checks a password: `IDENTIFIED WITH mysql_native_password`.
fn is_plugin(before: &[u8]) -> bool {
    before.ends_with(b"_password ")
}

/// Whether `before` ends with the beginning of a statement for the account of a user. In prose, anything may be identified
/// by what follows.
fn is_account(before: &[u8]) -> bool {
    let near = &before[before.len().saturating_sub(FAR)..];
    let near = &near[near.iter().rposition(|byte| *byte == b';').unwrap_or_default()..];
    ["create user", "alter user", "grant "].iter().any(|start| looks::holds(near, start))
}

/// Whether `before` ends with what precedes a password in a statement in small letters. In prose, the word may be
/// followed by anything.
fn is_clause(before: &[u8]) -> bool {
    before.ends_with(b"with ") || before.ends_with(b"encrypted ") || before.ends_with(b"login ")
}

/// Whether `before` ends with `login` and the name of a user.
fn is_login(before: &[u8]) -> bool {
    let before = &before[..before.len() - ANY_SPACE.run_back(before, 8)];
    let user = USER.run_back(before, 64);
    let before = &before[..before.len() - user];
    let space = ANY_SPACE.run_back(before, 8);
    user > 0 && space > 0 && before[..before.len() - space].ends_with(b"login")
}
