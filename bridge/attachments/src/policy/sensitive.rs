//! Which names are those of secrets. The table is the whole rule, but for private keys under other names, which their
//! content gives away.

use crate::names::folded;
use crate::refused::Sensitivity::{self, DotEnv};

mod table;

use table::Pattern::{self, Any, Begins, Below, Between, Ends, File};
use table::RULES;

/// What the path with these names seems to hold. The first `above` names are those of the directory by which the path may
/// be used: they do not count if the user named it, and only as folders if it is the project.
pub(super) fn find(names: &[String], above: usize, is_named: bool) -> Option<Sensitivity> {
    let names: Vec<String> = names.iter().map(|name| folded(name)).collect();
    let counted = |place: usize, pattern: &Pattern| {
        place >= above || (!is_named && matches!(pattern, Any(_) | Below(..)))
    };
    let found = |(pattern, sensitivity): &(Pattern, Sensitivity)| {
        let is_there = |place| counted(place, pattern) && matches(pattern, &names, place);
        (0..names.len()).any(is_there).then_some(*sensitivity)
    };
    // Those of `.env` last: they are the only ones that a key's name lifts.
    let (last, first): (Vec<_>, Vec<_>) =
        RULES.iter().partition(|(_, sensitivity)| *sensitivity == DotEnv);
    first.into_iter().chain(last).find_map(found)
}

/// Whether only the file's own name is one of environment variables.
pub(super) fn is_dot_env_file(names: &[String], above: usize) -> bool {
    let begins = |name: &String| folded(name).starts_with(".env");
    !names.split_last().is_none_or(|(_, folders)| folders.iter().skip(above).any(begins))
}

fn matches(pattern: &Pattern, names: &[String], place: usize) -> bool {
    let name = names[place].as_str();
    let is_file = place + 1 == names.len();
    match *pattern {
        Begins(start) => name.starts_with(start),
        Any(whole) => name == whole,
        Below(folder, whole) => name == whole && place > 0 && names[place - 1] == folder,
        File(whole) => is_file && name == whole,
        Ends(end) => is_file && name.ends_with(end),
        Between(start, end) => {
            let is_long = name.len() >= start.len() + end.len();
            is_file && is_long && name.starts_with(start) && name.ends_with(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refused::Sensitivity::{Credentials, PrivateKey, Startup};

    fn found(path: &str) -> Option<Sensitivity> {
        let names: Vec<_> = path.split('/').map(str::to_owned).collect();
        find(&names, 0, false)
    }

    #[test]
    fn regression_names_of_secrets_do_not_leave_unasked() {
        for (path, expected) in [
            ("prod.env", DotEnv),
            (".dev.vars", DotEnv),
            ("office.ovpn", PrivateKey),
            ("prod.tfvars", Credentials),
            ("secrets.yaml", Credentials),
            ("local.settings.json", Credentials),
            (".yarnrc.yml", Credentials),
            ("kubeconfig-prod", Credentials),
            (".claude/projects/p/1.jsonl", Credentials),
            (".codex/sessions/2026/1.jsonl", Credentials),
            (".local/share/opencode/opencode.db-wal", Credentials),
            (".config/fish/config.fish", Startup),
            (".config/fish/fish_variables", Startup),
            (".mcp.json", Credentials),
            (".claude/settings.json", Credentials),
            (".claude/settings.local.json", Credentials),
            (".codex/config.toml", Credentials),
            (".gemini/settings.json", Credentials),
            (".supabase/access-token", Credentials),
            (".netlify/config.json", Credentials),
            (".railway/config.json", Credentials),
            (".snowflake/config.toml", Credentials),
            (".huggingface/token", Credentials),
            (".cloudflared/0a1b.json", Credentials),
            (".ngrok2/ngrok.yml", Credentials),
            (".config/solana/id.json", Credentials),
            (".flaskenv", DotEnv),
            ("x.env.local", DotEnv),
            ("prod.ENV.local", DotEnv),
            ("android/keystore.properties", Credentials),
            (".kube/config", Credentials),
        ] {
            assert_eq!(found(path), Some(expected), "{path}");
        }
    }

    #[test]
    fn names_that_are_only_like_those_of_secrets_are_ordinary() {
        for path in
            ["kube/config/mod.go", ".claude/agents/a.md", "settings.json", "env.local", "id.json"]
        {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn checkouts_that_clients_keep_are_ordinary() {
        for path in
            [".claude/worktrees/one/a", ".codex/worktrees/1/a", "share/opencode/worktree/1/x/a"]
        {
            assert_eq!(found(path), None, "{path}");
        }
    }
}
