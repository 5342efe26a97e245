//! Decisions on paths and names, each by a real file at the path.

use std::os::unix::fs::symlink;

use super::*;
use crate::refused::ReadRefused;
use crate::source::open_file;
use crate::testing::TestProject;

mod coming_in;

/// What becomes of a path, in a word.
fn outcome(policy: &Policy, path: &str) -> &'static str {
    match open_file(policy, path) {
        Ok(_) => "open",
        Err(ReadRefused::BadPath(_)) => "bad",
        Err(ReadRefused::Missing(_)) => "missing",
        Err(ReadRefused::NotAFile { .. }) => "no file",
        Err(ReadRefused::Never { why: Never::System, .. }) => "system",
        Err(ReadRefused::Never { why: Never::OwnConfig, .. }) => "own",
        Err(ReadRefused::NotAllowed(NotAllowed { why, .. })) => match why {
            Why::Outside => "outside",
            Why::HardLink => "hard link",
            Why::Sensitive(Sensitivity::DotEnv) => "env",
            Why::Sensitive(Sensitivity::PrivateKey) => "key",
            Why::Sensitive(Sensitivity::Credentials) => "credentials",
            Why::Sensitive(Sensitivity::Startup) => "startup",
        },
        Err(_) => "other",
    }
}

/// Files in the project by their names, and whether they leave.
const NAMES: &[(&str, &[&str])] = &[
    (
        "open",
        &[
            "notes.txt",
            "sub/a.rs",
            "env",
            "environment.ts",
            "dot.env.txt",
            "environment.env.ts",
            "dev.vars",
            "secrets.rs",
            "docs/secrets.md",
            "secrets/mod.rs",
            "variables.tf",
            "appsettings.json",
            "google-services.json",
            "settings.json",
            "kubeconfig.go",
            "credentials.html",
            "projects/a.md",
            "sessions/a.ts",
            "history.md",
            ".github/workflows/ci.yml",
            "lefthook.yml",
            "AGENTS.md",
            ".claude/commands/x.md",
            "git/x",
            ".github/w.yml",
            ".gitignore",
            ".git/HEAD",
            ".claude/agents/x.md",
            ".vscode/tasks.json",
            "id_rsa.pub",
            "id_ed25519.rs",
            "key.rs",
            "pem/a.txt",
            "credentials.go",
            "credentials/mod.rs",
            "auth.ts",
            "hosts.yml",
            "gh/x.yml",
            "shadow",
            "src/cookies.rs",
            "kube/config",
            "ssh/config",
            "docker/config.json",
            ".docker/nginx.conf",
            "history",
            "tfstate",
            "a#b",
            "a b",
            " lead",
            "$HOME",
            "`id`",
            "-rf",
            "%2e%2e",
            "ünï.md",
            "文件.txt",
            "..x",
            "...",
            "x..",
            "~",
            "~x/y",
            "a\\b",
            "a:b",
            "nul",
            "CON",
            "aux.txt",
            "public.crt",
            ".npmignore",
            "service-account.md",
            "keychain.ts",
            "Keychain/x",
            "sub/login",
            "a.keys",
            "monkey",
            "pubring.txt",
        ],
    ),
    (
        "env",
        &[
            ".env",
            ".ENV",
            ".Env.Local",
            ".env.local",
            ".env.production",
            ".env.example",
            ".env.sample",
            ".envrc",
            ".env~",
            ".env.swp",
            ".env ",
            ".env.",
            ".environment",
            "sub/.env",
            ".env/lib/x.py",
            ".env.d/a",
            ".e\u{301}nv/../.env",
            "sub/../.env",
            "./.env",
            "sub//.env",
            ".env#KEY",
            ".env:stream",
            ".env.KEY.txt",
            "prod.env",
            "config/App.ENV",
            ".dev.vars",
            ".dev.vars.production",
        ],
    ),
    (
        "key",
        &[
            "id_rsa",
            "ID_RSA",
            "id_dsa",
            "id_ecdsa",
            "id_ed25519",
            "id_ed25519_sk",
            "sub/id_rsa",
            "a.pem",
            "A.PEM",
            "a.key",
            "server.Key",
            "a.p12",
            "a.pfx",
            "a.jks",
            "a.keystore",
            "debug.keystore",
            "a.ppk",
            "AuthKey_1.p8",
            ".key",
            ".pem",
            "a.pem.",
            "a.key ",
            "office.ovpn",
            "etc/wireguard/wg0.conf",
        ],
    ),
    (
        "credentials",
        &[
            ".netrc",
            "_netrc",
            ".pgpass",
            ".npmrc",
            ".NPMRC",
            ".pypirc",
            ".git-credentials",
            ".docker/config.json",
            ".aws/config",
            ".git/config",
            ".aws/credentials",
            ".AWS/x",
            ".ssh/config",
            ".ssh/known_hosts",
            ".ssh/a/b/c",
            ".Ssh/x",
            ".gnupg/pubring.kbx",
            ".kube/config",
            ".config/gcloud/x",
            ".config/gh/hosts.yml",
            "gh/hosts.yml",
            "credentials",
            "credentials.json",
            "Credentials.JSON",
            "credentials.toml",
            "service-account.json",
            "service-account-prod.json",
            "service_account.json",
            "client_secret_1.json",
            "auth.json",
            ".codex/auth.json",
            ".claude/.credentials.json",
            ".gemini/oauth_creds.json",
            ".claude.json",
            ".claude/settings.json",
            "credentials.tfrc.json",
            ".terraform.d/credentials.tfrc.json",
            "x.tfstate",
            "terraform.tfstate.backup",
            "cookies.sqlite",
            "cookies.sqlite-wal",
            "Cookies",
            "Login Data",
            "logins.json",
            "key4.db",
            "login.keychain",
            "login.keychain-db",
            "Library/Keychains/x",
            "a.kdbx",
            "prod.tfvars",
            "prod.tfvars.json",
            "secrets.yaml",
            "secrets.prod.yml",
            "secrets.json",
            ".streamlit/secrets.toml",
            ".secrets.toml",
            "k8s/secret.yaml",
            "credentials.csv",
            "credentials.prod.yml",
            "gcp-credentials.json",
            "my-service-account.json",
            "firebase-adminsdk-1.json",
            "local.settings.json",
            "appsettings.Production.json",
            ".yarnrc.yml",
            "kubeconfig-prod",
            "kubeconfig.yaml",
            ".dockercfg",
            ".cargo/credentials.toml",
            ".gem/credentials",
            "cookies.txt",
            "fish_history",
            ".claude/projects/p/1.jsonl",
            ".codex/sessions/1.jsonl",
            ".gemini/tmp/1.json",
            ".local/share/opencode/storage/1.json",
            ".aider.chat.history.md",
            ".password-store/a.gpg",
            ".azure/x",
            ".vault-token",
            ".my.cnf",
            ".htpasswd",
            ".s3cfg",
            ".bash_history",
            ".psql_history",
            ".config/rclone/rclone.conf",
            ".m2/settings.xml",
            ".config/agent-junction/hosts.toml",
            "etc/shadow",
            ".\u{17f}sh/x",
        ],
    ),
    (
        "startup",
        &[
            ".bashrc",
            ".bash_aliases",
            ".config/fish/config.fish",
            ".zshrc",
            ".Profile",
            ".gitconfig",
            ".config/autostart/x.desktop",
        ],
    ),
];

