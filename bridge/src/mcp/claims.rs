//! The tool `claim`: what an agent claims and releases, and the claims that it is shown.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use junction_engine::error::Error;
use junction_engine::{ClaimRequest, ClaimsPage, ConnectionState, Release, Repository};
use serde_json::Value;

use super::args::{Parsed, ToolArgs, argument, bare};
use super::params::Param;
use super::path_syntax::{OddPath, alternatives, quoted_list, separate};
use super::tool_error::ToolError;
use super::tools::{ToolAnswer, Tools};
use crate::collisions::by_repository;
use crate::project::place::FilePlace;
use crate::results::{ClaimsJson, object};

/// How long a call waits until the other sessions of a repository are heard, so that a claim knows which came before it.
const HEARING_TIME: Duration = Duration::from_secs(1);
/// How long a call waits until its claims were handed to the hub. Of many in quick succession, one a second is.
const HANDING_TIME: Duration = Duration::from_millis(1_100);
/// How long a call waits for a sign that the hub is alive.
const HUB_TIME: Duration = Duration::from_secs(1);
/// The most paths of one call, before alternatives are told apart.
pub(super) const MAX_PATHS: usize = 512;

/// What became of the claims that a call made or released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClaimRelay {
    /// The hub has relayed the claims, or there were none to relay.
    Relayed,
    /// Claims wait for their turn.
    Waits,
    /// The hub does not answer.
    Unanswered,
}

/// What a call releases.
enum Released {
    All,
    Paths(Vec<String>),
}

/// What is released in each repository, and the paths that are not claimed.
type Releases = (Vec<(Repository, Release)>, Vec<String>);

impl ToolArgs {
    /// Paths and patterns: a list, or one text that stands for a list of itself.
    fn paths(&mut self, name: &'static str) -> Parsed<Vec<String>> {
        let (param, value) = self.take(name);
        self.paths_of(param, value.as_ref())
    }

    /// What is to be released: paths, or true for all.
    fn released(&mut self, name: &'static str) -> Parsed<Option<Released>> {
        let (param, value) = self.take(name);
        let word = match &value {
            Some(Value::String(text)) => bare(text).to_ascii_lowercase(),
            Some(value @ (Value::Bool(_) | Value::Number(_))) => value.to_string(),
            _ => String::new(),
        };
        match word.as_str() {
            "true" | "yes" | "all" | "1" => Ok(Some(Released::All)),
            "false" | "no" | "none" | "0" => Ok(None),
            _ => {
                let paths = self.paths_of(param, value.as_ref())?;
                Ok((!paths.is_empty()).then_some(Released::Paths(paths)))
            }
        }
    }

    fn paths_of(&self, param: &Param, value: Option<&Value>) -> Parsed<Vec<String>> {
        let Some(value) = value else { return Ok(Vec::new()) };
        let (tool, name) = (self.tool.name, param.name);
        let Some(paths) = listed_paths(value) else {
            return argument(format!(
                "{name} must be {}. Call {tool} again with such a list.",
                param.kind.description()
            ));
        };
        let refused = |odd: OddPath| ToolError::Argument(format!("{name} has {}", odd.wording()));
        alternatives(&paths).map_err(refused)
    }
}

/// The paths that an argument stands for, without blanks around them.
fn listed_paths(value: &Value) -> Option<Vec<String>> {
    let paths: Vec<String> = match value {
        Value::String(text)
            if text.trim_start().starts_with('[') && text.trim_end().ends_with(']') =>
        {
            match serde_json::from_str::<Value>(text) {
                Ok(list) if list.is_array() => return listed_paths(&list),
                _ => quoted_list(text).unwrap_or_else(|| separate(text)),
            }
        }
        Value::String(text) => separate(text),
        Value::Array(items) => {
            let texts: Option<Vec<_>> = items.iter().map(Value::as_str).collect();
            texts?.into_iter().flat_map(separate).collect()
        }
        _ => return None,
    };
    let is_path = |path: &String| !path.is_empty() && path.chars().count() <= 4096;
    (paths.len() <= MAX_PATHS && paths.iter().all(is_path)).then_some(paths)
}

