//! Which names are those of secrets. The table is the whole rule, but for private keys under other names, which their
//! content gives away.

use crate::names::folded;
use crate::refused::Sensitivity::{self, Credentials, DotEnv, PrivateKey, Startup};

/// What a rule looks for. All texts are lower case, as names are when they are compared.
#[derive(Clone, Copy)]
enum Pattern {
    /// A name in the path, of a file or a folder, that begins with this.
    Begins(&'static str),
    /// A name in the path, of a file or a folder. It counts in the path of the project, too.
    Any(&'static str),
    /// A name in the path, directly below a folder of another name. It counts in the path of the project, too.
    Below(&'static str, &'static str),
    /// The name of the file.
    File(&'static str),
    /// The end of the name of the file.
    Ends(&'static str),
    /// The beginning and the end of the name of the file.
    Between(&'static str, &'static str),
}

use Pattern::{Any, Begins, Below, Between, Ends, File};

/// Names of secrets, each with what is kept under it.
const RULES: &[(Pattern, Sensitivity)] = &[
    // `.env.example` too: nothing but its name says that it holds no values, and many a one does.
    (Begins(".env"), DotEnv),
    // `prod.env`, and what wrangler reads in place of `.env`.
    (Ends(".env"), DotEnv),
    (Between(".dev.vars", ""), DotEnv),
    // Private keys of OpenSSH by their default names. The public half ends with .pub. Under others, the content tells.
    (File("id_rsa"), PrivateKey),
    (File("id_dsa"), PrivateKey),
    (File("id_ecdsa"), PrivateKey),
    (File("id_ecdsa_sk"), PrivateKey),
    (File("id_ed25519"), PrivateKey),
    (File("id_ed25519_sk"), PrivateKey),
    (File("id_xmss"), PrivateKey),
    // Keys of TLS and of signing: PEM, PKCS #8, #12, Java, Android, PuTTY, Apple.
    (Ends(".pem"), PrivateKey),
    (Ends(".key"), PrivateKey),
    (Ends(".p8"), PrivateKey),
    (Ends(".p12"), PrivateKey),
    (Ends(".pfx"), PrivateKey),
    (Ends(".jks"), PrivateKey),
    (Ends(".keystore"), PrivateKey),
    (Ends(".ppk"), PrivateKey),
    (Ends(".pkcs12"), PrivateKey),
    (Ends(".agekey"), PrivateKey),
    (Ends(".snk"), PrivateKey),
    (Ends(".pvk"), PrivateKey),
    (Ends(".keytab"), PrivateKey),
    // Ways into a network, with the key inside.
    (Ends(".ovpn"), PrivateKey),
    (Ends(".nmconnection"), Credentials),
    (Below("etc", "wireguard"), PrivateKey),
    // Password managers and keychains.
    (Ends(".kdbx"), Credentials),
    (Ends(".kdb"), Credentials),
    (Ends(".keychain"), Credentials),
    (Ends(".keychain-db"), Credentials),
    (Any("keychains"), Credentials),
    (Any("keyrings"), Credentials),
    (Any(".password-store"), Credentials),
    // Folders in which nearly every file is a key, a token, or the way to one.
    (Any(".ssh"), Credentials),
    (Any(".gnupg"), Credentials),
    (Any(".aws"), Credentials),
    (Any(".azure"), Credentials),
    (Any(".oci"), Credentials),
    (Any(".kube"), Credentials),
    (Below(".docker", "config.json"), Credentials),
    (Below(".config", "gcloud"), Credentials),
    (Below("roaming", "gcloud"), Credentials),
    (Below(".config", "gh"), Credentials),
    (Below(".config", "op"), Credentials),
    (Below(".config", "rclone"), Credentials),
    (Below(".config", "containers"), Credentials),
    (Below(".config", "glab-cli"), Credentials),
    (Below(".config", "hub"), Credentials),
    (Below(".config", "github-copilot"), Credentials),
    (Below(".config", "sops"), Credentials),
    (Below(".config", "doctl"), Credentials),
    (Below(".config", "hcloud"), Credentials),
    (Below(".config", "stripe"), Credentials),
    (Below(".config", "ngrok"), Credentials),
    (Below(".config", "netlify"), Credentials),
    (Below(".config", "configstore"), Credentials),
    (Below(".wrangler", "config"), Credentials),
    (Below(".fly", "config.yml"), Credentials),
    // The junction of another user, or of an earlier place.
    (Below(".config", "agent-junction"), Credentials),
    (Below("application support", "agent-junction"), Credentials),
    (Below("roaming", "agent-junction"), Credentials),
    // Files with the credentials of one program.
    (File(".netrc"), Credentials),
    (File("_netrc"), Credentials),
    (File(".pgpass"), Credentials),
    (File("pgpass.conf"), Credentials),
    (File(".my.cnf"), Credentials),
    (File(".mylogin.cnf"), Credentials),
    (File(".npmrc"), Credentials),
    (File(".yarnrc"), Credentials),
    (File(".yarnrc.yml"), Credentials),
    (File(".pypirc"), Credentials),
    (File(".dockercfg"), Credentials),
    (File(".dockerconfigjson"), Credentials),
    (File(".git-credentials"), Credentials),
    (Below("git", "credentials"), Credentials),
    // The address of a remote, or an additional header, often has a token in it.
    (Below(".git", "config"), Credentials),
    (File(".s3cfg"), Credentials),
    (File(".boto"), Credentials),
    (File(".vault-token"), Credentials),
    (File(".htpasswd"), Credentials),
    (File("kubeconfig"), Credentials),
    (Ends(".kubeconfig"), Credentials),
    (Between("kubeconfig", ".yaml"), Credentials),
    (Between("kubeconfig", ".yml"), Credentials),
    (Between("kubeconfig", ".json"), Credentials),
    (Between("kubeconfig", ".conf"), Credentials),
    (Between("kubeconfig-", ""), Credentials),
    // By the endings of data: `credentials.go` and `secrets.md` are code and text about them.
    (File("credentials"), Credentials),
    (Ends("credentials.json"), Credentials),
    (Between("credentials", ".json"), Credentials),
    (Between("credentials", ".yaml"), Credentials),
    (Between("credentials", ".yml"), Credentials),
    (Between("credentials", ".toml"), Credentials),
    (Between("credentials", ".xml"), Credentials),
    (Between("credentials", ".ini"), Credentials),
    (Between("credentials", ".csv"), Credentials),
    (Between("credentials", ".txt"), Credentials),
    (Between("credentials", ".properties"), Credentials),
    (Between("credentials", ".db"), Credentials),
    (Any(".secrets"), Credentials),
    (File(".secrets.toml"), Credentials),
    (File(".secrets.yaml"), Credentials),
    (File(".secrets.json"), Credentials),
    (Between("secrets", ".yaml"), Credentials),
    (Between("secrets", ".yml"), Credentials),
    (Between("secrets", ".json"), Credentials),
    (Between("secrets", ".toml"), Credentials),
    (Between("secrets", ".ini"), Credentials),
    (Between("secrets", ".properties"), Credentials),
    (File("secret.yaml"), Credentials),
    (File("secret.yml"), Credentials),
    (File("secret.json"), Credentials),
    (File("secret.toml"), Credentials),
    // Settings of frameworks in which the password of the database is. `appsettings.json` itself is in the repository.
    (File("local.settings.json"), Credentials),
    (Between("appsettings.", ".json"), Credentials),
    (File("wp-config.php"), Credentials),
    (File(".renviron"), Credentials),
    (Below(".dbt", "profiles.yml"), Credentials),
    (Between(".vault_pass", ""), Credentials),
    (Between(".vault-pass", ""), Credentials),
    (File("credentials.tfrc.json"), Credentials),
    (File(".terraformrc"), Credentials),
    (File("terraform.rc"), Credentials),
    (File("application_default_credentials.json"), Credentials),
    (Between("service-account", ".json"), Credentials),
    (Between("service_account", ".json"), Credentials),
    (Between("serviceaccount", ".json"), Credentials),
    (Ends("service-account.json"), Credentials),
    (Ends("service_account.json"), Credentials),
    (Ends("serviceaccount.json"), Credentials),
    (Ends("serviceaccountkey.json"), Credentials),
    (Between("firebase-adminsdk", ".json"), Credentials),
    (Between("client_secret", ".json"), Credentials),
    (File("auth.json"), Credentials),
    (File("oauth_creds.json"), Credentials),
    (File(".claude.json"), Credentials),
    (File("mcp-auth.json"), Credentials),
    (Any(".mcp-auth"), Credentials),
    (File(".authinfo"), Credentials),
    (File(".authinfo.gpg"), Credentials),
    (File(".msmtprc"), Credentials),
    (File(".fetchmailrc"), Credentials),
    (File(".pg_service.conf"), Credentials),
    (File(".databrickscfg"), Credentials),
    (File(".sentryclirc"), Credentials),
    (File("kaggle.json"), Credentials),
    (Below("huggingface", "token"), Credentials),
    (Below(".bundle", "config"), Credentials),
    (Below(".snowsql", "config"), Credentials),
    (Below("nuget", "nuget.config"), Credentials),
    (Below(".nuget", "nuget.config"), Credentials),
    (Between(".rclone", ".conf"), Credentials),
    (File("rclone.conf"), Credentials),
    (Below("gh", "hosts.yml"), Credentials),
    (Below("github cli", "hosts.yml"), Credentials),
    (Below(".m2", "settings.xml"), Credentials),
    (Below(".m2", "settings-security.xml"), Credentials),
    (Below(".gradle", "gradle.properties"), Credentials),
    // The values of Terraform's variables.
    (Ends(".tfvars"), Credentials),
    (Ends(".tfvars.json"), Credentials),
    // Terraform writes every value of its resources into its state, passwords with the others.
    (Ends(".tfstate"), Credentials),
    (Ends(".tfstate.backup"), Credentials),
    // What browsers keep of those who are logged in.
    (File("cookies"), Credentials),
    (File("cookies-journal"), Credentials),
    (File("cookies.txt"), Credentials),
    (Between("cookies.sqlite", ""), Credentials),
    (File("login data"), Credentials),
    (File("login data for account"), Credentials),
    (File("web data"), Credentials),
    (File("logins.json"), Credentials),
    (File("key3.db"), Credentials),
    (File("key4.db"), Credentials),
    (Below("user data", "local state"), Credentials),
    (Between("sessionstore", ".jsonlz4"), Credentials),
    (Between("recovery", ".jsonlz4"), Credentials),
    // The system's passwords.
    (Below("etc", "shadow"), Credentials),
    (Below("etc", "shadow-"), Credentials),
    (Below("etc", "gshadow"), Credentials),
    (Below("etc", "gshadow-"), Credentials),
    (Below("etc", "sudoers"), Startup),
    (Below("etc", "sudoers.d"), Startup),
    // What was typed, tokens with it.
    (Between(".", "_history"), Credentials),
    (File(".history"), Credentials),
    (File(".histfile"), Credentials),
    (File(".zhistory"), Credentials),
    (File("fish_history"), Credentials),
    (File("consolehost_history.txt"), Credentials),
    (File(".lesshst"), Credentials),
    (File(".viminfo"), Credentials),
    // What was said to a model and what its tools read, tokens with it.
    (Below(".claude", "projects"), Credentials),
    (Below(".claude", "history.jsonl"), Credentials),
    (Below(".claude", "file-history"), Credentials),
    (Below(".claude", "paste-cache"), Credentials),
    (Below(".claude", "shell-snapshots"), Credentials),
    (Below(".claude", "debug"), Credentials),
    (Below(".claude", "todos"), Credentials),
    (Below(".codex", "sessions"), Credentials),
    (Below(".codex", "archived_sessions"), Credentials),
    (Below(".codex", "history.jsonl"), Credentials),
    (Below(".codex", "log"), Credentials),
    (Below(".codex", "shell_snapshots"), Credentials),
    (Below(".gemini", "tmp"), Credentials),
    (Below(".gemini", "history"), Credentials),
    // Not all of its folder, in which it keeps checkouts.
    (Below("opencode", "storage"), Credentials),
    (Below("opencode", "log"), Credentials),
    (Between("opencode.db", ""), Credentials),
    (Below(".cursor", "chats"), Credentials),
    (Below(".cursor", "projects"), Credentials),
    (Below(".copilot", "session-state"), Credentials),
    (Below(".continue", "sessions"), Credentials),
    (Below("goose", "sessions"), Credentials),
    (Below(".crush", "crush.db"), Credentials),
    (Below(".specstory", "history"), Credentials),
    (File(".aider.chat.history.md"), Credentials),
    (File(".aider.input.history"), Credentials),
    (File(".aider.llm.history"), Credentials),
    // What runs when a shell or git starts, in which people export tokens.
    (File(".bashrc"), Startup),
    (File(".bash_profile"), Startup),
    (File(".bash_login"), Startup),
    (File(".bash_logout"), Startup),
    (File(".profile"), Startup),
    (File(".zshrc"), Startup),
    (File(".zshenv"), Startup),
    (File(".zprofile"), Startup),
    (File(".zlogin"), Startup),
    (File(".zlogout"), Startup),
    (File(".bash_aliases"), Startup),
    (File(".kshrc"), Startup),
    (File(".cshrc"), Startup),
    (File(".tcshrc"), Startup),
    (File(".xprofile"), Startup),
    (File(".xsession"), Startup),
    (File(".pam_environment"), Startup),
    (Below("fish", "config.fish"), Startup),
    (Below("nushell", "env.nu"), Startup),
    (File("microsoft.powershell_profile.ps1"), Startup),
    (File(".gitconfig"), Startup),
    (Below(".config", "autostart"), Startup),
    (Below("systemd", "user"), Startup),
    (Below("library", "launchagents"), Startup),
];

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
        ] {
            assert_eq!(found(path), Some(expected), "{path}");
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
