//! `hosts.toml`: the hubs that this machine knows by name.
//!
//! ```toml
//! [hosts]
//! local = "junction://127.0.0.1:4200/#1.…"   # a link: its group can be joined
//! attic = "192.168.1.20:4200"                # no link: only seen
//! ```
//!
//! People edit this file, so a mistake in one line disables that line alone and is reported with its number.

use toml_edit::{
    Document, DocumentMut, Item, Key, RawString, Table, TableLike, TomlError, Value, value,
};

use crate::invite_link::{InviteLink, parse_address};
use crate::machine::config_dir::{ConfigDir, ConfigError};
use crate::machine::hosts_problem::{HostsMistake, HostsProblem};

/// The file's name in the configuration directory.
pub const HOSTS_FILE: &str = "hosts.toml";
/// The name of the hub of this machine.
pub const LOCAL: &str = "local";

const TABLE: &str = "hosts";
/// The longest name of a host, in characters.
pub const MAX_HOST_NAME: usize = 32;
/// Lines that are skipped because they are not TOML before the whole file is rejected: more are no typing mistake.
const MAX_BAD_LINES: usize = 32;

/// The content of `hosts.toml`.
#[derive(Default)]
pub struct HostsFile {
    /// The hubs, in the order of the file.
    pub entries: Vec<HostEntry>,
    /// The mistakes in the file, in the order in which they were found.
    pub problems: Vec<HostsProblem>,
}

/// A hub known by name.
pub struct HostEntry {
    /// The hub's name on this machine: 1 to 32 of `a`–`z`, `0`–`9` and `-`.
    pub name: String,
    /// A DNS name or an IP address; an IPv6 address without brackets.
    pub host: String,
    /// The hub's port, never 0.
    pub port: u16,
    /// The link that joins the hub's group, if known.
    pub link: Option<InviteLink>,
}

impl HostsFile {
    /// Reads the file; a missing file has no entries.
    ///
    /// # Errors
    /// [`ConfigError`] if the file cannot be read, or others may read or replace it. Mistakes inside it are in `problems`
    /// instead.
    pub fn load(dir: &ConfigDir) -> Result<Self, ConfigError> {
        let Some(mut text) = dir.read_private(HOSTS_FILE)? else { return Ok(Self::default()) };
        let mut parser = HostsParser { dir, found: Self::default() };
        parser.set_bad_lines_aside(&mut text);
        if let Ok(document) = Document::parse(text.as_str()) {
            parser.document(&text, &document);
        }
        Ok(parser.found)
    }

    /// The entry of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&HostEntry> {
        self.entries.iter().find(|entry| entry.name == name)
    }
}

/// Whether a text is a valid name for a hub.
#[must_use]
pub fn is_host_name(name: &str) -> bool {
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=MAX_HOST_NAME).contains(&name.len()) && name.bytes().all(allowed)
}

/// A parser that collects the file's mistakes.
struct HostsParser<'a> {
    dir: &'a ConfigDir,
    found: HostsFile,
}

impl HostsParser<'_> {
    fn problem(&mut self, line: usize, mistake: HostsMistake) {
        let path = self.dir.path().join(HOSTS_FILE);
        self.found.problems.push(HostsProblem { path, line, mistake });
    }

    /// Blanks the lines that are not TOML, or the whole text if there are too many.
    fn set_bad_lines_aside(&mut self, text: &mut String) {
        for _ in 0..MAX_BAD_LINES {
            let Some(line) = bad_line(text) else { return };
            blank(text, line);
            self.problem(line, HostsMistake::NotToml);
        }
        if bad_line(text).is_some() {
            self.problem(1, HostsMistake::TooManyBadLines);
            text.clear();
        }
    }

    fn document(&mut self, text: &str, document: &Document<&str>) {
        for (name, item) in document.iter() {
            if name != TABLE && item.is_value() {
                let line = line_of(text, item.span());
                self.problem(line, HostsMistake::OutsideTable);
            }
        }
        let Some(item) = document.get(TABLE) else { return };
        let Some(table) = item.as_table_like() else {
            let line = line_of(text, item.span());
            return self.problem(line, HostsMistake::NotATable);
        };
        for (name, item) in table.iter() {
            match entry(name, item) {
                Ok(entry) => self.found.entries.push(entry),
                Err(mistake) => {
                    let span = table.key(name).and_then(Key::span);
                    self.problem(line_of(text, span.or(item.span())), mistake);
                }
            }
        }
    }
}

fn entry(name: &str, item: &Item) -> Result<HostEntry, HostsMistake> {
    if !is_host_name(name) {
        return Err(HostsMistake::BadName);
    }
    let name = name.to_owned();
    let text = item.as_str().ok_or(HostsMistake::NotText)?;
    if let Some((host, port)) = parse_address(text) {
        return Ok(HostEntry { name, host, port, link: None });
    }
    if !text.contains("://") {
        return Err(HostsMistake::NotAHost);
    }
    let link = InviteLink::parse(text)?;
    Ok(HostEntry { name, host: link.host.clone(), port: link.port, link: Some(link) })
}

