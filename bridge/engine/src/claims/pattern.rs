//! Patterns of paths, and whether two of them meet: whether some path is covered by both.
//!
//! A pattern covers what it names and everything below; one that names files by an extension, such as `src/**/*.rs`, covers
//! nothing below. Segments are separated by `/`; `*` stands for any characters of a
//! segment, `?` for one, and a segment `**` for any number of segments. All else stands for itself, so that `[id].tsx` is
//! the name of a file.

/// The segment that stands for any number of segments.
const ANY_DEPTH: &str = "**";

/// The paths that a claim covers, or the path of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    path: Box<str>,
    /// The path in lower case, where that is another text.
    folded: Option<Box<str>>,
    /// Whether some character stands for others.
    is_wild: bool,
    /// Whether the last segment looks like the name of a file, below which there is nothing.
    is_of_files: bool,
}

/// What one character of a segment stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PatternToken {
    Char(char),
    One,
    Many,
}

impl Pattern {
    /// The pattern of a claim.
    pub(super) fn new(path: &str) -> Self {
        let (is_wild, is_of_files) = (has_wildcard(path), has_extension(path));
        Self { is_wild, is_of_files, ..Self::literal(path) }
    }

    /// The pattern of a file, whatever characters its name has.
    pub(super) fn literal(path: &str) -> Self {
        let folded = path.to_lowercase();
        let folded = (folded != path).then(|| folded.into_boxed_str());
        Self { path: path.into(), folded, is_wild: false, is_of_files: true }
    }

    /// The pattern as it was claimed.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether some path is covered by both patterns.
    pub(super) fn meets(&self, other: &Self, ignores_case: bool) -> bool {
        let (one, two) = (self.text(ignores_case), other.text(ignores_case));
        if !self.is_wild && !other.is_wild {
            // Where something is below it, it is a directory, whatever it looks like.
            return is_at_or_below(one, two) || is_at_or_below(two, one);
        }
        let (one, two) =
            (self.segments(one, self.is_of_files), other.segments(two, other.is_of_files));
        meet(&one, &two, PathSegment::is_any_depth, PathSegment::meets)
    }

    /// Whether the path of a file, below which there is nothing, is covered.
    pub(super) fn covers(&self, file: &Self, ignores_case: bool) -> bool {
        let (pattern, path) = (self.text(ignores_case), file.text(ignores_case));
        if !self.is_wild {
            return is_at_or_below(path, pattern);
        }
        let (pattern, path) = (self.segments(pattern, self.is_of_files), file.segments(path, true));
        meet(&pattern, &path, PathSegment::is_any_depth, PathSegment::meets)
    }

    /// The segments, and one for what is below them, unless it is files that are named.
    fn segments<'a>(&self, text: &'a str, is_of_files: bool) -> Vec<PathSegment<'a>> {
        let segment = |text| PathSegment { text, is_wild: self.is_wild && has_wildcard(text) };
        let below = PathSegment { text: ANY_DEPTH, is_wild: true };
        text.split('/').map(segment).chain((!is_of_files).then_some(below)).collect()
    }

    fn text(&self, ignores_case: bool) -> &str {
        self.folded.as_deref().filter(|_| ignores_case).unwrap_or(&self.path)
    }
}

/// Whether the last segment ends with an extension, as names of files do: up to ten letters and digits, a letter among them,
/// behind a dot that is not the first character. `v1.2` and `v1.*` are names of directories as well.
fn has_extension(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    let is_short = extension.chars().count() <= 10;
    let has_letter = extension.chars().any(char::is_alphabetic);
    !stem.is_empty() && is_short && has_letter && extension.chars().all(char::is_alphanumeric)
}

/// Whether a path is this directory, or in it.
fn is_at_or_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// A segment of a pattern.
#[derive(Clone, Copy)]
struct PathSegment<'a> {
    text: &'a str,
    /// Whether some character stands for others.
    is_wild: bool,
}