#[test]
fn names_decide_what_leaves_the_project() {
    let mut count = 0;
    for (expected, names) in NAMES {
        for name in *names {
            // A world each, because some of these names are one on file systems that ignore case.
            let world = TestProject::new();
            let text = format!("./{name}");
            let place = PathText::parse(&text, world.project(), None).unwrap().normal();
            world.write(place.to_str().unwrap(), "text");
            for _ in name.matches("..") {
                std::fs::create_dir_all(world.at("sub")).unwrap();
                std::fs::create_dir_all(world.at(".e\u{301}nv")).unwrap();
            }
            assert_eq!(outcome(&world.policy(), &text), *expected, "{name:?}");
            count += 1;
        }
    }
    assert!(count > 150, "{count}");
}

/// Paths, and what becomes of them in a project with links of all kinds.
const PATHS: &[(&str, &str)] = &[
    ("notes.txt", "open"),
    ("./sub/../notes.txt", "open"),
    ("PROJECT/notes.txt", "open"),
    ("PROJECT//sub//.././notes.txt", "open"),
    ("~/project/notes.txt", "open"),
    ("~/../home/project/notes.txt", "open"),
    ("link-to-notes", "open"),
    ("link-to-project/notes.txt", "open"),
    ("link-to-sub/inner.txt", "open"),
    ("OUTSIDE/link-in/notes.txt", "open"),
    ("chain-1", "open"),
    ("", "bad"),
    ("\0", "bad"),
    ("notes.txt\0.png", "bad"),
    ("notes\n.txt", "bad"),
    ("\u{202e}txt.seton", "bad"),
    ("notes.txt\u{200b}", "bad"),
    ("~root/x", "bad"),
    ("~+/x", "bad"),
    ("nothing", "missing"),
    ("nothing/../notes.txt", "missing"),
    ("notes.txt/", "missing"),
    ("notes.txt/.", "missing"),
    ("notes.txt/..", "missing"),
    ("notes.txt/../notes.txt", "missing"),
    ("%2e%2e/secret.txt", "missing"),
    ("..\\outside\\secret.txt", "missing"),
    ("${HOME}/x", "missing"),
    ("$(cat notes.txt)", "missing"),
    ("file:///etc/passwd", "missing"),
    ("link-to-nothing", "missing"),
    ("link-circle", "other"),
    (".", "no file"),
    ("./", "no file"),
    ("sub", "no file"),
    ("sub/", "no file"),
    ("link-to-sub", "no file"),
    ("pipe", "no file"),
    ("link-to-pipe", "no file"),
    ("socket", "no file"),
    ("..", "no file"),
    ("/", "no file"),
    ("~", "no file"),
    ("../../outside/secret.txt", "outside"),
    ("sub/../../../outside/secret.txt", "outside"),
    ("OUTSIDE/secret.txt", "outside"),
    ("~/../outside/secret.txt", "outside"),
    ("link-to-secret", "outside"),
    ("link-to-outside/secret.txt", "outside"),
    ("link-to-outside/../outside/secret.txt", "outside"),
    ("link-to-root/etc/hostname", "outside"),
    ("/etc/passwd", "outside"),
    ("//etc/passwd", "outside"),
    ("/etc/../etc/passwd", "outside"),
    ("../project-2/x.txt", "outside"),
    ("chain-out-1", "outside"),
    ("link-to-env", "env"),
    ("link-to-pem", "key"),
    ("link-to-ssh/config", "credentials"),
    ("OUTSIDE/.ssh/config", "credentials"),
    ("key-inside.txt", "key"),
    ("hard-env.txt", "hard link"),
    ("hard-secret.txt", "hard link"),
    ("hard-notes.txt", "hard link"),
    ("/proc/self/environ", "system"),
    ("/proc/self/cwd/notes.txt", "system"),
    ("/proc/self/root/etc/passwd", "system"),
    ("/proc/self/mem", "system"),
    ("/proc/../proc/self/environ", "system"),
    ("../../../../../../../../proc/self/environ", "system"),
    ("link-to-environ", "system"),
    ("link-to-proc/self/environ", "system"),
    ("link-to-proc/version", "system"),
    ("/sys/kernel/notes", "system"),
    ("/dev/zero", "system"),
    ("/dev/null", "system"),
    ("/dev/stdin", "system"),
    ("/dev/fd/0", "system"),
    ("/dev/tty", "system"),
    ("link-to-zero", "system"),
    ("ROOT/junction/config.toml", "own"),
    ("../../junction/config.toml", "own"),
    ("link-to-junction/config.toml", "own"),
];

