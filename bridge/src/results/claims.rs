//! Claims as JSON. Peers wrote their paths and notes, so these are escaped for display.

use junction_engine::{ClaimConflict, ClaimInfo, ClaimsPage};
use junction_shared::protocol::alias::Alias;
use serde::Serialize;

use crate::escape::escape;
use crate::timestamp::rfc3339;

/// About how long the claims and the conflicts of an answer may be together, in characters.
const MOST_CHARACTERS: usize = 36_000;
/// How much of that the session's own claims may take, so that they hide no conflict.
const MOST_OWN: usize = 18_000;
/// The most paths that are named because they are not claimed, and the most characters of each.
const MOST_NOT_CLAIMED: usize = 32;
const MOST_OF_A_PATH: usize = 256;
/// About how long a claim is beside its path and note.
const FIELDS: usize = 160;

/// Claims, and where they meet.
#[derive(Debug, Serialize)]
pub(crate) struct ClaimsJson {
    claims: Vec<ClaimJson>,
    conflicts: Vec<ConflictJson>,
    /// Paths that were to be released, and that the session does not claim.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_claimed: Vec<String>,
    /// How many claims and conflicts are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<usize>,
    #[serde(skip)]
    own: String,
    #[serde(skip)]
    length: usize,
}

/// A claim.
#[derive(Debug, Serialize)]
pub(crate) struct ClaimJson {
    alias: String,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    since: String,
    expires: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
}

/// A claim of another session that meets one of this session.
#[derive(Debug, Serialize)]
pub(crate) struct ConflictJson {
    #[serde(flatten)]
    claim: ClaimJson,
    yours: String,
    you_yield: bool,
}

impl ClaimsJson {
    /// None yet, for the session of this alias.
    pub(crate) fn new(own: Option<&Alias>) -> Self {
        let own = own.map_or_else(|| "you".to_owned(), ToString::to_string);
        let (claims, conflicts, not_claimed) = (Vec::new(), Vec::new(), Vec::new());
        Self { claims, conflicts, not_claimed, more: None, own, length: 0 }
    }

    /// Adds those of repositories, each named unless it is the project's own: first the session's own claims, then conflicts,
    /// since something is to be done about them, and then the claims of others.
    pub(crate) fn add(&mut self, pages: &[(Option<String>, ClaimsPage)]) {
        self.add_claims(pages, MOST_OWN, |claim| claim.alias.is_none());
        for (repository, page) in pages {
            if page.more > 0 {
                *self.more.get_or_insert(0) += page.more;
            }
            for conflict in &page.conflicts {
                let length =
                    conflict.path.len() + conflict.yours.len() + length_of(conflict.note.as_ref());
                if self.has_room(length, MOST_CHARACTERS) {
                    self.conflicts.push(ConflictJson::new(conflict, repository.as_deref()));
                }
            }
        }
        self.add_claims(pages, MOST_CHARACTERS, |claim| claim.alias.is_some());
    }

    fn add_claims(
        &mut self,
        pages: &[(Option<String>, ClaimsPage)],
        most: usize,
        which: fn(&ClaimInfo) -> bool,
    ) {
        for (repository, page) in pages {
            for claim in page.claims.iter().filter(|claim| which(claim)) {
                if self.has_room(claim.path.len() + length_of(claim.note.as_ref()), most) {
                    let alias =
                        claim.alias.as_ref().map_or_else(|| self.own.clone(), ToString::to_string);
                    self.claims.push(ClaimJson::new(claim, alias, repository.as_deref()));
                }
            }
        }
    }

    /// Adds paths that were to be released, and that the session does not claim.
    pub(crate) fn not_claimed(&mut self, paths: &[String]) {
        let cut = |path: &String| shown(&path.chars().take(MOST_OF_A_PATH).collect::<String>());
        self.not_claimed = paths.iter().take(MOST_NOT_CLAIMED).map(cut).collect();
    }

    /// How many claims and conflicts are left out.
    pub(crate) fn more(&self) -> usize {
        self.more.unwrap_or_default()
    }

    /// The claims.
    pub(crate) fn into_claims(self) -> Vec<ClaimJson> {
        self.claims
    }

    fn has_room(&mut self, length: usize, most: usize) -> bool {
        let longer = self.length + length + FIELDS;
        let has_room = longer <= most;
        if has_room {
            self.length = longer;
        } else {
            *self.more.get_or_insert(0) += 1;
        }
        has_room
    }
}

fn length_of(note: Option<&String>) -> usize {
    note.map_or(0, String::len)
}

impl ClaimJson {
    fn new(claim: &ClaimInfo, alias: String, repository: Option<&str>) -> Self {
        Self {
            alias,
            path: shown(&claim.path),
            note: claim.note.as_deref().map(shown),
            since: rfc3339(claim.since_ms),
            expires: rfc3339(claim.expires_ms),
            repository: repository.map(shown),
        }
    }
}