impl Tools {
    /// Takes paths to claim or to release. Answers all claims that are known, and those that meet this session's.
    pub(super) async fn claim(&self, args: &mut ToolArgs) -> Result<ToolAnswer, ToolError> {
        let paths = args.paths("paths")?;
        let note = args.label("note")?.filter(|note| !note.is_empty());
        let ttl = Duration::from_secs(args.integer("ttl_seconds")?.unwrap_or(900));
        let released = args.released("release")?;
        let nowhere = || {
            ToolError::Argument(
                "The project's directory cannot be read. Try again in a moment.".to_owned(),
            )
        };
        let workplace = self.edits.workplace().await.ok_or_else(nowhere)?;
        self.engine.set_project(workplace.repository.clone()).await;
        // All that can be wrong with the call is found before any of it is done.
        let (releases, not_claimed) = self.releases(released).await?;
        let placed = self
            .placed("paths", paths)
            .await?
            .into_iter()
            .filter_map(|places| places.into_iter().next());
        let placed = by_repository(placed.collect()).into_iter();
        let claim =
            |(repository, paths)| ClaimRequest { repository, paths, note: note.clone(), ttl };
        let requests: Vec<_> = placed.map(claim).collect();
        requests.iter().try_for_each(ClaimRequest::check).map_err(Error::Claim)?;
        let changes = !(releases.is_empty() && requests.is_empty());
        for (repository, what) in releases {
            self.engine.release(repository, what).await?;
        }
        self.hear_all(&requests).await;
        for request in requests {
            self.engine.claim(request).await?;
        }
        let handed = if changes { self.hand_over().await } else { ClaimRelay::Relayed };
        self.claims_answer(&workplace.repository, &not_claimed, handed).await
    }

    /// All claims that are known, and what became of the call.
    async fn claims_answer(
        &self,
        own: &Repository,
        not_claimed: &[String],
        handed: ClaimRelay,
    ) -> Result<ToolAnswer, ToolError> {
        let mut pages = Vec::new();
        for repository in self.engine.repositories().await {
            let page = self.engine.claims(repository.clone()).await?;
            pages.push(((repository.name != own.name).then_some(repository.name), page));
        }
        let snapshot = self.engine.snapshot();
        let mut shown = ClaimsJson::new(snapshot.alias.as_ref());
        shown.add(&pages);
        shown.not_claimed(not_claimed);
        let mut shown = object(&shown);
        if let Some(why) = incomplete(&pages, &snapshot.state, handed) {
            shown.insert("incomplete".to_owned(), why.into());
        }
        let given_up = self.engine.take_given_up().await;
        if !given_up.is_empty() {
            shown.insert("given_up".to_owned(), given_up_note(&given_up).into());
        }
        Ok(shown)
    }

    /// Waits until the other sessions of the repositories are heard, those of these claims included: of two claims the one
    /// yields that was made when the other was known.
    async fn hear_all(&self, requests: &[ClaimRequest]) {
        for request in requests {
            self.engine.work_in(request.repository.clone()).await;
        }
        let repositories = self.engine.repositories().await.into_iter();
        let heard = repositories.map(|repository| self.engine.hear_all(repository, HEARING_TIME));
        join_all(heard).await;
    }

    /// Waits until the hub has relayed what was claimed and released. Of two sessions that claim at the same moment, one
    /// knows of the other then.
    async fn hand_over(&self) -> ClaimRelay {
        if self.engine.snapshot().state != ConnectionState::Connected {
            return ClaimRelay::Waits;
        }
        let repositories = self.engine.repositories().await.into_iter();
        let handed = repositories.map(|repository| self.engine.hand_over(repository, HANDING_TIME));
        let is_handed = join_all(handed).await.into_iter().all(|is_handed| is_handed);
        match self.engine.hub_answers(HUB_TIME).await {
            true if is_handed => ClaimRelay::Relayed,
            true => ClaimRelay::Waits,
            false => ClaimRelay::Unanswered,
        }
    }

    /// What is to be released, by repository, and the paths that this session does not claim.
    async fn releases(&self, released: Option<Released>) -> Result<Releases, ToolError> {
        let paths = match released {
            Some(Released::Paths(paths)) => paths,
            Some(Released::All) => {
                let repositories = self.engine.repositories().await.into_iter();
                let all = repositories.map(|repository| (repository, Release::All)).collect();
                return Ok((all, Vec::new()));
            }
            None => return Ok(Releases::default()),
        };
        let places = self.placed("release", paths.clone()).await?;
        let own = self.own_claims().await?;
        let (mut found, mut not_claimed) = (Vec::new(), Vec::new());
        for (path, places) in paths.into_iter().zip(places) {
            let mut claimed = places.into_iter().map(|place| claimed_there(&place, &own));
            match claimed.find(|claimed| !claimed.is_empty()) {
                Some(claimed) => found.extend(claimed),
                None => not_claimed.push(path),
            }
        }
        let releases = by_repository(found).into_iter();
        let releases = releases.map(|(repository, paths)| (repository, Release::Paths(paths)));
        Ok((releases.collect(), not_claimed))
    }

    /// The session's own claims: the name of the repository, and the path.
    async fn own_claims(&self) -> Result<HashSet<(String, String)>, ToolError> {
        let mut own = HashSet::new();
        for repository in self.engine.repositories().await {
            let page = self.engine.look_at_claims(repository.clone()).await?;
            let paths = page.claims.into_iter().filter(|claim| claim.alias.is_none());
            own.extend(paths.map(|claim| (repository.name.clone(), claim.path)));
        }
        Ok(own)
    }

