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
    // Private keys of OpenSSH by their default names. The public half ends with .pub.
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
    (File("credentials"), Credentials),
    (File("credentials.json"), Credentials),
    (File("credentials.toml"), Credentials),
    (File("credentials.db"), Credentials),
    (File(".credentials.json"), Credentials),
    (File("credentials.tfrc.json"), Credentials),
    (File(".terraformrc"), Credentials),
    (File("terraform.rc"), Credentials),
    (File("application_default_credentials.json"), Credentials),
    (Between("service-account", ".json"), Credentials),
    (Between("service_account", ".json"), Credentials),
    (Between("client_secret", ".json"), Credentials),
    (File("auth.json"), Credentials),
    (File("oauth_creds.json"), Credentials),
    (File(".claude.json"), Credentials),
    (Below("gh", "hosts.yml"), Credentials),
    (Below("github cli", "hosts.yml"), Credentials),
    (Below(".m2", "settings.xml"), Credentials),
    (Below(".m2", "settings-security.xml"), Credentials),
    (Below(".gradle", "gradle.properties"), Credentials),
    // Terraform writes every value of its resources into its state, passwords with the others.
    (Ends(".tfstate"), Credentials),
    (Ends(".tfstate.backup"), Credentials),
    // What browsers keep of those who are logged in.
    (File("cookies"), Credentials),
    (Between("cookies.sqlite", ""), Credentials),
    (File("login data"), Credentials),
    (File("login data for account"), Credentials),
    (File("web data"), Credentials),
    (File("logins.json"), Credentials),
    (File("key3.db"), Credentials),
    (File("key4.db"), Credentials),
    // The system's passwords.
    (Below("etc", "shadow"), Credentials),
    (Below("etc", "shadow-"), Credentials),
    (Below("etc", "gshadow"), Credentials),
    (Below("etc", "gshadow-"), Credentials),
    (Below("etc", "sudoers"), Startup),
    (Below("etc", "sudoers.d"), Startup),
    // What was typed, tokens with it.
    (Between(".", "_history"), Credentials),
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
    (File(".xprofile"), Startup),
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
    // The rule for `.env` last: it is the only one that a key's name lifts.
    let others = RULES.iter().filter(|(pattern, _)| !matches!(pattern, Begins(_)));
    let first = others.clone().find_map(found);
    first.or_else(|| {
        RULES.iter().filter(|(pattern, _)| matches!(pattern, Begins(_))).find_map(found)
    })
}

/// Whether only the file's own name begins with `.env`.
pub(super) fn is_dot_env_file(names: &[String], above: usize) -> bool {
    let begins = |name: &String| folded(name).starts_with(".env");
    match names.split_last() {
        Some((file, folders)) => begins(file) && !folders.iter().skip(above).any(begins),
        None => false,
    }
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
