//! How a path to claim is written: with alternatives between braces, and nothing that would mean something else than what
//! it would be taken for.

use super::args::bare;

/// How many paths one pattern with alternatives may stand for.
const MAX_ALTERNATIVES: usize = 16;

/// What is wrong with a path to claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OddPath {
    /// A brace has no partner.
    Braces,
    /// The alternatives between braces are too many.
    ManyAlternatives,
    /// An alternative leaves no path.
    EmptyAlternative,
    /// A shell would put the home directory in place of `~`.
    Home,
    /// Numbers of lines follow the name of a file.
    Lines,
    /// Brackets have a range or an exclusion between them. Other brackets may be in the name of a file.
    Range,
}

impl OddPath {
    /// Checks one path as it was given.
    ///
    /// # Errors
    /// What is wrong with it.
    fn check(path: &str) -> Result<(), Self> {
        if path == "~" || path.starts_with("~/") {
            return Err(Self::Home);
        }
        if has_lines(path) {
            return Err(Self::Lines);
        }
        if has_range(path) {
            return Err(Self::Range);
        }
        if has_lone_brace(path) { Err(Self::Braces) } else { Ok(()) }
    }

    /// The end of a sentence that begins with the argument, and what to do.
    pub(super) fn wording(self) -> String {
        match self {
            Self::Braces => "a path with a brace that has no partner. Write src/{a,b}.rs, or each path by itself.".to_owned(),
            Self::ManyAlternatives => format!(
                "a path with more than {MAX_ALTERNATIVES} alternatives between its braces. Write several paths, or * in place of \
                 the braces."
            ),
            Self::EmptyAlternative => {
                "a path with an empty alternative between its braces, which leaves no path. Write each path by itself.".to_owned()
            }
            Self::Home => "a path that begins with ~, which stands for no home directory here. Write an absolute path.".to_owned(),
            Self::Lines => "a path with numbers of lines. Claim the whole file.".to_owned(),
            Self::Range => {
                "a path with a range between brackets, which is no pattern here. Write * or ?, or each path by itself.".to_owned()
            }
        }
    }
}

/// The paths that one text stands for: one in each line, and those between commas where each of them looks like a path. A
/// name may have commas.
pub(super) fn separate(text: &str) -> Vec<String> {
    let lines: Vec<_> = text.lines().map(bare).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return vec![String::new()];
    }
    if let [line] = lines.as_slice() {
        let parts = between_commas(line);
        let looks_like_path = |part: &&str| {
            part.contains(['/', '.', '*', '?']) || !part.contains(char::is_whitespace)
        };
        let are_paths = !parts.is_empty() && parts.iter().all(looks_like_path);
        return if are_paths {
            parts.into_iter().map(str::to_owned).collect()
        } else {
            vec![(*line).to_owned()]
        };
    }
    lines.into_iter().flat_map(separate).collect()
}

/// The paths of a list in brackets that is no JSON, but has quotes between the brackets: single ones, or a comma behind the
/// last one. Other brackets may be in the name of a file.
pub(super) fn quoted_list(text: &str) -> Option<Vec<String>> {
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    let is_quoted = inner.trim_start().starts_with(['"', '\'', '`']);
    is_quoted.then(|| between_commas(inner).into_iter().map(str::to_owned).collect())
}

/// The parts of a text between commas that are not between braces, without empty ones.
fn between_commas(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let parts = text.split(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(bare).filter(|part| !part.is_empty()).collect()
}

/// Paths without braces: `src/{a,b}.rs` stands for two.
///
/// # Errors
/// What is wrong with one of them.
pub(super) fn alternatives(paths: &[String]) -> Result<Vec<String>, OddPath> {
    let mut all = Vec::new();
    for path in paths {
        OddPath::check(path)?;
        let mut open = vec![path.clone()];
        let mut done = Vec::new();
        while let Some(path) = open.pop() {
            match split_braces(&path) {
                Some(parts) => open.extend(parts.into_iter().rev()),
                None if path.is_empty() => return Err(OddPath::EmptyAlternative),
                None => done.push(path),
            }
            if open.len() + done.len() > MAX_ALTERNATIVES {
                return Err(OddPath::ManyAlternatives);
            }
        }
        all.extend(done);
    }
    Ok(all)
}

/// The paths that the first innermost braces with a comma stand for.
fn split_braces(path: &str) -> Option<Vec<String>> {
    let mut start = None;
    for (at, c) in path.char_indices() {
        match (c, start) {
            ('{', _) => start = Some(at),
            ('}', Some(open)) => {
                let inner = &path[open + 1..at];
                if inner.contains(',') {
                    let (before, after) = (&path[..open], &path[at + 1..]);
                    return Some(
                        inner
                            .split(',')
                            .map(|one| format!("{before}{}{after}", one.trim()))
                            .collect(),
                    );
                }
                start = None;
            }
            _ => {}
        }
    }
    None
}

/// Whether the name of a file with an extension is followed by numbers of lines: `a.rs:10`, `a.rs:10-20`, `a.rs#L10`.
fn has_lines(path: &str) -> bool {
    let Some((file, lines)) = path.rsplit_once("#L").or_else(|| path.rsplit_once(':')) else {
        return false;
    };
    let file = file.trim_end_matches(|c: char| c == ':' || c.is_ascii_digit());
    let extension = file.rsplit('/').next().and_then(|name| name.rsplit_once('.'));
    let is_file = extension
        .is_some_and(|(_, extension)| extension.starts_with(|c: char| c.is_ascii_alphabetic()));
    let is_number = |c: char| c.is_ascii_digit() || matches!(c, '-' | 'L');
    is_file && lines.starts_with(|c: char| c.is_ascii_digit()) && lines.chars().all(is_number)
}

/// Whether brackets hold a range of single characters, or what is excluded.
fn has_range(path: &str) -> bool {
    let mut parts = path.split('[').skip(1).filter_map(|part| part.split_once(']'));
    parts.any(|(inner, _)| {
        let characters: Vec<char> = inner.chars().collect();
        let is_range = |three: &[char]| {
            three[1] == '-' && three[0].is_alphanumeric() && three[2].is_alphanumeric()
        };
        inner.starts_with(['!', '^'])
            || (characters.len().is_multiple_of(3)
                && !characters.is_empty()
                && characters.chunks(3).all(is_range))
    })
}

fn has_lone_brace(path: &str) -> bool {
    let mut open = 0_usize;
    for c in path.chars() {
        match c {
            '{' => open += 1,
            '}' if open == 0 => return true,
            '}' => open -= 1,
            _ => {}
        }
    }
    open > 0
}