    /// Where each path of an argument is, and behind that where it is if it is taken from the top.
    async fn placed(
        &self,
        name: &'static str,
        paths: Vec<String>,
    ) -> Result<Vec<Vec<FilePlace>>, ToolError> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let places = self.edits.look(move |project, workplace| {
            let places = paths.iter().map(|path| {
                let place = workplace.place_of_pattern(path, project)?;
                Some([place].into_iter().chain(workplace.place_from_top(path)).collect())
            });
            places.collect::<Option<Vec<_>>>()
        });
        match places.await {
            Some(Some(places)) => Ok(places),
            Some(None) => argument(format!(
                "{name} has a path that leads out of the project and of every repository, so nothing was done. Name paths below \
                 the repository."
            )),
            None => argument(
                "The project's directory does not answer. Try again in a moment.".to_owned(),
            ),
        }
    }
}

/// What became of claims in repositories that were given up.
fn given_up_note(names: &[String]) -> String {
    let names = names.join(", ");
    format!(
        "Your claims in {names} have ended, because a session works in eight repositories at a time: claim there again what you \
         still need."
    )
}

/// Why claims of others may be missing, or others may not know of this session's.
fn incomplete(
    pages: &[(Option<String>, ClaimsPage)],
    state: &ConnectionState,
    handed: ClaimRelay,
) -> Option<&'static str> {
    let is_relayed = pages.iter().all(|(_, page)| page.is_relayed);
    match state {
        ConnectionState::Connected if !is_relayed => Some(
            "This hub is an older one that tells no session of another's claims. Nobody hears of yours, and those of others \
             are not shown: say by send_message what you are about to change.",
        ),
        _ if !is_relayed => Some(
            "There is no connection to a hub, so claims of others may be missing. They hear of yours as soon as there is one.",
        ),
        _ if handed == ClaimRelay::Unanswered => Some(
            "The hub does not answer, so claims of others may be missing, and they may not have heard of yours. Call claim \
             again in a moment.",
        ),
        _ if handed == ClaimRelay::Waits => Some(
            "The others hear of your last claims within a second or two, because there were many in quick succession. Call \
             claim again in a moment to see whether others claimed the same meanwhile.",
        ),
        _ if pages.iter().any(|(_, page)| !page.is_complete) => Some(
            "Not every session of the repository has answered yet, so claims of others may be missing, older ones than yours \
             among them. Call claim again in a moment.",
        ),
        _ => None,
    }
}

/// Which claims of the session's own a path releases.
fn claimed_there(place: &FilePlace, own: &HashSet<(String, String)>) -> Vec<FilePlace> {
    let repository = &place.repository;
    let paths = with_directories(vec![place.path.clone()]).into_iter();
    let claimed = paths.filter(|path| own.contains(&(repository.name.clone(), path.clone())));
    claimed.map(|path| FilePlace { repository: repository.clone(), path }).collect()
}

