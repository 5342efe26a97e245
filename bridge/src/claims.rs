//! Claims for people and their scripts: asked of a session, and shown.

use std::time::Duration;

use junction_engine::{ClaimsPage, Collision, Engine, Repository, wall_ms};

use crate::escape::escape;
use crate::ipc::{ClaimsQuestion, ShownClaims};
use crate::results::ClaimsJson;
use crate::timestamp::span;

/// Sessions that are named beside the first that claims a file. There may be many more.
const MAX_OTHERS: usize = 4;

/// What a session knows of the claims of a repository, and whether it has heard of all others there.
pub(crate) async fn own_claims(engine: &Engine, question: &ClaimsQuestion) -> Option<ShownClaims> {
    let repository =
        Repository { name: question.repository.clone(), ignores_case: question.ignores_case };
    let page = engine.look_at_claims(repository.clone()).await.ok()?;
    let is_complete = page.is_complete;
    let own = engine.snapshot().alias;
    let mut shown = ClaimsJson::new(own.as_ref());
    // Conflicts are not shown here, and take no room from the claims.
    shown.add(&[(None, ClaimsPage { conflicts: Vec::new(), more: 0, ..page })]);
    let more = shown.more();
    let claims = shown.into_claims();
    let claims = claims.iter().filter_map(|claim| serde_json::to_value(claim).ok()).collect();
    let claimants = engine.claimants(repository, question.files.clone()).await;
    let held = holders(&claimants, wall_ms());
    Some(ShownClaims { claims, held, more, is_complete })
}

/// Who claims which file, a line each. The claims of a file stand together, the one that holds longest first.
fn holders(claims: &[Collision], now_ms: u64) -> Vec<String> {
    let files = claims.chunk_by(|one, other| one.path == other.path);
    let line = |claims: &[Collision]| {
        let (first, others) = claims.split_first()?;
        let mut names: Vec<_> =
            others.iter().take(MAX_OTHERS).map(|claim| claim.alias.to_string()).collect();
        if others.len() > MAX_OTHERS {
            names.push(format!("{} more", others.len() - MAX_OTHERS));
        }
        let line = holder(first, now_ms);
        Some(match names.split_last() {
            None => line,
            Some((last, [])) => format!("{line} {last} claims it, too."),
            Some((last, names)) => format!("{line} {} and {last} claim it, too.", names.join(", ")),
        })
    };
    files.filter_map(line).collect()
}

/// Who claims a file, in a sentence.
fn holder(claim: &Collision, now_ms: u64) -> String {
    let Collision { path, alias, theirs, note, at_ms, expires_ms, .. } = claim;
    let of = if path == theirs { String::new() } else { format!(" (\"{}\")", shown(theirs)) };
    let since = span(Duration::from_millis(now_ms.saturating_sub(*at_ms)));
    let left = expires_ms.map(|at| span(Duration::from_millis(at.saturating_sub(now_ms))));
    let left = left.map(|left| format!(" and for {left} more")).unwrap_or_default();
    let note = note.as_deref().map(|note| format!(": \"{}\"", shown(note))).unwrap_or_default();
    format!("{} is claimed by {alias}{of}, {since} ago{left}{note}.", shown(path))
}

/// What a peer wrote, on one line.
fn shown(text: &str) -> String {
    escape(&text.replace(['\n', '\t'], " ")).text.into_owned()
}

#[cfg(test)]
mod tests {
    use junction_engine::CollisionKind;
    use junction_shared::protocol::alias::Alias;

    use super::*;

    fn claim(alias: &str) -> Collision {
        Collision {
            path: "src/a\nb".to_owned(),
            alias: Alias::parse(alias).unwrap(),
            kind: CollisionKind::Claimed,
            theirs: "src".to_owned(),
            note: Some("new login".to_owned()),
            at_ms: 0,
            expires_ms: Some(900_000),
            you_hold: false,
        }
    }

    #[test]
    fn holder_of_a_file_is_told_with_the_time_of_the_claim() {
        assert_eq!(
            holders(&[claim("bob")], 180_000),
            ["src/a b is claimed by bob (\"src\"), 3 min ago and for 12 min more: \"new login\"."]
        );
    }

    #[test]
    fn all_holders_of_a_file_are_named_or_counted() {
        let of = |path: &str, aliases: &[&str]| -> Vec<_> {
            let claims = aliases.iter().map(|alias| claim(alias));
            claims.map(|claim| Collision { path: path.to_owned(), ..claim }).collect()
        };
        let names = ["ann", "bob", "eve", "joe", "kim", "liz", "max"];
        let claims = [of("a", &names[..2]), of("b", &names[..3]), of("c", &names)].concat();
        let lines = holders(&claims, 0);
        let ends = lines.iter().map(|line| line.rsplit_once("\". ").unwrap().1);
        assert_eq!(
            ends.collect::<Vec<_>>(),
            [
                "bob claims it, too.",
                "bob and eve claim it, too.",
                "bob, eve, joe, kim and 2 more claim it, too."
            ]
        );
    }
}