fn hostile_world() -> TestProject {
    let world = TestProject::new();
    for (path, text) in [
        ("notes.txt", "notes"),
        ("hard-notes.txt", "notes"),
        ("sub/inner.txt", "inner"),
        (".env", "KEY=value"),
        ("a.pem", "key"),
        ("key-inside.txt", "-----BEGIN OPENSSH PRIVATE KEY-----\n"),
        ("OUTSIDE/secret.txt", "secret"),
        ("OUTSIDE/.ssh/config", "Host *"),
        ("../project-2/x.txt", "other"),
        ("ROOT/junction/config.toml", ""),
    ] {
        world.write(path, text);
    }
    for (link, target) in [
        ("link-to-notes", "notes.txt"),
        ("link-to-project", "PROJECT"),
        ("link-to-sub", "./sub"),
        ("OUTSIDE/link-in", "PROJECT"),
        ("chain-1", "chain-2"),
        ("chain-2", "sub/../chain-3"),
        ("chain-3", "PROJECT/notes.txt"),
        ("chain-out-1", "chain-out-2"),
        ("chain-out-2", "link-to-outside/secret.txt"),
        ("link-to-nothing", "nothing"),
        ("link-circle", "link-circle"),
        ("link-to-secret", "OUTSIDE/secret.txt"),
        ("link-to-outside", "../../outside"),
        ("link-to-root", "/"),
        ("link-to-env", ".env"),
        ("link-to-pem", "a.pem"),
        ("link-to-ssh", "OUTSIDE/.ssh"),
        ("link-to-environ", "/proc/self/environ"),
        ("link-to-proc", "/proc"),
        ("link-to-zero", "/dev/zero"),
        ("link-to-pipe", "pipe"),
        ("link-to-junction", "../../junction"),
    ] {
        symlink(world.expand(target), world.at(link)).unwrap();
    }
    for (from, to) in [
        (".env", "hard-env.txt"),
        ("OUTSIDE/secret.txt", "hard-secret.txt"),
        ("hard-notes.txt", "second.txt"),
    ] {
        std::fs::hard_link(world.at(from), world.at(to)).unwrap();
    }
    let made = std::process::Command::new("mkfifo").arg(world.at("pipe")).status().unwrap();
    assert!(made.success());
    drop(std::os::unix::net::UnixListener::bind(world.at("socket")).unwrap());
    world
}

