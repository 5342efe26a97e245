//! Single values in dotenv, JSON, TOML and YAML files: read, and put without changing another byte.
//!
//! Everything here works on bytes in memory. [`read_value`] gives the text of one value, [`put_value`] the whole text
//! with one value put under a key. What is put can add no second entry and change no other one: it is escaped as the
//! format has it, or refused. After every put the value is read back from the new text and compared.
//!
//! No error holds a byte of the text, the key or the value.

use std::path::Path;

mod dotenv;
mod json;
mod key;
mod splice;
mod toml;
mod yaml;

/// The longest text that is read or written, in bytes. Settings and secrets of real projects are below a tenth of it.
pub const MAX_VALUE_FILE: usize = 1 << 20;
/// The longest YAML text, in bytes. The parser holds all tokens between two brackets at once, which takes up to 200
/// times their length.
pub const MAX_YAML_FILE: usize = 256 << 10;
/// The longest TOML text, in bytes. The parser holds up to 50 times its length before it has read anything.
pub const MAX_TOML_FILE: usize = 256 << 10;
/// The most tokens of a TOML text: names, signs, strings, blanks, line ends and comments. A line `name = "value"` has six.
/// The parser holds up to half a kibibyte for each, because every name in `[a.a.a]` is a table.
pub const MAX_TOML_TOKENS: usize = 32 << 10;
/// The longest value, in bytes: the largest keys and certificate chains are about a quarter of it.
pub const MAX_VALUE: usize = 64 << 10;

/// What some editors on Windows begin a text with.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The format of a file with values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lines of `NAME=value`. [`put_value`] says which of the many readers of this format agree on what is written.
    Dotenv,
    /// JSON, with comments and trailing commas if they are there.
    Json,
    /// TOML 1.1.
    Toml,
    /// YAML 1.2.
    Yaml,
}

impl Format {
    /// The format of a file, by the extension of its name: `.json` and `.jsonc`, `.toml`, `.yaml` and `.yml`, in upper
    /// or lower case. Every other file is dotenv.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let extension = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
        match extension.as_ref().and_then(|extension| extension.to_str()) {
            Some("json" | "jsonc") => Self::Json,
            Some("toml") => Self::Toml,
            Some("yaml" | "yml") => Self::Yaml,
            _ => Self::Dotenv,
        }
    }

    /// The longest text of this format that is read or written, in bytes.
    #[must_use]
    pub fn longest_file(self) -> usize {
        match self {
            Self::Yaml => MAX_YAML_FILE,
            Self::Toml => MAX_TOML_FILE,
            Self::Dotenv | Self::Json => MAX_VALUE_FILE,
        }
    }

    fn check_size(self, text: &[u8]) -> Result<(), ValueError> {
        let limit = self.longest_file();
        if text.len() > limit { Err(ValueError::FileSize { limit }) } else { Ok(()) }
    }
}

/// Why a value was not read or not put. No kind holds anything of the text, the key or the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueError {
    /// The key is not one of the format, or no new entry can have it.
    Key,
    /// The text, or what it would become, is longer than [`Format::longest_file`].
    FileSize {
        /// The most bytes.
        limit: usize,
    },
    /// The text, or what it would become, is TOML of more than [`MAX_TOML_TOKENS`] tokens.
    Tokens,
    /// The value is longer than [`MAX_VALUE`].
    ValueSize,
    /// The text or the value in it is not UTF-8, or the text holds NUL.
    NotText,
    /// The text is not in the format, or is nested deeper than is read.
    Syntax,
    /// Nothing is under the key.
    Missing,
    /// A value is under the key, and overwriting was not allowed.
    Exists,
    /// The key, or a part of it, is there twice.
    Twice,
    /// An object, an array or null is under the key. Null can be overwritten.
    NotSingle,
    /// A part of the key but the last holds no table.
    NotTable,
    /// The value is, is in, or is also reached through an alias of YAML. No alias is followed.
    Alias,
    /// The text holds more than one YAML document.
    Documents,
    /// Readers of dotenv disagree about the value that is there.
    Unclear,
    /// The format has no form of the value that all its readers read as the same.
    Inexpressible,
    /// The value cannot be put in this place without changing another part of the text.
    Layout,
}