impl ConflictJson {
    /// A conflict in this repository, named unless it is the project's own.
    pub(crate) fn new(conflict: &ClaimConflict, repository: Option<&str>) -> Self {
        Self {
            claim: ClaimJson {
                alias: conflict.alias.to_string(),
                path: shown(&conflict.path),
                note: conflict.note.as_deref().map(shown),
                since: rfc3339(conflict.since_ms),
                expires: rfc3339(conflict.expires_ms),
                repository: repository.map(shown),
            },
            yours: shown(&conflict.yours),
            you_yield: conflict.you_yield,
        }
    }
}

fn shown(text: &str) -> String {
    escape(text).text.into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claim(alias: Option<&str>, path: &str, note: Option<&str>) -> ClaimInfo {
        let alias = alias.map(|alias| Alias::parse(alias).unwrap());
        let (path, note) = (path.to_owned(), note.map(str::to_owned));
        ClaimInfo { alias, path, note, since_ms: 0, expires_ms: 900_000 }
    }

    #[test]
    fn what_peers_wrote_is_escaped() {
        let conflict = ClaimConflict {
            repository: "r".to_owned(),
            path: "src\u{202e}".to_owned(),
            yours: "src/a".to_owned(),
            alias: Alias::parse("bob").unwrap(),
            note: None,
            since_ms: 0,
            expires_ms: 0,
            you_yield: true,
        };
        let page = ClaimsPage {
            claims: vec![
                claim(None, "src/a", None),
                claim(Some("bob"), "src\u{202e}", Some("\u{1b}x")),
            ],
            conflicts: vec![conflict],
            more: 0,
            is_complete: true,
            is_relayed: true,
        };
        let mut shown = ClaimsJson::new(Some(&Alias::parse("eve").unwrap()));
        shown.add(&[(None, page)]);
        let (since, expires) = ("1970-01-01T00:00:00.000Z", "1970-01-01T00:15:00.000Z");
        assert_eq!(
            serde_json::to_value(&shown).unwrap(),
            json!({
                "claims": [
                    { "alias": "eve", "path": "src/a", "since": since, "expires": expires },
                    { "alias": "bob", "path": "src\\u{202e}", "note": "\\u{1b}x", "since": since, "expires": expires },
                ],
                "conflicts": [{
                    "alias": "bob", "path": "src\\u{202e}", "since": since, "expires": since, "yours": "src/a",
                    "you_yield": true,
                }],
            })
        );
    }

    #[test]
    fn answer_of_one_who_claims_everything_is_short() {
        let claims = vec![claim(Some("bob"), &"x".repeat(256), Some(&"y".repeat(120))); 2_000];
        let mut shown = ClaimsJson::new(None);
        shown.add(&[(None, ClaimsPage { claims, ..ClaimsPage::default() })]);
        let value = serde_json::to_value(&shown).unwrap();
        assert!(value.to_string().len() < 40_000);
        let count = value["claims"].as_array().unwrap().len();
        assert_eq!(value["more"], json!(2_000 - count));
        // Those that the engine has left out count as well.
        shown.add(&[(None, ClaimsPage { more: 7, ..ClaimsPage::default() })]);
        assert_eq!(shown.more(), 2_007 - count);
    }

    #[test]
    fn regression_own_claims_are_shown_before_many_conflicts() {
        let conflict = ClaimConflict {
            repository: "r".to_owned(),
            path: "x".repeat(256),
            yours: "src".to_owned(),
            alias: Alias::parse("bob").unwrap(),
            note: None,
            since_ms: 0,
            expires_ms: 0,
            you_yield: true,
        };
        let page = |own: usize| {
            let mut claims = vec![claim(None, "src", None); own];
            claims.push(claim(Some("bob"), "lib", None));
            ClaimsPage { claims, conflicts: vec![conflict.clone(); 300], ..ClaimsPage::default() }
        };
        let mut shown = ClaimsJson::new(Some(&Alias::parse("eve").unwrap()));
        // Those of a second repository as well.
        shown.add(&[(None, page(1)), (Some("lib".to_owned()), page(1))]);
        let own: Vec<_> = shown.claims.iter().map(|claim| claim.alias.as_str()).collect();
        assert_eq!(own, ["eve", "eve"]);
        assert_eq!(shown.more(), 600 - shown.conflicts.len() + 2);
        let mut shown = ClaimsJson::new(None);
        shown.add(&[(None, page(512))]);
        assert!(!shown.conflicts.is_empty() && !shown.claims.is_empty());
    }

    #[test]
    fn regression_paths_that_were_not_claimed_are_named() {
        let mut shown = ClaimsJson::new(None);
        shown.not_claimed(&["nope".to_owned(), "\u{202e}".to_owned()]);
        assert_eq!(
            serde_json::to_value(&shown).unwrap()["not_claimed"],
            json!(["nope", "\\u{202e}"])
        );
        shown.not_claimed(&vec!["x".repeat(4_096); 512]);
        assert!(serde_json::to_value(&shown).unwrap().to_string().len() < 9_000);
    }
}