#[test]
fn paths_are_decided_by_where_they_lead() {
    let world = hostile_world();
    let policy = world.policy();
    for (path, expected) in PATHS {
        // These three directories are Linux's.
        let is_here = cfg!(target_os = "linux") || *expected != "system";
        let text = world.expand(path);
        assert!(
            !is_here || outcome(&policy, &text) == *expected,
            "{path:?} {}",
            outcome(&policy, &text)
        );
    }
    assert_eq!(outcome(&policy, &"a/".repeat(4000)), "bad");
    assert_eq!(outcome(&policy, &"x".repeat(300)), "bad");
    assert_eq!(outcome(&policy, &"../".repeat(1000)), "no file");
    assert_eq!(outcome(&policy, &format!("{}etc/passwd", "../".repeat(1000))), "outside");
}

#[test]
fn nothing_lifts_what_is_never_read() {
    let mut world = hostile_world();
    for entry in
        ["/", "/proc/", "/dev/zero", "ROOT/junction/config.toml", "PROJECT/pipe", "/proc/version"]
    {
        world = world.allow(entry);
    }
    let policy = world.policy();
    for path in ["/proc/self/environ", "/proc/version", "/dev/zero", "/sys/kernel/notes"] {
        assert!(!cfg!(target_os = "linux") || outcome(&policy, path) == "system", "{path}");
    }
    assert_eq!(outcome(&policy, "../../junction/config.toml"), "own");
    assert_eq!(outcome(&policy, "pipe"), "no file");
}

