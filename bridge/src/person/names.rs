//! Names that earlier commands of this person spoke under. Each had keys of its own, which are gone, so a peer that
//! exchanged messages with it would take the next one for an impostor. The next one takes another name, for a while.

use std::time::Duration;

use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::protocol::alias::Alias;

use junction_engine::wall_ms;

/// The file with the names, one a line, each with the second in which it was last spoken under.
const FILE: &str = "names";
/// How long a name is not taken again. Sessions seldom last longer.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// Names that are kept; beyond it the oldest go.
const MOST: usize = 200;
/// The highest number behind a name that is tried.
const MOST_NUMBERS: u32 = 999;

/// The names of earlier commands.
pub(crate) struct SpokenNames(Vec<(Alias, u64)>);

impl SpokenNames {
    /// The names in this directory. A file that cannot be read counts as empty: it is a convenience alone.
    pub(crate) fn load(dir: &ConfigDir) -> Self {
        let text = dir.read_private(FILE).ok().flatten().unwrap_or_default();
        Self::parsed(&text, wall_ms() / 1000)
    }

    fn parsed(text: &str, now: u64) -> Self {
        let line = |line: &str| {
            let (name, second) = line.split_once(' ')?;
            let second: u64 = second.trim().parse().ok()?;
            let is_recent = second <= now && now - second < KEPT.as_secs();
            is_recent.then_some((Alias::parse(name).ok()?, second))
        };
        Self(text.lines().filter_map(line).collect())
    }

    /// Whether an earlier command spoke under this name, or one that reads like it.
    pub(crate) fn holds(&self, alias: &Alias) -> bool {
        self.0.iter().any(|(name, _)| name.fold() == alias.fold())
    }

    /// The names that are left to one who is called this, in the order in which to try them.
    pub(crate) fn left<'a>(&'a self, name: &'a Alias) -> impl Iterator<Item = Alias> + 'a {
        let numbered = (2..=MOST_NUMBERS).filter_map(|number| name.numbered(number));
        std::iter::once(name.clone()).chain(numbered).filter(|name| !self.holds(name))
    }

    fn with(mut self, alias: &Alias, now: u64) -> String {
        self.0.retain(|(name, _)| name != alias);
        self.0.push((alias.clone(), now));
        let first = self.0.len().saturating_sub(MOST);
        self.0[first..].iter().map(|(name, second)| format!("{name} {second}\n")).collect()
    }
}

/// Notes that a command speaks under this name.
pub(crate) fn spoken_as(dir: &ConfigDir, alias: &Alias) {
    let names = SpokenNames::load(dir).with(alias, wall_ms() / 1000);
    // Without the note, the next command has the same name, and peers are told of its new key.
    let _ = dir.write_private(FILE, &names);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alias(text: &str) -> Alias {
        Alias::parse(text).unwrap()
    }

    #[test]
    fn name_that_was_spoken_under_is_left_to_nobody_for_a_day() {
        let day = KEPT.as_secs();
        let text = SpokenNames::parsed("", 7).with(&alias("kurt"), 7);
        let first = |now: u64| SpokenNames::parsed(&text, now).left(&alias("kurt")).next().unwrap();
        assert_eq!(first(8), alias("kurt-2"));
        assert_eq!(first(7 + day), alias("kurt"));
        assert_eq!(first(6), alias("kurt"), "a clock that was set back");
    }

    #[test]
    fn names_that_read_alike_count_as_one() {
        let names = SpokenNames::parsed("kurt2 5\nbroken\nx y\n", 6);
        let left: Vec<_> = names.left(&alias("kurt")).take(2).collect();
        assert_eq!(left, [alias("kurt"), alias("kurt-3")]);
    }

    #[test]
    fn names_are_bounded() {
        let text: String = (0..300).map(|number| format!("name-{number}x 5\n")).collect();
        let written = SpokenNames::parsed(&text, 6).with(&alias("kurt"), 6);
        assert_eq!(written.lines().count(), MOST);
        assert!(written.ends_with("name-299x 5\nkurt 6\n"));
    }
}