/// The number of the line, counted from 1, in which a span begins.
fn line_of(text: &str, span: Option<std::ops::Range<usize>>) -> usize {
    line_at(text, span.map_or(0, |span| span.start))
}

fn line_at(text: &str, offset: usize) -> usize {
    let before = &text.as_bytes()[..offset.min(text.len())];
    before.iter().filter(|b| **b == b'\n').count() + 1
}

/// The number of the first line, counted from 1, that is not TOML, if there is one.
fn bad_line(text: &str) -> Option<usize> {
    let error = Document::parse(text).err()?;
    // After an unclosed quote or bracket the parser blames later lines, so each line is parsed by itself first: no host
    // needs two. The remaining errors are conflicts between lines, such as a name given twice.
    let alone = text.lines().position(|line| Document::parse(line).is_err());
    Some(alone.map_or_else(|| line_of(text, error.span()), |index| index + 1))
}

/// Replaces a line with spaces, so that the others keep their positions.
fn blank(text: &mut String, line: usize) {
    let Some(found) = text.lines().nth(line - 1) else { return };
    let start = found.as_ptr() as usize - text.as_ptr() as usize;
    let range = start..start + found.len();
    text.replace_range(range.clone(), &" ".repeat(range.len()));
}

/// Stores a link under a name, replacing any that is there. Comments and order stay.
///
/// # Errors
/// [`ConfigError`] if the name is not valid, the file is not TOML, or it cannot be read or written.
pub fn set_link(dir: &ConfigDir, name: &str, link: &InviteLink) -> Result<(), ConfigError> {
    if !is_host_name(name) {
        return Err(ConfigError::BadName);
    }
    let _lock = dir.lock()?;
    set_link_locked(dir, name, link)
}

/// [`set_link`] for a caller that holds the directory's lock.
pub(crate) fn set_link_locked(
    dir: &ConfigDir,
    name: &str,
    link: &InviteLink,
) -> Result<(), ConfigError> {
    let text = link.to_text();
    edit(dir, |hosts| {
        match hosts.get_mut(name).and_then(Item::as_value_mut) {
            Some(old) => replace(old, &text),
            None => {
                hosts.insert(name, value(text.as_str()));
            }
        }
        true
    })
    .map(|_| ())
}

/// Removes a host by name, with the comments on its line and directly above it. Returns whether it was there.
///
/// # Errors
/// [`ConfigError`] if the file is not TOML, or cannot be read or written.
pub fn remove(dir: &ConfigDir, name: &str) -> Result<bool, ConfigError> {
    let _lock = dir.lock()?;
    edit(dir, |hosts| {
        let comments = comments_before(hosts, name);
        let next = hosts.iter().map(|(key, _)| key.to_owned()).skip_while(|key| key != name).nth(1);
        let removed = hosts.remove(name).is_some();
        if let Some(mut next) = next.as_deref().and_then(|next| hosts.key_mut(next)) {
            let own = next.leaf_decor().prefix().and_then(RawString::as_str).unwrap_or_default();
            let prefix = format!("{comments}{own}");
            next.leaf_decor_mut().set_prefix(prefix);
        }
        removed
    })
}

/// The lines above a host that are not about it: everything down to the last empty line.
fn comments_before(hosts: &dyn TableLike, name: &str) -> String {
    let prefix = hosts.key(name).and_then(|key| key.leaf_decor().prefix()?.as_str());
    let kept = prefix.unwrap_or_default().rsplit_once("\n\n");
    kept.map(|(kept, _)| format!("{kept}\n\n")).unwrap_or_default()
}

/// Replaces a value, keeping the white space and comment around it.
fn replace(old: &mut Value, text: &str) {
    let decor = old.decor().clone();
    *old = Value::from(text);
    *old.decor_mut() = decor;
}

