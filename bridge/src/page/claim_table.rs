//! What the sessions of this user know of claims, put together, and where claims of different sessions meet.

use std::collections::BTreeMap;

use junction_engine::claims_meet;
use serde_json::{Value, json};

use crate::ipc::{KnownRepository, ShownClaims};
use crate::timestamp::ms_of;

/// Claims that are shown of one repository. Each is compared with every other.
const MAX_CLAIMS: usize = 300;
/// Conflicts that are shown of one repository.
const MAX_CONFLICTS: usize = 100;
/// Milliseconds by which one claim has to be older than another to count as the first. Each session notes by its own clock
/// when it heard of a claim, so closer times do not tell which the sessions themselves take for the first.
const CLEARLY_OLDER: u64 = 2000;

/// Claims by repository.
#[derive(Default)]
pub(crate) struct ClaimTable(BTreeMap<String, RepositoryRows>);

#[derive(Default)]
struct RepositoryRows {
    ignores_case: bool,
    /// Claims by alias and path. Several sessions know of the same one.
    claims: BTreeMap<(String, String), Value>,
    more: usize,
}

impl ClaimTable {
    /// Adds what a session knows of the claims of a repository.
    pub(crate) fn add(&mut self, repository: &KnownRepository, shown: &ShownClaims) {
        let rows = self.0.entry(repository.name.clone()).or_default();
        rows.ignores_case |= repository.ignores_case;
        rows.more = rows.more.max(shown.more);
        for claim in &shown.claims {
            let text = |field: &str| claim[field].as_str().unwrap_or_default().to_owned();
            if rows.claims.len() < MAX_CLAIMS {
                rows.claims.insert((text("alias"), text("path")), claim.clone());
            } else {
                rows.more = rows.more.max(1);
            }
        }
    }

    /// The claims and the conflicts, as the page shows them.
    pub(crate) fn into_value(self) -> Value {
        let (mut claims, mut conflicts, mut repositories) = (Vec::new(), Vec::new(), Vec::new());
        let mut more = 0;
        for (name, rows) in self.0 {
            conflicts.extend(rows.conflicts(&name));
            claims.extend(rows.claims.values().map(|claim| row(claim, &name)));
            more += rows.more;
            repositories.push(name);
        }
        json!({ "claims": claims, "conflicts": conflicts, "repositories": repositories, "more": more })
    }
}

impl RepositoryRows {
    /// Where claims of different sessions meet.
    fn conflicts(&self, repository: &str) -> Vec<Value> {
        let all: Vec<_> = self.claims.iter().collect();
        let mut found = Vec::new();
        for (at, ((alias, path), claim)) in all.iter().enumerate() {
            for ((other, theirs), their_claim) in &all[at + 1..] {
                if alias != other && claims_meet(path, theirs, self.ignores_case) {
                    let mut conflict = json!({
                        "path": path, "holders": [alias, other], "repository": repository,
                    });
                    if path != theirs {
                        conflict["other"] = json!(theirs);
                    }
                    if let Some(is_theirs_later) = is_later(their_claim, claim) {
                        conflict["yields"] = json!(if is_theirs_later { other } else { alias });
                    }
                    found.push(conflict);
                    if found.len() == MAX_CONFLICTS {
                        return found;
                    }
                }
            }
        }
        found
    }
}

/// Whether one claim was made after another: the session that claims later yields. `None` if that is not certain.
fn is_later(claim: &Value, than: &Value) -> Option<bool> {
    let [one, other] = [claim, than].map(|claim| claim["since"].as_str().and_then(ms_of));
    let (one, other) = (one?, other?);
    (one.abs_diff(other) >= CLEARLY_OLDER).then_some(one > other)
}

/// A claim as the page shows it.
fn row(claim: &Value, repository: &str) -> Value {
    let time = |field: &str| claim[field].as_str().and_then(ms_of);
    let mut row = json!({
        "alias": claim["alias"],
        "path": claim["path"],
        "since": time("since"),
        "expires": time("expires"),
        "repository": repository,
    });
    if claim["note"].is_string() {
        row["note"] = claim["note"].clone();
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> KnownRepository {
        KnownRepository { name: "shop".to_owned(), ignores_case: false }
    }

    fn claims(claims: &[(&str, &str)]) -> ShownClaims {
        let claim = |(alias, path): &(&str, &str)| json!({ "alias": alias, "path": path, "since": "1970-01-01T00:00:01.000Z", "expires": "x" });
        ShownClaims { claims: claims.iter().map(claim).collect(), ..ShownClaims::default() }
    }

    #[test]
    fn claims_that_several_know_are_one_and_those_that_meet_are_conflicts() {
        let mut table = ClaimTable::default();
        table.add(&repository(), &claims(&[("alice", "src"), ("alice", "src/a"), ("bob", "docs")]));
        table.add(&repository(), &claims(&[("alice", "src"), ("bob", "src/*.rs")]));
        let shown = table.into_value();
        assert_eq!(shown["claims"].as_array().map(Vec::len), Some(4));
        assert_eq!(shown["claims"][0]["since"], 1000);
        assert_eq!(
            shown["conflicts"],
            json!([{
                "path": "src", "other": "src/*.rs", "holders": ["alice", "bob"], "repository": "shop",
            }])
        );
    }

    #[test]
    fn session_that_claims_clearly_later_yields() {
        let claim = |since: &str| json!({ "since": since });
        let (first, soon, later) = (
            claim("1970-01-01T00:00:01.000Z"),
            claim("1970-01-01T00:00:02.500Z"),
            claim("1970-01-01T00:00:03.000Z"),
        );
        assert_eq!(is_later(&later, &first), Some(true));
        assert_eq!(is_later(&first, &later), Some(false));
        assert_eq!(is_later(&soon, &first), None);
        assert_eq!(is_later(&claim("soon"), &first), None);
    }
}