/// The value under a key, as text in UTF-8. Of numbers, dates and booleans it is the text as written.
///
/// A key of dotenv is the name of a variable. In the other formats it is a path from the top: names with dots between
/// them, such as `database.password`. A name that holds a dot, a blank or a quote stands in double quotes, with a
/// backslash before a double quote or backslash in it: `hosts."example.com".token`. Items of arrays have no key.
///
/// **dotenv**: a value in single quotes or backticks is taken as it is; one in double quotes with `\n`, `\r`, `\t`, `\"`,
/// `\\`, `\$` and `` \` `` decoded; one without quotes up to the end of the line or to a blank and `#`. `export` before a
/// name and blanks round `=` are passed over; a colon and a blank stand for `=`. Variables are not expanded: `$NAME` is given as it is. Of a name that is
/// there twice, the last entry counts, as in nearly all readers.
///
/// **YAML**: of several documents, the first is read. Aliases and merge keys are not followed.
///
/// # Errors
/// A [`ValueError`].
pub fn read_value(format: Format, text: &[u8], key: &str) -> Result<Vec<u8>, ValueError> {
    let (_, text) = decoded(format, text)?;
    let value = match format {
        Format::Dotenv => dotenv::read(text, key)?,
        Format::Json => json::read(text, &key::parts(key)?)?,
        Format::Toml => toml::read(text, &key::parts(key)?)?,
        Format::Yaml => yaml::read(text, &key::parts(key)?)?,
    };
    if value.len() > MAX_VALUE { Err(ValueError::ValueSize) } else { Ok(value.into_bytes()) }
}

/// The text with one value put under a key, and every other byte kept. The value becomes a string, whatever was there.
///
/// Where the key exists, only the bytes of its value change, and only with `overwrite`. Where it does not, an entry is
/// added as the text has its others: in dotenv as a last line, else as the last entry of its table, which is made if it
/// is missing. The text keeps its kind of line end, and keeps or lacks the last one as before. [`read_value`] says what a
/// key is.
///
/// **dotenv** is read by many programs that disagree. A value is written in the first of these forms that can hold it:
///
/// 1. without quotes, if it has only letters and digits of ASCII and `_ . / : @ % + , = -`, and does not begin with `=`;
/// 2. in single quotes, if it has neither a single quote, a line end, two backslashes in a row nor one at its end;
/// 3. in double quotes, line ends as `\n`, if it has none of `"`, `\`, `$` and the backtick.
///
/// docker compose, dotenv of Node (and with it Vite and Next.js), Node's own `--env-file`, python-dotenv, dotenv of Ruby,
/// direnv and a shell's `set -a; . ./.env` read the same value, but for two cases: a shell and newer versions of Ruby's
/// do not decode the line ends of form 3, and `docker run --env-file` knows no quotes. A line end is never written as it is, because a reader that
/// goes by lines would see further entries. Refused as [`ValueError::Inexpressible`] is what none of the forms holds, and:
///
/// - `$` before a letter, `_`, `{` or `(`: python-dotenv expands `${NAME}` and dotenv-expand `$NAME` in quotes of every
///   kind, so a value could carry another secret away; `make` would run `$(shell …)`;
/// - `\$`, from which dotenv-expand takes the backslash;
/// - CR, which not even the readers that decode `\n` agree on;
/// - other control characters but tab, and U+2028, U+2029 and U+FEFF, which end a line or a text for some readers.
///
/// Where an earlier line has a quote that a shell takes for an open one, as in `A=it's`, only form 1 is written: a shell
/// would take the next quote for its end, and what follows for commands. Everything else is [`ValueError::Layout`] there.
///
/// A new name has only letters and digits of ASCII and `_`, as in a shell. One with `.` or `-` can be overwritten. Of a
/// name that is there twice, the last entry is replaced.
///
/// **YAML**: a value that an alias refers to is not replaced, and nothing is added to a mapping that one refers to: the
/// other place would change with it. Tags and anchors stay. A block scalar becomes a quoted one.
///
/// # Errors
/// A [`ValueError`].
pub fn put_value(
    format: Format,
    text: &[u8],
    key: &str,
    value: &[u8],
    overwrite: bool,
) -> Result<Vec<u8>, ValueError> {
    if value.len() > MAX_VALUE {
        return Err(ValueError::ValueSize);
    }
    let value = str::from_utf8(value).map_err(|_| ValueError::Inexpressible)?;
    let (mark, text) = decoded(format, text)?;
    let put = match format {
        Format::Dotenv => dotenv::put(text, key, value, overwrite)?,
        Format::Json => json::put(text, &key::parts(key)?, value, overwrite)?,
        Format::Toml => toml::put(text, &key::parts(key)?, value, overwrite)?,
        Format::Yaml => yaml::put(text, &key::parts(key)?, value, overwrite)?,
    };
    let put = [mark, &put].concat().into_bytes();
    format.check_size(&put)?;
    // Whatever an odd text made of the value, it is not written.
    match read_value(format, &put, key) {
        Ok(read) if read == value.as_bytes() => Ok(put),
        _ => Err(ValueError::Layout),
    }
}

/// A text without its byte order mark, and the mark. NUL is in no text of these formats, and ends one for some readers.
fn decoded(format: Format, text: &[u8]) -> Result<(&'static str, &str), ValueError> {
    format.check_size(text)?;
    let text = str::from_utf8(text).map_err(|_| ValueError::NotText)?;
    if text.contains('\0') {
        return Err(ValueError::NotText);
    }
    match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(text) => Ok((BYTE_ORDER_MARK, text)),
        None => Ok(("", text)),
    }
}

#[cfg(test)]
mod tests;