impl PathSegment<'_> {
    /// Whether it stands for any number of segments.
    fn is_any_depth(&self) -> bool {
        self.is_wild && self.text == ANY_DEPTH
    }

    /// Whether some text fits both segments. No segment is empty, and neither is that text.
    fn meets(&self, other: &Self) -> bool {
        if !self.is_wild && !other.is_wild {
            return self.text == other.text;
        }
        let is_many = |token: &PatternToken| *token == PatternToken::Many;
        meet(&self.tokens(), &other.tokens(), is_many, PatternToken::meets)
    }

    fn tokens(&self) -> Vec<PatternToken> {
        let token = |character| match character {
            '*' if self.is_wild => PatternToken::Many,
            '?' if self.is_wild => PatternToken::One,
            character => PatternToken::Char(character),
        };
        self.text.chars().map(token).collect()
    }
}

impl PatternToken {
    fn meets(&self, other: &Self) -> bool {
        self == other || *self == Self::One || *other == Self::One
    }
}

/// Whether something fits both of two sequences, in which some items stand for any number of others: of segments, or of the
/// characters in one. Two items of which neither is such a one fit the same thing if they meet.
fn meet<T>(
    one: &[T],
    two: &[T],
    is_many: impl Fn(&T) -> bool,
    meets: impl Fn(&T, &T) -> bool,
) -> bool {
    let last = |sequence: &[T]| sequence.iter().rposition(&is_many).map(|at| at + 1);
    let first = |sequence: &[T]| sequence.iter().position(&is_many);
    match (first(one).zip(last(one)), first(two).zip(last(two))) {
        (None, None) => one.len() == two.len() && one.iter().zip(two).all(|(a, b)| meets(a, b)),
        (Some(_), None) => fits(one, two, is_many, meets),
        (None, Some(_)) => fits(two, one, is_many, meets),
        // Between the first and the last such items of one, all that the other wants has room. So the ends alone count.
        (Some((start_of_one, end_of_one)), Some((start_of_two, end_of_two))) => {
            let starts = one[..start_of_one].iter().zip(&two[..start_of_two]);
            let ends = one[end_of_one..].iter().rev().zip(two[end_of_two..].iter().rev());
            starts.chain(ends).all(|(a, b)| meets(a, b))
        }
    }
}