#[test]
fn entry_lifts_what_it_names_and_no_more() {
    let world = hostile_world()
        .allow("OUTSIDE/")
        .allow("PROJECT/.env")
        .allow("PROJECT/hard-env.txt")
        .allow("PROJECT/key-inside.txt")
        .allow("PROJECT/a.pem#KEY");
    world.write("OUTSIDE/deep/x.txt", "");
    world.write("OUTSIDE/deep/.env", "");
    let policy = world.policy();
    for (path, expected) in [
        ("OUTSIDE/secret.txt", "hard link"),
        ("OUTSIDE/deep/x.txt", "open"),
        ("OUTSIDE/deep/.env", "env"),
        ("OUTSIDE/.ssh/config", "credentials"),
        (".env", "open"),
        ("link-to-env", "open"),
        ("hard-env.txt", "open"),
        ("key-inside.txt", "open"),
        ("a.pem", "key"),
        ("../project-2/x.txt", "outside"),
    ] {
        assert_eq!(outcome(&policy, &world.expand(path)), expected, "{path}");
    }
    let policy = hostile_world().allow("OUTSIDE/.ssh/");
    assert_eq!(outcome(&policy.policy(), &policy.expand("OUTSIDE/.ssh/config")), "open");
}

#[test]
fn what_the_user_allows_takes_nothing_away() {
    let world = TestProject::new();
    world.write("ROOT/.env-tools/project/notes.txt", "");
    let project = world.at("ROOT/.env-tools/project");
    for entry in ["", "/", "ROOT/", "ROOT/.env-tools/project/", "ROOT/.env-tools/project/notes.txt"]
    {
        let mut config = AttachmentConfig::default();
        config.allow.push(crate::allowed::Allowed::parse(&world.expand(entry)));
        let policy = Policy::new(&project, None, config).unwrap();
        assert_eq!(outcome(&policy, "notes.txt"), "open", "{entry}");
    }
}

#[test]
fn refusal_names_the_argument_that_lifts_it() {
    let world = hostile_world();
    let policy = world.policy();
    for (path, entry) in [
        ("link-to-secret", "OUTSIDE/secret.txt"),
        ("sub/../.env", "PROJECT/.env"),
        ("key-inside.txt", "PROJECT/key-inside.txt"),
        ("hard-env.txt", "PROJECT/hard-env.txt"),
    ] {
        let Err(ReadRefused::NotAllowed(refusal)) = open_file(&policy, path) else {
            panic!("{path}")
        };
        assert_eq!(refusal.entry(), world.expand(entry));
        let allowed = hostile_world();
        let entry = entry.replace("PROJECT", allowed.project().to_str().unwrap());
        let allowed = allowed.allow(&entry).allow("OUTSIDE/secret.txt");
        assert_eq!(outcome(&allowed.policy(), path), "open", "{path}");
    }
}

#[test]
fn project_among_secrets_gives_none_of_them() {
    let world = TestProject::new();
    world.write("OUTSIDE/.ssh/project/notes.txt", "");
    world.write("OUTSIDE/credentials/project/notes.txt", "");
    let policy = |project: &str| Policy::new(&world.at(project), None, AttachmentConfig::default());
    let policy_in = |project: &str| policy(project).unwrap();
    assert_eq!(outcome(&policy_in("OUTSIDE/.ssh/project"), "notes.txt"), "credentials");
    assert_eq!(outcome(&policy_in("OUTSIDE/credentials/project"), "notes.txt"), "open");
    // All files are below the root.
    let root = world.expand("/OUTSIDE/credentials/project/notes.txt");
    assert_eq!(outcome(&policy_in("/"), &root), "outside");
}
