//! Claims for people and their scripts: asked of a session, and shown.

use junction_engine::{ClaimsPage, Collision, Engine, Repository};

use crate::escape::escape;
use crate::ipc::{ClaimsQuestion, ShownClaims};
use crate::results::ClaimsJson;
use crate::timestamp::rfc3339;

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
    let held = claimants.iter().map(holder).collect();
    Some(ShownClaims { claims, held, more, is_complete })
}

/// Who claims a file, in a sentence.
fn holder(claim: &Collision) -> String {
    let Collision { path, alias, theirs, note, at_ms, expires_ms, .. } = claim;
    let shown = |text: &str| escape(&text.replace(['\n', '\t'], " ")).text.into_owned();
    let of = if path == theirs { String::new() } else { format!(" (\"{}\")", shown(theirs)) };
    let until = expires_ms.map(|at| format!(" until {}", rfc3339(at))).unwrap_or_default();
    let note = note.as_deref().map(|note| format!(": \"{}\"", shown(note))).unwrap_or_default();
    format!("{} is claimed by {alias}{of} since {}{until}{note}.", shown(path), rfc3339(*at_ms))
}

#[cfg(test)]
mod tests {
    use junction_engine::CollisionKind;
    use junction_shared::protocol::alias::Alias;

    use super::*;

    #[test]
    fn holder_of_a_file_is_told_with_the_time_of_the_claim() {
        let claimed = Collision {
            path: "src/a\nb".to_owned(),
            alias: Alias::parse("bob").unwrap(),
            kind: CollisionKind::Claimed,
            theirs: "src".to_owned(),
            note: Some("new login".to_owned()),
            at_ms: 0,
            expires_ms: Some(900_000),
            you_hold: false,
        };
        assert_eq!(
            holder(&claimed),
            "src/a b is claimed by bob (\"src\") since 1970-01-01T00:00:00.000Z until 1970-01-01T00:15:00.000Z: \"new login\"."
        );
    }
}
