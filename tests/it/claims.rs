//! Claims between engines through a real hub: who is told what, what a hub sees, and that all agree in the end.

use std::time::Duration;

use junction_engine::{ChainLimit, Change, ClaimRequest, ClaimsPage, Config, Engine, Repository};
use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::wire::Context;
use junction_testkit::{TestHome, eventually};

mod agreement;
mod limits;

/// A name that no frame may hold.
const REPOSITORY: &str = "github.com/canary-repo-xkwqz/widgets";

fn repository() -> Repository {
    Repository { name: REPOSITORY.to_owned(), ignores_case: false }
}

fn request(paths: &[&str]) -> ClaimRequest {
    ClaimRequest {
        repository: repository(),
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        note: Some("canary-note-jvbfm".to_owned()),
        ttl: Duration::from_secs(900),
    }
}

/// An engine of this home that is registered at the hub of this port and works in the repository.
async fn join(home: &TestHome, port: u16, alias: &str) -> Engine {
    let engine = Engine::start(Config {
        setting_error: None,
        hub: "local".to_owned(),
        config_dir: ConfigDir::at(home.config()),
        port: Some(port),
        autostart: false,
        alias: Alias::parse(alias).ok(),
        seen: Context::default(),
        send_limit: None,
        chain_limit: ChainLimit::default(),
        is_unlisted: false,
        awaits_session: false,
    });
    engine.work_in(repository()).await;
    engine.register(Change::default()).await.expect("a hub");
    engine
}

/// Who claims what, as this engine sees it; its own claims under its alias.
fn seen(engine: &Engine, page: &ClaimsPage) -> Vec<(String, String)> {
    let own = engine.snapshot().alias.map(|alias| alias.to_string()).unwrap_or_default();
    let named = page.claims.iter().map(|claim| {
        let alias = claim.alias.as_ref().map_or(own.clone(), ToString::to_string);
        (alias, claim.path.clone())
    });
    let mut named: Vec<_> = named.collect();
    named.sort_unstable();
    named
}

/// Waits until an engine has heard of everybody and sees just these claims.
async fn sees(engine: &Engine, expected: &[(&str, &str)]) -> ClaimsPage {
    eventually(&format!("{expected:?} are claimed"), async || {
        let page = engine.claims(repository()).await.ok()?;
        let claims = seen(engine, &page);
        let named = claims.iter().map(|(alias, path)| (alias.as_str(), path.as_str()));
        (page.is_complete && named.eq(expected.iter().copied())).then_some(page)
    })
    .await
}
