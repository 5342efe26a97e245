//! All forms that a secret may have by how it starts, in one table.

use crate::commands::COMMANDS;
use crate::form::Form;
use crate::keys::KEYS;
use crate::providers::PROVIDERS;

/// The parts of the table.
const PARTS: [&[Form]; 3] = [PROVIDERS, KEYS, COMMANDS];

/// How many forms there are.
const COUNT: usize = PROVIDERS.len() + KEYS.len() + COMMANDS.len();

/// All forms. Of two with one start, the first that fits counts.
pub(crate) static FORMS: [Form; COUNT] = {
    let mut forms = [PROVIDERS[0]; COUNT];
    let (mut count, mut part) = (0, 0);
    while part < PARTS.len() {
        let mut at = 0;
        while at < PARTS[part].len() {
            forms[count] = PARTS[part][at];
            count += 1;
            at += 1;
        }
        part += 1;
    }
    forms
};