/// Paths to release, and beside each whose name has a dot the pattern by which it was claimed if it was a directory then.
fn with_directories(paths: Vec<String>) -> Vec<String> {
    let both = |path: String| {
        let name = path.strip_suffix("/**").unwrap_or(&path).to_owned();
        let is_dotted = name.rsplit('/').next().is_some_and(|name| name.contains('.'));
        if is_dotted { vec![format!("{name}/**"), name] } else { vec![path] }
    };
    paths.into_iter().flat_map(both).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mcp::schema::Tool;
    use crate::wording::Wording as _;

    fn args(given: Value) -> ToolArgs {
        let Value::Object(given) = given else { panic!("no object") };
        ToolArgs::new(Tool::Claim.spec(), given).unwrap()
    }

    fn paths(given: &Value) -> Result<Vec<String>, String> {
        args(json!({ "paths": given })).paths("paths").map_err(|error| error.wording())
    }

    #[test]
    fn paths_are_taken_as_models_write_them() {
        for (given, taken) in [
            (json!(["a", " b/c "]), vec!["a", "b/c"]),
            (json!("src/*.rs"), vec!["src/*.rs"]),
            (json!("`src`"), vec!["src"]),
            (json!("[\"a\", \"b\"]"), vec!["a", "b"]),
            (json!("[id].tsx"), vec!["[id].tsx"]),
            (json!("[id]"), vec!["[id]"]),
            (json!([]), vec![]),
            (json!(""), vec![]),
            (json!(null), vec![]),
            (
                json!(["src/{a,b}/x.{rs,md}"]),
                vec!["src/a/x.rs", "src/a/x.md", "src/b/x.rs", "src/b/x.md"],
            ),
            (json!(["{a,{b,c}}"]), vec!["a", "b", "a", "c"]),
            (json!(["a{b}c", "a{,b}"]), vec!["a{b}c", "a", "ab"]),
            (json!("src/{a, b}.rs"), vec!["src/a.rs", "src/b.rs"]),
        ] {
            assert_eq!(paths(&given).unwrap(), taken, "{given}");
        }
        let many = (0..17).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
        assert!(paths(&json!(format!("{{{many}}}"))).unwrap_err().contains("more than 16"));
        assert!(paths(&json!("{a,b}".repeat(5))).is_err());
        for wrong in [json!(7), json!([7]), json!({}), json!([""]), json!(vec!["a"; 513])] {
            assert!(paths(&wrong).unwrap_err().starts_with("paths must be"), "{wrong}");
        }
    }

    #[test]
    fn regression_several_paths_in_one_text_are_told_apart() {
        for (given, taken) in [
            (json!("src/x, src/y"), vec!["src/x", "src/y"]),
            (json!(["x/**, y/**"]), vec!["x/**", "y/**"]),
            (json!("one\ntwo\r\n\nsrc/a, src/b"), vec!["one", "two", "src/a", "src/b"]),
            (json!("a,b,"), vec!["a", "b"]),
            (json!("`a.rs`, `b.rs`"), vec!["a.rs", "b.rs"]),
            (json!("src/{a,b}.rs, c"), vec!["src/a.rs", "src/b.rs", "c"]),
            (json!("the release, part two"), vec!["the release, part two"]),
            (json!(["the release, v1"]), vec!["the release, v1"]),
            (json!("[\"a\", \"b\",]"), vec!["a", "b"]),
            (json!("['a', 'b c']"), vec!["a", "b c"]),
        ] {
            assert_eq!(paths(&given).unwrap(), taken, "{given}");
            let released = args(json!({ "release": given })).released("release").unwrap();
            assert!(matches!(released, Some(Released::Paths(paths)) if paths == taken), "{given}");
        }
    }

    #[test]
    fn regression_paths_that_mean_something_else_are_refused() {
        for (given, word) in [
            ("{a,b", "brace"),
            ("a,b}", "brace"),
            ("~/x", "home"),
            ("~", "home"),
            ("src/a.rs:10-20", "line"),
            ("src/a.rs:10", "line"),
            ("src/a.rs#L10", "line"),
            ("[a-z].rs", "range"),
            ("src/[!a]*", "range"),
            ("{,src}", "empty"),
        ] {
            let error = paths(&json!([given])).unwrap_err();
            assert!(error.starts_with("paths has ") && error.contains(word), "{given}: {error}");
            assert!(args(json!({ "release": [given] })).released("release").is_err());
        }
        for given in [
            "[id].tsx",
            "[...all].tsx",
            "[[slug]].ts",
            "port:80",
            "v1.2:3",
            "a~b",
            "~x",
            "C#",
            "[a-]",
        ] {
            assert_eq!(paths(&json!([given])).unwrap(), [given]);
        }
    }

    #[test]
    fn regression_claim_of_a_directory_with_a_dot_is_released_once_that_is_gone() {
        let released = |path: &str| with_directories(vec![path.to_owned()]);
        for path in ["x/pkg.v2", "x/pkg.v2/**"] {
            assert_eq!(released(path), ["x/pkg.v2/**", "x/pkg.v2"]);
        }
        assert_eq!(
            (released("src"), released("src/**")),
            (vec!["src".to_owned()], vec!["src/**".to_owned()])
        );
    }

    #[test]
    fn regression_path_that_is_not_claimed_releases_nothing() {
        let repository = Repository { name: "r".to_owned(), ignores_case: false };
        let place =
            |path: &str| FilePlace { repository: repository.clone(), path: path.to_owned() };
        let own = ["src", "pkg.v2/**"].map(|path| ("r".to_owned(), path.to_owned())).into();
        assert_eq!(claimed_there(&place("src"), &own), [place("src")]);
        assert_eq!(claimed_there(&place("pkg.v2"), &own), [place("pkg.v2/**")]);
        assert_eq!(claimed_there(&place("nope"), &own), []);
    }

    #[test]
    fn all_or_some_are_released() {
        let released =
            |given: Value| args(json!({ "release": given })).released("release").unwrap();
        for all in [json!(true), json!("true"), json!("All"), json!(1)] {
            assert!(matches!(released(all.clone()), Some(Released::All)), "{all}");
        }
        for none in [json!(false), json!("false"), json!([]), json!(null), json!("")] {
            assert!(released(none.clone()).is_none(), "{none}");
        }
        for some in [json!(["src"]), json!("src"), json!("[\"src\"]")] {
            assert!(matches!(released(some), Some(Released::Paths(paths)) if paths == ["src"]));
        }
        assert!(args(json!({ "release": {} })).released("release").is_err());
    }
}
