//! Links, and the commands that make, take and drop them, as a person uses them on one machine.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use junction_shared::invite_link::InviteLink;
use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::hosts::set_link;
use junction_shared::secret::Secret;
use junction_testkit::{TestHome, TestHub, bridge_binary, free_port, hub_binary};

/// A command of the bridge, with this on its stdin.
fn run(home: &TestHome, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(bridge_binary());
    let command = command.args(arguments).env("JUNCTION_CONFIG_DIR", home.config());
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    // It may end without reading.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn all_of(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

/// What a command says that has to fail: two sentences, and nothing on stdout.
fn refused(output: &Output) -> String {
    let said = all_of(output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("Error: ") && output.stdout.is_empty(), "{said}");
    said
}

/// A link to a port of this machine.
fn link(port: u16) -> InviteLink {
    let host = "127.0.0.1".to_owned();
    InviteLink { host, port, pin: [3; 32], secret: Secret::filled(|key| key.fill(9)) }
}

#[test]
fn a_damaged_link_is_refused_with_the_reason_and_never_repeated() {
    let home = TestHome::new();
    let good = link(free_port()).to_text();
    let (secret, _) = good[good.len() - 49..].split_at(43);
    let cases = [
        (good[..good.len() - 1].to_owned(), "cut short"),
        (good[..good.len() - 30].to_owned(), "cut short"),
        (format!("{good}A"), "too long"),
        (format!("{} {}", &good[..60], &good[60..]), "spaces"),
        (good.replace("#1.", "#7."), "does not know the link's version"),
        (good.replace("AwMD", "AwME"), "altered"),
        (good.replace("CQkJ", "CQkK"), "altered"),
        (good.replace("127.0.0.1", "127.0.0.2"), "altered"),
        (good.replace("127.0.0.1", "127.0.0.256"), "valid host and port"),
        (secret.to_owned(), "not an invite link"),
        (String::new(), "not an invite link"),
        (format!("{}\n{}", &good[..60], &good[60..]), "cut short"),
    ];
    for (damaged, what) in cases {
        let said = refused(&run(&home, &["join", "--name", "attic"], &damaged));
        assert!(said.contains(what), "{what}: {said}");
        assert!(!said.contains(&secret[..20]), "the secret is repeated: {said}");
    }
    let mut bytes = good.clone().into_bytes();
    bytes[20] = 0xff;
    let path = home.path().join("link");
    std::fs::write(&path, bytes).expect("written");
    let path = path.to_str().expect("a path");
    assert!(refused(&run(&home, &["join", "--file", path], "")).contains("not an invite link"));
    assert!(refused(&run(&home, &["join", "--file", "/nowhere"], "")).contains("/nowhere"));
    assert!(refused(&run(&home, &["join", "--file", "/"], "")).ends_with("Try again.\n"));
    assert!(!home.config().exists(), "nothing of it was kept");
}

#[test]
fn a_link_on_the_command_line_is_refused_and_not_repeated() {
    let home = TestHome::new();
    let link = link(4200).to_text();
    let shouted = link.replace("junction", "JUNCTION");
    for (program, arguments) in [
        (bridge_binary(), vec!["join", &link]),
        (bridge_binary(), vec!["join", "--file", &link]),
        (bridge_binary(), vec!["--hub", &link]),
        (bridge_binary(), vec![&link]),
        (bridge_binary(), vec!["join", &link[11..]]),
        (hub_binary(), vec![&link]),
        (hub_binary(), vec![&shouted]),
    ] {
        let mut command = Command::new(program);
        command.args(&arguments).env("JUNCTION_CONFIG_DIR", home.config());
        let said = all_of(&command.output().expect("it ends"));
        assert!(said.contains("every user of this machine"), "{said}");
        assert!(!said.contains(&link[30..60]), "{said}");
    }
}

#[tokio::test]
async fn a_link_is_stored_only_after_its_hub_authenticated() {
    let home = TestHome::new();
    let nobody = link(free_port()).to_text();
    let said = refused(&run(&home, &["join", "--name", "attic"], &nobody));
    assert!(said.contains("connection refused") && said.contains("firewall"), "{said}");
    let owner = TestHome::new();
    let hub = TestHub::start(&owner).await;
    let true_link = InviteLink::parse(&owner.link()).expect("a link").at("127.0.0.1", hub.port);
    let other_key = InviteLink { pin: [8; 32], ..true_link.at("127.0.0.1", hub.port) };
    let said = refused(&run(&home, &["join", "--name", "attic"], &other_key.to_text()));
    assert!(said.contains("0808080808080808"), "{said}");
    for name in ["local", "Attic", "", "x/y"] {
        refused(&run(&home, &["join", "--name", name], &true_link.to_text()));
    }
    assert!(!home.config().exists(), "nothing of it was kept");
    let joined = run(&home, &["join", "--name", "attic"], &format!("  {}\n", true_link.to_text()));
    assert!(joined.status.success(), "{}", all_of(&joined));
    assert!(!all_of(&joined).contains("junction://"));
    let known = all_of(&run(&home, &["hosts"], ""));
    assert!(known.contains("attic") && known.contains("linked, answers in"), "{known}");
    // The same again, by its file.
    let again = run(&home, &["join", "--name", "attic"], &true_link.to_text());
    assert!(again.status.success() && all_of(&again).contains("joined before by the same link"));
    // Of several links the first that leads there, out of a pipe that stays open.
    let several = format!("{}\n\n{}\n", nobody.trim(), true_link.to_text());
    let other = run(&home, &["join"], &several);
    assert!(other.status.success(), "{}", all_of(&other));
    let known = all_of(&run(&home, &["hosts"], ""));
    assert!(known.contains("127-0-0-1"), "{known}");
}

#[tokio::test]
async fn forget_removes_one_host_and_keeps_the_rest_of_the_file() {
    let home = TestHome::new();
    let dir = ConfigDir::at(home.config());
    dir.write_private("hosts.toml", "# mine\n[hosts]\nshed = \"10.9.9.9:1\" # old\n")
        .expect("written");
    set_link(&dir, "attic", &link(4200)).expect("set");
    let forgotten = run(&home, &["forget", "attic"], "");
    assert!(forgotten.status.success() && forgotten.stdout.is_empty());
    let text = std::fs::read_to_string(home.config().join("hosts.toml")).expect("hosts.toml");
    assert_eq!(text, "# mine\n[hosts]\nshed = \"10.9.9.9:1\" # old\n");
    assert!(refused(&run(&home, &["forget", "attic"], "")).contains("junction-bridge hosts"));
    assert!(refused(&run(&home, &["forget", "local"], "")).contains("rotate"));
}

#[tokio::test]
async fn an_invitation_needs_a_hub_for_other_machines() {
    let home = TestHome::new();
    let port = free_port().to_string();
    let said = refused(&run(&home, &["invite", "--port", &port], ""));
    assert!(said.contains("No hub answers") && said.contains("--host 0.0.0.0"), "{said}");
    let hub = TestHub::start(&home).await;
    let said = refused(&run(&home, &["invite", "--port", &hub.port.to_string()], ""));
    assert!(said.contains("serves only this machine"), "{said}");
    assert!(refused(&run(&home, &["invite", "--host", "nobody"], "")).contains("hosts"));
    // A known host's link is handed on as it is.
    let dir = ConfigDir::at(home.config());
    set_link(&dir, "attic", &link(4200)).expect("set");
    let handed = run(&home, &["invite", "--host", "attic", "--qr"], "");
    let shown = String::from_utf8(handed.stdout).expect("text");
    let mut lines = shown.lines();
    assert_eq!(lines.next(), Some(link(4200).to_text().as_str()));
    assert!(lines.count() > 20, "a QR code follows: {shown}");
    let warned = String::from_utf8_lossy(&handed.stderr).into_owned();
    assert!(warned.contains("can join") && !warned.contains("junction://"), "{warned}");
}

#[test]
fn both_sides_of_a_pair_see_the_same_eight_words() {
    let home = TestHome::new();
    let (one, other) = ("0123456789abcdef", "fedcba9876543210");
    let words = |arguments: &[&str]| all_of(&run(&home, &[&["verify"], arguments].concat(), ""));
    let phrase = words(&[one, other]);
    assert_eq!(phrase.trim_end().split(' ').count(), 8, "{phrase}");
    assert_eq!(phrase, words(&[other, one]));
    assert_eq!(phrase, words(&[&other.to_uppercase(), one]));
    assert_ne!(phrase, words(&[one, "fedcba9876543211"]));
    for bad in [[one, "short"], [one, one], [one, "fedcba987654321g"]] {
        refused(&run(&home, &["verify", bad[0], bad[1]], ""));
    }
}

#[test]
fn a_configuration_that_others_can_read_is_refused_by_every_command() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = TestHome::new();
    let dir = ConfigDir::at(home.config());
    set_link(&dir, "attic", &link(4200)).expect("set");
    let mode = |path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
    };
    mode(home.config().join("hosts.toml"), 0o644);
    for command in [&["invite", "--host", "attic"][..], &["forget", "attic"]] {
        assert!(refused(&run(&home, command, "")).contains("chmod 600"));
    }
    assert!(all_of(&run(&home, &["hosts"], "")).contains("chmod 600"));
    mode(home.config().join("hosts.toml"), 0o600);
    mode(home.config(), 0o755);
    assert!(refused(&run(&home, &["invite", "--host", "attic"], "")).contains("chmod 700"));
    let rotate =
        Command::new(hub_binary()).arg("rotate").env("JUNCTION_CONFIG_DIR", home.config()).output();
    let said = all_of(&rotate.expect("it ends"));
    assert!(said.contains("chmod 700"), "{said}");
    mode(home.config(), 0o700);
    let rotate =
        Command::new(hub_binary()).arg("rotate").env("JUNCTION_CONFIG_DIR", home.config()).output();
    let said = all_of(&rotate.expect("it ends"));
    assert!(said.contains("Start junction-hub first"), "{said}");
}
