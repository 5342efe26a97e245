//! The tool `claim`: what an agent claims and releases, and the claims that it is shown.

use std::time::Duration;

use futures_util::future::join_all;
use junction_engine::{ClaimRequest, ClaimsPage, ConnectionState, Release, Repository};
use junction_shared::protocol::alias::Alias;
use serde_json::{Map, Value};

use super::args::{Parsed, ToolArgs, argument, bare};
use super::params::Param;
use super::tool_error::ToolError;
use super::tools::{ToolAnswer, Tools};
use crate::collisions::by_repository;
use crate::results::{ClaimsJson, object};

/// How many paths one pattern with alternatives may stand for.
const MAX_ALTERNATIVES: usize = 16;
/// How long a call waits until the other sessions of a repository are heard, so that a claim knows which came before it.
const HEARING_TIME: Duration = Duration::from_secs(1);
/// The most paths of one call, before alternatives are told apart.
pub(super) const MAX_PATHS: usize = 512;

/// What a call releases.
enum Released {
    All,
    Paths(Vec<String>),
}

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
        match listed_paths(value).map(|paths| alternatives(&paths)) {
            Some(Some(paths)) => Ok(paths),
            Some(None) => argument(format!(
                "{name} has a path with more than {MAX_ALTERNATIVES} alternatives between its braces. Call {tool} again with \
                 several paths, or with * in place of the braces."
            )),
            None => argument(format!(
                "{name} must be {}. Call {tool} again with such a list.",
                param.kind.description()
            )),
        }
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
                // Brackets may be in the name of a file.
                _ => vec![text.trim().to_owned()],
            }
        }
        Value::String(text) => vec![bare(text).to_owned()],
        Value::Array(items) => {
            let text = |item: &Value| Some(item.as_str()?.trim().to_owned());
            items.iter().map(text).collect::<Option<_>>()?
        }
        _ => return None,
    };
    let is_path = |path: &String| !path.is_empty() && path.chars().count() <= 4096;
    (paths.len() <= MAX_PATHS && paths.iter().all(is_path)).then_some(paths)
}

/// Paths without braces: `src/{a,b}.rs` stands for two. `None` if one stands for too many.
fn alternatives(paths: &[String]) -> Option<Vec<String>> {
    let mut all = Vec::new();
    for path in paths {
        let mut open = vec![path.clone()];
        let mut done = Vec::new();
        while let Some(path) = open.pop() {
            match split_braces(&path) {
                Some(parts) => open.extend(parts.into_iter().rev()),
                None => done.push(path),
            }
            if open.len() + done.len() > MAX_ALTERNATIVES {
                return None;
            }
        }
        all.extend(done);
    }
    Some(all)
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
                        inner.split(',').map(|one| format!("{before}{one}{after}")).collect(),
                    );
                }
                start = None;
            }
            _ => {}
        }
    }
    None
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
        match released {
            Some(Released::All) => {
                for repository in self.engine.repositories().await {
                    self.engine.release(repository, Release::All).await?;
                }
            }
            Some(Released::Paths(paths)) => {
                for (repository, paths) in self.placed("release", paths).await? {
                    self.engine.release(repository, Release::Paths(paths)).await?;
                }
            }
            None => {}
        }
        let placed = self.placed("paths", paths).await?;
        for (repository, _) in &placed {
            self.engine.work_in(repository.clone()).await;
        }
        // Before the claim is made: of two claims the one yields that was made when the other was known.
        let repositories = self.engine.repositories().await;
        let heard = repositories
            .iter()
            .map(|repository| self.engine.hear_all(repository.clone(), HEARING_TIME));
        join_all(heard).await;
        for (repository, paths) in placed {
            let request = ClaimRequest { repository, paths, note: note.clone(), ttl };
            self.engine.claim(request).await?;
        }
        let mut pages = Vec::new();
        for repository in self.engine.repositories().await {
            let page = self.engine.claims(repository.clone()).await?;
            pages.push((repository, page));
        }
        let snapshot = self.engine.snapshot();
        let mut shown = claims_shown(&pages, &workplace.repository, snapshot.alias.as_ref());
        if let Some(why) = incomplete(&pages, &snapshot.state) {
            shown.insert("incomplete".to_owned(), why.into());
        }
        Ok(shown)
    }

    /// Where the paths of an argument are, by repository.
    async fn placed(
        &self,
        name: &'static str,
        paths: Vec<String>,
    ) -> Result<Vec<(Repository, Vec<String>)>, ToolError> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let places = self.edits.look(move |_, workplace| {
            paths.iter().map(|path| workplace.place_of_pattern(path)).collect::<Option<Vec<_>>>()
        });
        match places.await {
            Some(Some(places)) => Ok(by_repository(places)),
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

/// Why claims of others may be missing, or others may not know of this session's.
fn incomplete(pages: &[(Repository, ClaimsPage)], state: &ConnectionState) -> Option<&'static str> {
    let is_relayed = pages.iter().all(|(_, page)| page.is_relayed);
    match state {
        ConnectionState::Connected if !is_relayed => Some(
            "This hub is an older one that tells no session of another's claims. Nobody hears of yours, and those of others \
             are not shown: say by send_message what you are about to change.",
        ),
        _ if !is_relayed => Some(
            "There is no connection to a hub, so claims of others may be missing. They hear of yours as soon as there is one.",
        ),
        _ if pages.iter().any(|(_, page)| !page.is_complete) => Some(
            "Not every session of the repository has answered yet, so claims of others may be missing, older ones than yours \
             among them. Call claim again in a moment.",
        ),
        _ => None,
    }
}

fn claims_shown(
    pages: &[(Repository, ClaimsPage)],
    own: &Repository,
    alias: Option<&Alias>,
) -> Map<String, Value> {
    let mut shown = ClaimsJson::new(alias);
    for (repository, page) in pages {
        let name = (repository.name != own.name).then_some(repository.name.as_str());
        shown.add(page, name);
    }
    object(&shown)
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