/// Whether something fits a pattern and also a sequence in which no item stands for any number. What lies between two such
/// items of the pattern is best found as early as it can be.
fn fits<T>(
    pattern: &[T],
    sequence: &[T],
    is_many: impl Fn(&T) -> bool,
    meets: impl Fn(&T, &T) -> bool,
) -> bool {
    let (mut at, mut next, mut last_many) = (0, 0, None);
    while let Some(item) = sequence.get(next) {
        match (pattern.get(at), last_many) {
            (Some(many), _) if is_many(many) => {
                at += 1;
                last_many = Some((at, next));
            }
            (Some(wanted), _) if meets(wanted, item) => (at, next) = (at + 1, next + 1),
            // The last one takes one item more.
            (_, Some((behind, taken))) => {
                last_many = Some((behind, taken + 1));
                (at, next) = (behind, taken + 1);
            }
            _ => return false,
        }
    }
    pattern[at..].iter().all(is_many)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn meets(one: &str, two: &str) -> bool {
        let (a, b) = (Pattern::new(one), Pattern::new(two));
        assert_eq!(a.meets(&b, false), b.meets(&a, false), "{one} and {two}");
        a.meets(&b, false)
    }

    #[test]
    fn a_claim_covers_what_it_names_and_everything_below() {
        for (one, two) in [
            ("src", "src"),
            ("src", "src/auth/x.rs"),
            ("src/*", "src/auth/x.rs"),
            ("**", "a"),
            ("**/*.rs", "src"),
            ("src/v1.2", "src/v1.2/x"),
            ("v1.2/**", "v1.2"),
            ("rel/v1.*", "rel/v1.2/notes.md"),
            ("rel/*.2", "rel/v1.2/notes.md"),
            ("**/*.rs", "src/.config"),
            ("**/x.rs", "src/a/b/x.rs"),
            ("src/**/x.rs", "src/x.rs"),
            ("src/**", "**/x.rs"),
            ("a*", "*b"),
            ("a?c", "ab*"),
            ("app/[id].tsx", "app/*.tsx"),
        ] {
            assert!(meets(one, two), "{one} and {two}");
        }
        for (one, two) in [
            ("src", "srcs"),
            ("src/a", "src/b/a"),
            ("src/*.rs", "src/x.ts"),
            ("a?", "a"),
            ("app/[id].tsx", "app/i.tsx"),
            ("*/x", "y/z"),
            ("src/**/a", "lib/a"),
            ("*.rs", "a/b.rs"),
            ("src/**/*.rs", "src/**/*.md"),
            ("README.md", "**/*.sql"),
            ("docs/a.md", "**/*.rs"),
        ] {
            assert!(!meets(one, two), "{one} and {two}");
        }
    }

    #[test]
    fn case_is_ignored_only_where_it_is_to_be() {
        let (one, two) = (Pattern::new("Src/ÄB*"), Pattern::new("src/äbc"));
        assert!(one.meets(&two, true) && !one.meets(&two, false));
        assert_eq!(one.path(), "Src/ÄB*");
    }

    #[test]
    fn characters_of_a_file_stand_for_themselves() {
        let covers = |pattern: Pattern, file| pattern.covers(&Pattern::literal(file), false);
        assert!(covers(Pattern::new("a/?"), "a/*") && covers(Pattern::new("a"), "a/*"));
        assert!(!covers(Pattern::new("a/b"), "a/*") && !covers(Pattern::new("a"), "**"));
        assert!(covers(Pattern::literal("a/*"), "a/*") && !covers(Pattern::literal("a/*"), "a/b"));
    }

    #[test]
    fn nothing_is_below_a_file() {
        let covers = |pattern, file| Pattern::new(pattern).covers(&Pattern::literal(file), false);
        assert!(meets("**/*.sql", "README"), "a claim may be of a directory");
        assert!(!covers("**/*.sql", "README.md") && covers("**/*.sql", "db/x.sql"));
        assert!(covers("rel/v1.*", "rel/v1.2/notes.md") && !covers("*.rs", "a.rs/b"));
        assert!(!covers("src/x.rs", "src") && covers("src/**", "src") && covers("*", "src/x.rs"));
        assert!(Pattern::new("SRC/*").covers(&Pattern::literal("src/x"), true));
    }

    #[test]
    fn longest_patterns_meet() {
        let one = Pattern::new(&"*a".repeat(128));
        let two = Pattern::new(&"a*".repeat(128));
        assert!(one.meets(&two, false));
        let deep = Pattern::new(&["**/a"; 64].join("/")[..255]);
        let other = Pattern::new(&["**/b"; 64].join("/")[..255]);
        assert!(deep.meets(&other, false));
    }

    #[test]
    fn regression_comparing_takes_no_more_steps_than_there_are_pairs_of_items() {
        let compared = |one: &str, two: &str| {
            let count = std::cell::Cell::new(0);
            let (one, two): (Vec<char>, Vec<char>) = (one.chars().collect(), two.chars().collect());
            let meets = |a: &char, b: &char| {
                count.set(count.get() + 1);
                a == b
            };
            meet(&one, &two, |item| *item == '*', meets);
            count.get()
        };
        let longest = "a".repeat(255);
        for (one, two) in [
            (["*a"; 127].concat(), ["a*"; 127].concat()),
            (["*a"; 127].concat(), longest.clone()),
            (["a*"; 127].concat() + "b", longest.clone()),
            (format!("*{}b", "a".repeat(120)), longest.clone()),
            (["*aab"; 63].concat(), ["aa"; 127].concat()),
        ] {
            let most = one.len() * two.len();
            assert!(
                compared(&one, &two) <= most && compared(&two, &one) <= most,
                "{one} and {two}"
            );
        }
    }

    /// Whether a segment's pattern fits a text, in the plainest way.
    fn fits(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|at| fits(rest, &text[at..])),
            Some(('?', rest)) => !text.is_empty() && fits(rest, &text[1..]),
            Some((character, rest)) => text.first() == Some(character) && fits(rest, &text[1..]),
        }
    }

    /// Whether a pattern covers a path, in the plainest way. Below one that names files there is nothing.
    fn covers(pattern: &[&str], path: &[&str], is_of_files: bool) -> bool {
        match pattern.split_first() {
            None => path.is_empty() || !is_of_files,
            Some((&"**", rest)) => {
                (0..=path.len()).any(|at| covers(rest, &path[at..], is_of_files))
            }
            Some((segment, rest)) => path.split_first().is_some_and(|(first, below)| {
                let characters = |text: &str| text.chars().collect::<Vec<_>>();
                fits(&characters(segment), &characters(first)) && covers(rest, below, is_of_files)
            }),
        }
    }

    /// All sequences of up to so many of these.
    fn sequences<T: Clone>(of: &[T], most: usize) -> Vec<Vec<T>> {
        let mut all: Vec<Vec<T>> = vec![Vec::new()];
        let mut last = all.clone();
        for _ in 0..most {
            let longer = |start: &Vec<T>| {
                of.iter()
                    .map(|next| [start.as_slice(), std::slice::from_ref(next)].concat())
                    .collect::<Vec<_>>()
            };
            last = last.iter().flat_map(longer).collect();
            all.extend(last.iter().cloned());
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Of single segments with up to three tokens, the shortest text that fits both has up to six characters.
        #[test]
        fn segments_meet_if_some_text_fits_both(
            one in proptest::collection::vec(select(vec!['a', 'b', '?', '*']), 1..4),
            two in proptest::collection::vec(select(vec!['a', 'b', '?', '*']), 1..4),
        ) {
            prop_assume!(one != ['*', '*'] && two != ['*', '*']);
            let texts = sequences(&['a', 'b'], 6);
            let expected = texts.iter().any(|text| !text.is_empty() && fits(&one, text) && fits(&two, text));
            let (one, two) = (one.iter().collect::<String>(), two.iter().collect::<String>());
            prop_assert_eq!(meets(&one, &two), expected, "{} and {}", one, two);
        }

        #[test]
        fn files_are_covered_as_the_plainest_way_says(
            pattern in proptest::collection::vec(select(vec!["a", "b", "?", "*", "**", "a*", "*b"]), 1..5),
            path in proptest::collection::vec(select(vec!["a", "b", "ab", "ba"]), 1..6),
        ) {
            let (one, file) = (Pattern::new(&pattern.join("/")), Pattern::literal(&path.join("/")));
            prop_assert_eq!(one.covers(&file, false), covers(&pattern, &path, false));
        }

        /// What the hook says of an edit and what the claims say of each other is one rule: of a file that one session
        /// claims by its path, another's pattern covers it just if the two claims meet.
        #[test]
        fn regression_file_is_covered_just_if_a_claim_of_it_meets_the_pattern(
            pattern in proptest::collection::vec(
                select(vec!["a", "*", "**", "v1.2", "v1.*", "*.2", "*.rs", "a.?", "a.r?", "x.rs"]), 1..4,
            ),
            folder in proptest::collection::vec(select(vec!["a", "v1.2", "v1.rs", "b"]), 0..3),
            name in select(vec!["x.rs", "a.rs", "notes.md"]),
        ) {
            let path = [folder.as_slice(), &[name]].concat().join("/");
            let one = Pattern::new(&pattern.join("/"));
            // Two plain paths meet, too, if the claimed file is a directory for the other.
            let is_below = one.path().starts_with(&format!("{path}/"));
            let covered = one.covers(&Pattern::literal(&path), false) || is_below && !one.is_wild;
            prop_assert_eq!(covered, one.meets(&Pattern::new(&path), false), "{} and {}", one.path(), path);
        }

        /// With segments of one letter, the shortest path that both cover has up to as many segments as both together.
        #[test]
        fn patterns_meet_if_some_path_is_covered_by_both(
            one in proptest::collection::vec(select(vec!["a", "b", "?", "*", "**", "a*", "*.b"]), 1..5),
            two in proptest::collection::vec(select(vec!["a", "b", "?", "*", "**", "*b", "a.*"]), 1..5),
        ) {
            let of_files = |pattern: &[&str]| pattern.last().is_some_and(|last| last.ends_with(".b"));
            let (files_one, files_two) = (of_files(&one), of_files(&two));
            let paths = sequences(&["a", "b", "a.b"], 7);
            let expected = paths.iter().any(|path| {
                covers(&one, path, files_one) && covers(&two, path, files_two)
            });
            let (one, two) = (one.join("/"), two.join("/"));
            prop_assert_eq!(meets(&one, &two), expected, "{} and {}", one, two);
        }
    }
}