/// Reads the file and lets `change` edit its table of hosts. If `change` returns true, writes the file back and returns
/// true too.
fn edit(
    dir: &ConfigDir,
    change: impl FnOnce(&mut dyn TableLike) -> bool,
) -> Result<bool, ConfigError> {
    let path = dir.path().join(HOSTS_FILE);
    let text = dir.read_private(HOSTS_FILE)?.unwrap_or_default();
    let mut document: DocumentMut = text.parse().map_err(|error: TomlError| {
        ConfigError::Syntax { path: path.clone(), line: line_of(&text, error.span()) }
    })?;
    let hosts = document.entry(TABLE).or_insert(Item::Table(Table::new()));
    let hosts = hosts.as_table_like_mut().ok_or(ConfigError::NotATable(path))?;
    let changed = change(hosts);
    if changed {
        dir.write_private(HOSTS_FILE, &document.to_string())?;
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn dir() -> (tempfile::TempDir, ConfigDir) {
        let outer = tempfile::tempdir().unwrap();
        let dir = ConfigDir::at(outer.path().join("config"));
        (outer, dir)
    }

    fn link(port: u16) -> InviteLink {
        let secret = Secret::filled(|key| key.fill(7));
        InviteLink { host: "10.0.0.1".to_owned(), port, pin: [1; 32], secret }
    }

    /// What a file of this text holds: its entries in short, and its problems without the path.
    fn read(text: &str) -> (Vec<String>, Vec<String>) {
        let (_outer, dir) = dir();
        dir.write_private(HOSTS_FILE, text).unwrap();
        let found = HostsFile::load(&dir).unwrap();
        let short = |entry: &HostEntry| {
            let linked = if entry.link.is_some() { " linked" } else { "" };
            format!("{} {} {}{linked}", entry.name, entry.host, entry.port)
        };
        let path = dir.path().join(HOSTS_FILE).display().to_string();
        let problems = found.problems.iter().map(ToString::to_string).map(|problem| {
            assert!(!problem.contains('\n'));
            problem.strip_prefix(&path).unwrap().trim_start().to_owned()
        });
        (found.entries.iter().map(short).collect(), problems.collect())
    }

    fn lines_of(problems: &[String]) -> Vec<&str> {
        problems.iter().map(|problem| problem.split(':').next().unwrap()).collect()
    }

    #[test]
    fn missing_and_empty_files_have_no_hosts() {
        let (_outer, missing) = dir();
        assert!(HostsFile::load(&missing).unwrap().entries.is_empty());
        for text in ["", "# nothing\n", "[hosts]\n", "[other]\nx = 1\n"] {
            assert_eq!(read(text), (vec![], vec![]), "{text:?}");
        }
    }

    #[test]
    fn links_and_addresses_are_read_in_order() {
        let text = format!(
            "[hosts]\nz = '{}' # far\na = \"192.168.1.2:80\"\nsix = \"[::1]:9\"\n",
            link(4200).to_text().as_str()
        );
        let entries = vec!["z 10.0.0.1 4200 linked", "a 192.168.1.2 80", "six ::1 9"];
        assert_eq!(read(&text), (entries.into_iter().map(str::to_owned).collect(), vec![]));
    }

    #[test]
    fn bad_entry_costs_itself_alone_and_is_told_with_its_line() {
        let cut = link(1).to_text()[..60].to_owned();
        let text = format!(
            "top = 1\n[hosts]\nBAD = \"a:1\"\n\"{}\" = \"a:1\"\nn = 5\nt = {{ x = 1 }}\n\n# comment\nport = \"a\"\n\
             cut = \"{cut}\"\ngood = \"b:2\"\n",
            "x".repeat(33)
        );
        let (entries, problems) = read(&text);
        assert_eq!(entries, ["good b 2"]);
        let lines = ["line 1", "line 3", "line 4", "line 5", "line 6", "line 9", "line 10"];
        assert_eq!(lines_of(&problems), lines);
        assert_eq!(
            problems[6],
            "line 10: The link is cut short. Copy the whole link, up to its last character."
        );
        assert!(problems.iter().all(|problem| !problem.contains("AQEB")));
    }

    #[test]
    fn line_that_is_no_toml_costs_itself_alone() {
        let bad = [
            "b = ",
            "b",
            "b = \"unclosed",
            "= \"x\"",
            "b = c:1",
            "b = \"a:1\" c",
            "a = \"c:3\"",
            "[x",
            "]",
        ];
        for bad in bad {
            let (entries, problems) = read(&format!("[hosts]\na = \"a:1\"\n{bad}\nz = \"b:2\"\n"));
            assert_eq!(entries, ["a a 1", "z b 2"], "{bad}");
            assert_eq!(lines_of(&problems), ["line 3"], "{bad}");
        }
    }

    #[test]
    fn problem_is_told_where_its_name_stands() {
        let (entries, problems) =
            read("[hosts]\na.b = \"a:1\"\nc = [\n  1,\n]\n\n[hosts.d]\nx = 1\n");
        assert!(entries.is_empty());
        assert_eq!(lines_of(&problems), ["line 2", "line 3", "line 7"]);
    }

    #[test]
    fn several_bad_lines_are_each_told() {
        let (entries, problems) = read("[hosts]\r\n!\r\na = \"a:1\"\r\n?\r\nb = \"b:2\"\r\n\"");
        assert_eq!(entries, ["a a 1", "b b 2"]);
        assert_eq!(lines_of(&problems), ["line 2", "line 4", "line 6"]);
    }

    #[test]
    fn hopeless_text_is_given_up() {
        let (entries, problems) = read(&"?\n".repeat(1000));
        assert!(entries.is_empty());
        assert_eq!(problems.len(), MAX_BAD_LINES + 1);
        let (entries, problems) = read("hosts = 5\n");
        assert!(entries.is_empty());
        assert_eq!(lines_of(&problems), ["line 1"]);
    }

    #[test]
    fn quote_or_bracket_left_open_costs_its_line_alone() {
        for open in ["\"\"\"", "'''", "[", "{", "[\"x\","] {
            let text = format!("[hosts]\na = \"a:1\"\nb = {open}\nc = \"c:3\"\nd = \"d:4\"\n");
            let (entries, problems) = read(&text);
            assert_eq!(entries, ["a a 1", "c c 3", "d d 4"], "{open}");
            assert_eq!(lines_of(&problems), ["line 3"], "{open}");
        }
    }

    #[test]
    fn setting_a_link_keeps_comments_and_order() {
        let (_outer, dir) = dir();
        let before =
            "# mine\n[hosts]\n\n# far away\nfar = \"a:1\" # slow\nnear = 'b:2'\n\n[other]\nx = 1\n";
        dir.write_private(HOSTS_FILE, before).unwrap();
        set_link(&dir, "far", &link(9)).unwrap();
        set_link(&dir, "new", &link(8)).unwrap();
        let after = dir.read_private(HOSTS_FILE).unwrap().unwrap();
        let short = after
            .replace(link(9).to_text().as_str(), "LINK 9")
            .replace(link(8).to_text().as_str(), "LINK 8");
        assert_eq!(
            short,
            "# mine\n[hosts]\n\n# far away\nfar = \"LINK 9\" # slow\nnear = 'b:2'\nnew = \"LINK 8\"\n\n[other]\nx = 1\n"
        );
        assert!(HostsFile::load(&dir).unwrap().find("new").is_some_and(|entry| entry.port == 8));
    }

    #[test]
    fn setting_a_link_makes_the_file() {
        let (_outer, dir) = dir();
        set_link(&dir, LOCAL, &link(1)).unwrap();
        let text = dir.read_private(HOSTS_FILE).unwrap().unwrap();
        assert_eq!(text.as_str(), format!("[hosts]\nlocal = \"{}\"\n", link(1).to_text().as_str()));
    }

    #[test]
    fn file_that_is_no_toml_is_not_overwritten() {
        let (_outer, dir) = dir();
        dir.write_private(HOSTS_FILE, "[hosts]\na = \"a:1\"\n?\n").unwrap();
        let error = set_link(&dir, "b", &link(1)).unwrap_err();
        assert!(matches!(error, ConfigError::Syntax { line: 3, .. }), "{error}");
        assert!(matches!(set_link(&dir, "B", &link(1)), Err(ConfigError::BadName)));
        dir.write_private(HOSTS_FILE, "hosts = 1\n\n\n").unwrap();
        assert!(matches!(set_link(&dir, "b", &link(1)), Err(ConfigError::NotATable(_))));
        assert_eq!(dir.read_private(HOSTS_FILE).unwrap().unwrap().lines().count(), 3);
    }

    #[test]
    fn removing_a_host_leaves_the_others() {
        let (_outer, dir) = dir();
        assert!(!remove(&dir, "a").unwrap());
        assert!(dir.read_private(HOSTS_FILE).unwrap().is_none());
        dir.write_private(HOSTS_FILE, "[hosts]\na = \"a:1\" # x\n# about b\nb = \"b:2\"\n")
            .unwrap();
        assert!(remove(&dir, "a").unwrap());
        assert!(!remove(&dir, "a").unwrap());
        let text = dir.read_private(HOSTS_FILE).unwrap().unwrap();
        assert_eq!(text.as_str(), "[hosts]\n# about b\nb = \"b:2\"\n");
    }

    #[test]
    fn removing_a_host_leaves_what_is_not_about_it() {
        let (_outer, dir) = dir();
        let before = "[hosts]\n# My hosts\n\n# about a\na = \"a:1\"\n# about b\nb = \"b:2\"\n\n[other]\nx = 1\n";
        dir.write_private(HOSTS_FILE, before).unwrap();
        assert!(remove(&dir, "a").unwrap());
        let text = dir.read_private(HOSTS_FILE).unwrap().unwrap();
        let after = "[hosts]\n# My hosts\n\n# about b\nb = \"b:2\"\n\n[other]\nx = 1\n";
        assert_eq!(text.as_str(), after);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\[hosts\\]\n)?([a-c ]{0,3}=? ?[\"'\\[{]{0,3}[a:1é\n]{0,5}[\"'\\]}]{0,3}\n){0,6}") {
            let _ = read(&text);
        }
    }
}
