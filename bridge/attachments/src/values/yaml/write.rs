//! YAML as it is written: keys, and values as double-quoted scalars (YAML 1.2.2 § 7.3.1), which hold every text on one
//! line in every context.

/// The most blanks that are taken for one level of a text.
const MAX_UNIT: usize = 8;

/// Entries on lines of their own, each in the mapping of the one before.
pub(super) fn block(names: &[String], value: &str, indent: &str, unit: usize) -> Vec<String> {
    let Some((last, parents)) = names.split_last() else { return Vec::new() };
    let blanks = |depth: usize| format!("{indent}{}", " ".repeat(depth * unit));
    let mut lines: Vec<_> = parents
        .iter()
        .enumerate()
        .map(|(depth, name)| format!("{}{}:", blanks(depth), key(name)))
        .collect();
    lines.push(format!("{}{}: {}", blanks(parents.len()), key(last), quoted(value)));
    lines
}

/// Entries between brackets, each in the mapping of the one before.
pub(super) fn flow(names: &[String], value: &str) -> String {
    let keys: Vec<_> = names.iter().map(|name| format!("{}: ", key(name))).collect();
    let close = "}".repeat(names.len().saturating_sub(1));
    format!("{}{}{close}", keys.join("{"), quoted(value))
}

/// How many blanks a level of a text has.
pub(super) fn unit(text: &str) -> usize {
    let indents = text.lines().filter_map(|line| {
        let content = line.trim_start_matches(' ');
        let is_content = !content.trim().is_empty() && !content.starts_with(['#', '-']);
        (is_content && content.len() < line.len()).then(|| line.len() - content.len())
    });
    indents.min().filter(|unit| *unit <= MAX_UNIT).unwrap_or(2)
}

/// A name as a key. One that YAML 1.1 takes for something else than a text is quoted.
fn key(name: &str) -> String {
    const RESERVED: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
        && !RESERVED.contains(&name.to_ascii_lowercase().as_str());
    if is_plain { name.to_owned() } else { quoted(name) }
}

/// A text as a double-quoted scalar. What is no printable character of YAML 1.1 is escaped, and so is what ends a line
/// there.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if is_escaped(c) => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn is_escaped(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}
