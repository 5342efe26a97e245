//! Claims for people and their scripts: asked of a session, and shown.

use junction_engine::{Collision, Engine, Repository};

use crate::escape::escape;
use crate::ipc::{ClaimsQuestion, ShownClaims};
use crate::results::ClaimsJson;
use crate::timestamp::rfc3339;

/// What a session knows of the claims of a repository, and whether it has heard of all others there.
pub(crate) async fn own_claims(engine: &Engine, question: &ClaimsQuestion) -> Option<ShownClaims> {
    let repository =
        Repository { name: question.repository.clone(), ignores_case: question.ignores_case };
    let page = engine.look_at_claims(repository.clone()).await.ok()?;
    let own = engine.snapshot().alias;
    let mut shown = ClaimsJson::new(own.as_ref());
    shown.add(&page, None);
    let claims = shown.into_claims();
    let claims = claims.iter().filter_map(|claim| serde_json::to_value(claim).ok()).collect();
    let claimants = engine.claimants(repository, question.files.clone()).await;
    let held = claimants.iter().map(holder).collect();
    Some(ShownClaims { claims, held, is_complete: page.is_complete })
}

/// Who claims a file, in a sentence.
fn holder(claim: &Collision) -> String {
    let Collision { path, alias, theirs, note, at_ms, .. } = claim;
    let shown = |text: &str| escape(&text.replace(['\n', '\t'], " ")).text.into_owned();
    let of = if path == theirs { String::new() } else { format!(" (\"{}\")", shown(theirs)) };
    let note = note.as_deref().map(|note| format!(": \"{}\"", shown(note))).unwrap_or_default();
    format!("{} is claimed by {alias}{of} since {}{note}", shown(path), rfc3339(*at_ms))
}
