//! What the programs say when they are used in a wrong way, or at a bad time: asked of the real ones, as the client
//! or the person gets it. What differs from run to run is replaced by a word in angle brackets.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Stdio;

use futures_util::FutureExt as _;
use futures_util::future::{join_all, select_all};
use junction_shared::invite_link::InviteLink;
use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::secret::Secret;
use junction_testkit::client::{CallError, Launch};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::Command;

use super::assert_written;
use junction_testkit::{
    TestBridge, TestHome, TestHub, Version, bridge_binary, eventually, free_port, hub_binary,
    next_json, pair, tool_call, within,
};

/// Settings that neither program can follow.
const BAD_SETTINGS: [(&str, &str); 5] = [
    ("JUNCTION_PORT", "66000"),
    ("JUNCTION_HOST", "example.org"),
    ("JUNCTION_LOG", "a=b=c"),
    ("JUNCTION_CONFIG_DIR", "/dev/null/here"),
    ("JUNCTION_CONFIG_DIR", "./here"),
];
/// Bad settings of the bridge alone.
const BAD_SETTINGS_OF_BRIDGE: [(&str, &str); 3] = [
    ("JUNCTION_AUTOSTART", "maybe"),
    ("JUNCTION_SEND_LIMIT", "0,5"),
    ("JUNCTION_WAKES_PER_HOUR", "10001"),
];
/// Bad settings of the hub alone.
const BAD_SETTINGS_OF_HUB: [(&str, &str); 2] =
    [("JUNCTION_SESSION_TIMEOUT_MS", "0"), ("JUNCTION_SWEEP_INTERVAL_MS", "-5")];

#[tokio::test]
async fn every_answer_of_the_programs_is_on_its_page() {
    let scenes = join_all([
        instructions().boxed_local(),
        wrong_arguments().boxed_local(),
        wrong_lines().boxed_local(),
        limits().boxed_local(),
        other_key().boxed_local(),
        after_disconnect().boxed_local(),
        hub_away().boxed_local(),
        other_hubs().boxed_local(),
        other_hosts().boxed_local(),
        wrong_settings().boxed_local(),
        wrong_folders().boxed_local(),
        join_command().boxed_local(),
        known_hosts().boxed_local(),
        other_commands().boxed_local(),
        command_lines().boxed_local(),
        hub_commands().boxed_local(),
    ]);
    let page: Vec<_> = scenes.await.into_iter().map(|scene| scene.text).collect();
    assert_written("answers.txt", &page.join("\n"));
}

/// A part of the page: what was asked, and what was said to it.
struct AnswerScene {
    text: String,
    hidden: Vec<(String, &'static str)>,
}

impl AnswerScene {
    fn new(title: &str) -> Self {
        Self { text: format!("== {title}\n"), hidden: Vec::new() }
    }

    /// Shows a name wherever this text stands.
    fn hide(&mut self, text: &impl ToString, name: &'static str) {
        self.hidden.push((text.to_string(), name));
    }

    fn add(&mut self, asked: &str, said: &str) {
        let hide = |text: &str| {
            let hidden = self.hidden.iter();
            hidden.fold(text.to_owned(), |text, (what, name)| text.replace(what, name))
        };
        let said = without_numbers(&hide(said));
        let said = said.lines().map(|line| format!("    {line}").trim_end().to_owned() + "\n");
        let said: String = said.collect();
        self.text.push_str(&format!("\n{}\n{said}", hide(asked)));
    }

    /// Calls a tool.
    async fn call(&mut self, bridge: &TestBridge, tool: &str, arguments: Value) {
        let said = match bridge.try_call(tool, arguments.clone()).await {
            Ok(_) => "(no error)".to_owned(),
            Err(CallError::Tool(text)) => text,
            Err(CallError::Refused { code, message }) => format!("{code}: {message}"),
            Err(ended @ CallError::Ended) => panic!("{ended}"),
        };
        self.add(&format!("{tool} {}", short(arguments)), &said);
    }

    /// Runs a command to its end: what it says on stderr.
    async fn run(&mut self, home: &TestHome, run: ProgramRun<'_>) {
        let name = Path::new(run.program).file_name().and_then(|name| name.to_str());
        let mut command = Command::new(run.program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("JUNCTION_") {
                command.env_remove(name);
            }
        }
        command
            .env("JUNCTION_CONFIG_DIR", home.config())
            .env("XDG_RUNTIME_DIR", home.runtime("all"))
            .envs(run.settings.iter().copied())
            .args(run.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // It may end without reading.
        let _ = stdin.write_all(run.input.1.as_bytes()).await;
        drop(stdin);
        let output = within("the command ends", child.wait_with_output()).await.expect("it ran");
        let settings = run.settings.iter().map(|(name, value)| format!("{name}={value} "));
        let words = [&[name.expect("a name")], run.arguments].concat().join(" ");
        let input = if run.input.0.is_empty() { "" } else { " < " };
        let asked = format!("$ {}{words}{input}{}", settings.collect::<String>(), run.input.0);
        self.hide(&home.path().display(), "<home>");
        self.add(&asked, &String::from_utf8(output.stderr).expect("UTF-8"));
    }
}

/// A command to run.
#[derive(Clone, Copy, Default)]
struct ProgramRun<'a> {
    program: &'a str,
    arguments: &'a [&'a str],
    settings: &'a [(&'a str, &'a str)],
    /// What it is to read, and what that is called on the page.
    input: (&'a str, &'a str),
}

impl<'a> ProgramRun<'a> {
    fn bridge(arguments: &'a [&'a str]) -> Self {
        Self { program: bridge_binary(), arguments, ..Self::default() }
    }

    fn hub(arguments: &'a [&'a str]) -> Self {
        Self { program: hub_binary(), arguments, ..Self::default() }
    }

    fn with(self, settings: &'a [(&'a str, &'a str)]) -> Self {
        Self { settings, ..self }
    }
}

/// Arguments with long texts made short.
fn short(mut arguments: Value) -> Value {
    for value in arguments.as_object_mut().into_iter().flat_map(|fields| fields.values_mut()) {
        if let Some(text) = value.as_str().filter(|text| text.len() > 60) {
            *value = json!(format!("{:.1} × {}", text, text.len()));
        }
    }
    arguments
}

/// A text without fingerprints, without ids of processes, and without measured times.
fn without_numbers(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        let (before, run) = rest.split_at(start);
        let end = run.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(run.len());
        let (run, after) = run.split_at(end);
        let is_number = run.bytes().all(|byte| byte.is_ascii_digit());
        let is_whole = !before.ends_with(|c: char| c.is_ascii_alphanumeric());
        let is_fingerprint = run.len() == 16 && run.bytes().all(|byte| byte.is_ascii_hexdigit());
        shown.push_str(before);
        shown.push_str(match run {
            _ if is_whole && is_fingerprint => "<fingerprint>",
            _ if is_number && ["process ", "kill "].iter().any(|word| shown.ends_with(word)) => {
                "<process>"
            }
            _ if is_number && [" s.", " s;", " ms"].iter().any(|unit| after.starts_with(unit)) => {
                "<time>"
            }
            run => run,
        });
        rest = after;
    }
    shown + rest
}

/// A bridge on a hub that is at this port, if any is.
async fn bridge_at(home: &TestHome, port: u16, settings: &[(&str, &str)]) -> TestBridge {
    let add = |launch: Launch, (name, value): &(&str, &str)| launch.env(name, value);
    let launch = settings.iter().fold(TestBridge::launch(home, port), add);
    TestBridge::open(home, launch, Version::Stateful).await
}

async fn instructions() -> AnswerScene {
    let home = TestHome::new();
    let bridge = TestBridge::spawn(&home, TestBridge::launch(&home, free_port()));
    let answer = within("initialize", bridge.client.initialize("test-client")).await;
    let answer = answer.expect("the bridge opens a session");
    let mut scene = AnswerScene::new("What the server says of itself");
    scene.add("initialize", answer["instructions"].as_str().expect("instructions"));
    scene
}

async fn wrong_arguments() -> AnswerScene {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, _bob) = pair(&home, &hub).await;
    let mut scene = AnswerScene::new("Wrong arguments, of alice on a hub with bob");
    for arguments in to_register() {
        scene.call(&alice, "register", arguments).await;
    }
    for arguments in to_send() {
        scene.call(&alice, "send_message", arguments).await;
    }
    for (tool, arguments) in to_others() {
        scene.call(&alice, tool, arguments).await;
    }
    scene
}

fn to_register() -> Vec<Value> {
    vec![
        json!({ "alias": "Not One" }),
        json!({ "alias": 7 }),
        json!({ "alias": "bob" }),
        json!({ "alias": "b-0-b" }),
        json!({ "repo": ["x"] }),
        json!({ "role": 7 }),
        json!({ "host": "Not One" }),
        json!({ "host": 7 }),
        json!({ "host": "nowhere" }),
        json!({ "name": "bob" }),
    ]
}

fn to_send() -> Vec<Value> {
    let with = |name: &str, value: Value| {
        let mut arguments = json!({ "target_alias": "bob", "message": "hello" });
        arguments[name] = value;
        arguments
    };
    vec![
        json!({}),
        json!({ "message": "hello" }),
        json!({ "target_alias": "bob" }),
        with("target_alias", json!("Not One")),
        with("target_alias", json!(7)),
        with("target_alias", json!("nobody")),
        with("target_alias", json!("alice")),
        with("message", json!("x".repeat(65_537))),
        with("message", json!(["hello"])),
        with("reply_to", json!("1")),
        with("reply_to", json!(1)),
        with("wait_seconds", json!("soon")),
        with("ttl_seconds", json!(9)),
        with("ttl_seconds", json!(10.5)),
        with("fingerprint", json!("0123")),
        with("fingerprint", json!("0123456789abcdef")),
        with("urgency", json!("urgent")),
        with("notify_when", json!(true)),
        with("text", json!("hello")),
        json!({ "to": "bob", "text": "hello" }),
        json!("hello"),
    ]
}

fn to_others() -> Vec<(&'static str, Value)> {
    vec![
        ("list_peers", json!({ "limit": "many" })),
        ("list_peers", json!({ "cursor": 7 })),
        ("list_peers", json!({ "cursor": "bob" })),
        ("list_peers", json!({ "role": ["reviewer"] })),
        ("list_peers", json!({ "page": 2 })),
        ("read_messages", json!({ "limit": 1.5 })),
        ("read_messages", json!({ "timeout": 30 })),
        ("wait_for_peer", json!({ "timeout_seconds": true })),
        ("wait_for_peer", json!({ "role": "reviewer" })),
        ("no_such_tool", json!({})),
    ]
}

async fn wrong_lines() -> AnswerScene {
    let home = TestHome::new();
    let launch = TestBridge::launch(&home, free_port());
    let bridge = TestBridge::open(&home, launch, Version::Stateful).await;
    let mut scene = AnswerScene::new("Lines that are no requests");
    let waits = tool_call(&json!("a"), "read_messages", &json!({ "wait_seconds": 540 }));
    let long = "x".repeat((1 << 20) + 1);
    bridge.say(waits.clone()).await;
    for (asked, line) in [
        ("a line that is too long", long.as_str()),
        ("the id of a request in flight", &waits),
        ("", "hello"),
        ("", "[]"),
        ("", "{}"),
        ("", r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#),
        ("", r#"{"jsonrpc":"2.0","id":"b","method":"resources/read"}"#),
        ("", r#"{"jsonrpc":"2.0","id":"b","method":"ping","params":[1]}"#),
        ("", r#"{"jsonrpc":"2.0","id":"b","method":"tools/call","params":{}}"#),
    ] {
        bridge.say(line).await;
        let error = next_json(&bridge).await["error"].clone();
        let said = format!("{}: {}", error["code"], error["message"].as_str().expect("a text"));
        scene.add(if asked.is_empty() { line } else { asked }, &said);
    }
    scene
}

async fn limits() -> AnswerScene {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (_bob, _carol) =
        tokio::join!(TestBridge::join(&home, &hub, "bob"), TestBridge::join(&home, &hub, "carol"));
    let to = |peer: &str| json!({ "target_alias": peer, "message": "hello" });
    let mut scene = AnswerScene::new("Too much");
    let limited = bridge_at(&home, hub.port, &[("JUNCTION_SEND_LIMIT", "2,1")]).await;
    limited.send("bob", "hello").await;
    scene.call(&limited, "send_message", to("carol")).await;
    limited.send("bob", "hello").await;
    scene.call(&limited, "send_message", to("bob")).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    for _ in 0..32 {
        alice.send("bob", "hello").await;
    }
    scene.call(&alice, "send_message", to("bob")).await;
    // Which of them is the one too many is chance.
    let role = json!({ "expected_role": "nobody has it", "timeout_seconds": 540 });
    let waits = join_all((0..33).map(|_| alice.begin("wait_for_peer", role.clone()))).await;
    let waits = select_all(waits.into_iter().map(|wait| Box::pin(wait.content())));
    let (ended, _, _) = within("a wait is refused", waits).await;
    scene.add("wait_for_peer, 33 at once", &ended.expect_err("one too many").to_string());
    scene
}

async fn other_key() -> AnswerScene {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let mut scene = AnswerScene::new("Another bob than before");
    alice.send("bob", "hello").await;
    bob.call("disconnect", json!({})).await;
    alice.sees_nobody().await;
    let _other = TestBridge::join(&home, &hub, "bob").await;
    alice.sees("bob", "online").await;
    scene.call(&alice, "send_message", json!({ "target_alias": "bob", "message": "hello" })).await;
    scene
}

async fn after_disconnect() -> AnswerScene {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, _bob) = pair(&home, &hub).await;
    let mut scene = AnswerScene::new("After disconnect");
    for (tool, arguments) in every_tool() {
        scene.call(&alice, tool, arguments).await;
    }
    scene
}

/// A call of each tool that is as it should be: disconnect first, and register last.
fn every_tool() -> Vec<(&'static str, Value)> {
    vec![
        ("disconnect", json!({})),
        ("list_peers", json!({})),
        ("wait_for_peer", json!({ "timeout_seconds": 1 })),
        ("send_message", json!({ "target_alias": "bob", "message": "hello" })),
        ("read_messages", json!({})),
        ("read_messages", json!({ "wait_seconds": 1 })),
        ("known_hosts", json!({})),
        ("disconnect", json!({})),
        ("register", json!({})),
    ]
}

async fn hub_away() -> AnswerScene {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let (alice, _bob) = pair(&home, &hub).await;
    let mut scene = AnswerScene::new("The hub is away");
    scene.hide(&hub.port, "<port>");
    hub.kill();
    // The first may hear of the connection that was lost, the others of the hub that nobody reaches.
    for _ in 0..2 {
        let answer = alice.try_call("list_peers", json!({})).await;
        answer.expect_err("nobody answers");
    }
    for (tool, arguments) in every_tool().into_iter().skip(1) {
        scene.call(&alice, tool, arguments).await;
    }
    scene
}

/// Something at a port that answers everything like a web server.
async fn web_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            if stream.read(&mut request).await.is_ok() {
                let answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
                // It may be gone already.
                let _ = stream.write_all(answer).await;
            }
        }
    });
    port
}

async fn other_hubs() -> AnswerScene {
    let (home, other) = (TestHome::new(), TestHome::new());
    // One of them for the keys that it makes.
    drop(TestHub::start(&home).await);
    let hub = TestHub::start(&other).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent_port = silent.local_addr().expect("an address").port();
    let mut scene = AnswerScene::new("What is at the hub's address is not this group's hub");
    for (what, port) in [
        ("something that says nothing", silent_port),
        ("a web server", web_server().await),
        ("another group's hub", hub.port),
    ] {
        let bridge = bridge_at(&home, port, &[]).await;
        scene.hide(&port, "<port>");
        scene
            .add(&format!("{what}: list_peers {{}}"), &bridge.error("list_peers", json!({})).await);
    }
    scene
}

async fn other_hosts() -> AnswerScene {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut scene = AnswerScene::new("Hosts that are not known, or not reached");
    let nobody = free_port().to_string();
    let settings = [("JUNCTION_KNOWN_HOSTS", "shed=192.0.2.7"), ("JUNCTION_PORT", nobody.as_str())];
    let alice = bridge_at(&home, hub.port, &settings).await;
    for host in ["attic", "shed", "local"] {
        scene.call(&alice, "register", json!({ "host": host })).await;
    }
    for name in ["attic", "shed", "192.0.2.7:4200", "127.0.0.1:0", "an attic"] {
        let bridge = bridge_at(&home, hub.port, &[settings[0], ("JUNCTION_HUB", name)]).await;
        let said = bridge.error("register", json!({})).await;
        scene.add(&format!("JUNCTION_HUB={name}: register {{}}"), &said);
    }
    scene
}

async fn wrong_settings() -> AnswerScene {
    let home = TestHome::new();
    let mut scene = AnswerScene::new("Settings of the bridge that it cannot follow");
    for (name, value) in BAD_SETTINGS.into_iter().chain(BAD_SETTINGS_OF_BRIDGE) {
        let bridge = bridge_at(&home, free_port(), &[(name, value)]).await;
        let said = bridge.error("register", json!({})).await;
        scene.add(&format!("{name}={value}: register {{}}"), &said);
    }
    scene
}

/// A way to spoil the folder of the configuration.
type SpoilFile = fn(&Path);

/// What can be wrong with a folder that a hub has made, and what that is called.
const SPOILT: [(&str, SpoilFile); 7] = [
    ("others may read the folder", |config| set_mode(config, 0o755)),
    ("others may write to the folder's parent", |config| {
        set_mode(config.parent().expect("a parent"), 0o777);
    }),
    ("the folder is a link", |config| {
        let real = config.with_file_name("real");
        std::fs::rename(config, &real).expect("moved");
        symlink(&real, config).expect("linked");
    }),
    ("the folder is a file", |config| {
        std::fs::remove_dir_all(config).expect("removed");
        std::fs::write(config, "").expect("written");
    }),
    ("others may read hosts.toml", |config| set_mode(&config.join("hosts.toml"), 0o644)),
    ("others may read hub.key", |config| set_mode(&config.join("hub.key"), 0o640)),
    ("hub.key holds no keys", |config| {
        ConfigDir::at(config.to_owned()).write_private("hub.key", "no keys").expect("written");
    }),
];

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("the mode is set");
}

async fn wrong_folders() -> AnswerScene {
    let mut scene = AnswerScene::new("A configuration that cannot be used");
    // Not in a home that is spoilt: a bridge would put its socket where hooks of other tests look, too.
    let elsewhere = TestHome::new();
    let runtime = elsewhere.runtime("all");
    let runtime = [("XDG_RUNTIME_DIR", runtime.to_str().expect("a text"))];
    for (what, spoil) in SPOILT {
        let home = TestHome::new();
        drop(TestHub::start(&home).await);
        spoil(&home.config());
        scene.add(what, "");
        let port = free_port();
        scene.hide(&port, "<port>");
        let bridge = bridge_at(&home, port, &runtime).await;
        scene.hide(&home.path().display(), "<home>");
        scene.call(&bridge, "register", json!({})).await;
        scene.run(&home, ProgramRun::bridge(&["forget", "attic"])).await;
        scene.run(&home, ProgramRun::bridge(&["invite", "--host", "attic"])).await;
        // It ends at once, or would serve for ever.
        scene.run(&home, ProgramRun::hub(&["rotate"])).await;
    }
    scene
}

/// A link to a port of this machine, of a hub that is nowhere.
fn link(port: u16) -> InviteLink {
    let host = "127.0.0.1".to_owned();
    InviteLink { host, port, pin: [3; 32], secret: Secret::filled(|key| key.fill(9)) }
}

async fn join_command() -> AnswerScene {
    let (home, owner) = (TestHome::new(), TestHome::new());
    let (hub, web) = (TestHub::start(&owner).await, web_server().await);
    let own = InviteLink::parse(&owner.link()).expect("a link").at("127.0.0.1", hub.port);
    let (port, good) = (free_port(), link(free_port()).to_text());
    let mut scene = AnswerScene::new("Joining by a link");
    for (port, name) in [(hub.port, "<port>"), (web, "<port>"), (port, "<port>")] {
        scene.hide(&port, name);
    }
    let own_text = own.to_text();
    let other_key = InviteLink { pin: [8; 32], ..own.at("127.0.0.1", hub.port) };
    let other_secret = InviteLink { secret: link(1).secret, ..own.at("127.0.0.1", hub.port) };
    for (what, text) in [
        ("nothing", String::new()),
        ("another text", "hello".to_owned()),
        ("a link that is cut short", good[..good.len() - 1].to_owned()),
        ("a link with more behind it", format!("{good}A")),
        ("a link with a space inside", format!("{} {}", &good[..60], &good[60..])),
        ("a link with a sign that none has", good.replace("CQkJ", "CQ.J")),
        ("a link of another version", good.replace("#1.", "#7.")),
        ("a link that was altered", good.replace("AwMD", "AwME")),
        ("a link without an address", good.replace("127.0.0.1", "127.0.0.256")),
        ("a link to nobody", link(port).to_text()),
        ("a link to a web server", link(web).to_text()),
        ("a link with another key", other_key.to_text()),
        ("a link with another secret", other_secret.to_text()),
        ("the hub's link", own_text.clone()),
        ("the hub's link", own_text.clone()),
    ] {
        let join = ProgramRun::bridge(&["join", "--name", "attic"]);
        scene.run(&home, ProgramRun { input: (what, &text), ..join }).await;
    }
    for name in ["local", "Attic"] {
        let join = ["join", "--name", name];
        let join = ProgramRun::bridge(&join);
        scene.run(&home, ProgramRun { input: ("the hub's link", &own_text), ..join }).await;
    }
    for file in ["/nowhere", "/"] {
        scene.run(&home, ProgramRun::bridge(&["join", "--file", file])).await;
    }
    scene
}

async fn known_hosts() -> AnswerScene {
    let home = TestHome::new();
    let mut scene = AnswerScene::new("Known hosts");
    let port = free_port().to_string();
    let settings = [
        ("JUNCTION_PORT", port.as_str()),
        ("JUNCTION_KNOWN_HOSTS", "shed,local=127.0.0.1,Attic=127.0.0.1"),
    ];
    scene.hide(&port, "<port>");
    scene.run(&home, ProgramRun::bridge(&["hosts"]).with(&settings)).await;
    let dir = ConfigDir::at(home.config());
    for (what, text) in [
        ("no TOML", "[hosts]\nshed\n"),
        ("no table", "hosts = 1\n"),
        ("a line outside", "shed = \"127.0.0.1:1\"\n"),
        ("a name that none has", "[hosts]\nShed = \"127.0.0.1:1\"\n"),
        ("a number for a host", "[hosts]\nshed = 1\n"),
        ("a host with no link", "[hosts]\nshed = \"over there\"\n"),
        ("a host with a damaged link", "[hosts]\nshed = \"junction://127.0.0.1:1/#1.AA\"\n"),
    ] {
        dir.write_private("hosts.toml", text).expect("written");
        scene.add(&format!("hosts.toml has {what}"), "");
        scene.run(&home, ProgramRun::bridge(&["hosts"]).with(&settings[..1])).await;
        scene.run(&home, ProgramRun::bridge(&["forget", "shed"])).await;
    }
    scene
}

async fn other_commands() -> AnswerScene {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (own, nobody) = (hub.port.to_string(), free_port().to_string());
    let mut scene = AnswerScene::new("Other commands of a person");
    scene.hide(&own, "<port>");
    scene.hide(&nobody, "<another port>");
    let fingerprint = "0123456789abcdef";
    let taken = home.path().join("taken");
    std::fs::write(&taken, "").expect("written");
    let taken = taken.to_str().expect("a path");
    let new = ["invite", "--new", "--hub", "192.0.2.7:4200"];
    let new_with = |more: [&'static str; 2]| [&new[..], &more].concat();
    for arguments in [
        &["forget", "nobody"][..],
        &["forget", "local"],
        &["invite", "--port", &nobody],
        &["invite", "--port", &own],
        &["invite", "--host", "nobody"],
        &["invite", "--new", "--hub", "somewhere"],
        &new_with(["--name", "local"]),
        &new_with(["--name", "Attic"]),
        &[&new[..], &["--out", taken]].concat(),
        &[&new[..], &["--out", "/dev/null/hub.key"]].concat(),
        &["verify", "Not One"],
        &["verify", "nobody"],
        &["verify", fingerprint, "0123"],
        &["verify", fingerprint, fingerprint],
    ] {
        scene.run(&home, ProgramRun::bridge(arguments)).await;
    }
    scene
}

async fn command_lines() -> AnswerScene {
    let home = TestHome::new();
    let mut scene = AnswerScene::new("Command lines and settings that a program cannot follow");
    let link = link(4200).to_text();
    scene.hide(&link, "<link>");
    for arguments in [
        &["join", &link][..],
        &["no-such-command"],
        &["--no-such-flag"],
        &["--port", "66000"],
        &["--autostart", "maybe"],
        &["--send-limit", "0,5"],
        &["--wakes-per-hour", "10001"],
        &["--log", "a=b=c"],
        &["forget"],
        &["invite", "--new"],
        &["invite", "--name", "attic"],
        &["invite", "--host", "attic", "--new", "--hub", "192.0.2.7:4200"],
    ] {
        scene.run(&home, ProgramRun::bridge(arguments)).await;
    }
    for setting in BAD_SETTINGS.into_iter().chain(BAD_SETTINGS_OF_BRIDGE) {
        scene.run(&home, ProgramRun::bridge(&["forget", "attic"]).with(&[setting])).await;
    }
    for arguments in [
        &[link.as_str()][..],
        &["no-such-command"],
        &["--no-such-flag"],
        &["--port", "66000"],
        &["--host", "example.org"],
        &["--session-timeout-ms", "0"],
        &["--sweep-interval-ms", "-5"],
        &["--port", "0", "--log", "a=b=c"],
    ] {
        scene.run(&home, ProgramRun::hub(arguments)).await;
    }
    for setting in BAD_SETTINGS.into_iter().chain(BAD_SETTINGS_OF_HUB) {
        // A port that nobody else waits for, where the port is not what is wrong.
        let port: &[&str] = if setting.0 == "JUNCTION_PORT" { &[] } else { &["--port", "0"] };
        scene.run(&home, ProgramRun::hub(port).with(&[setting])).await;
    }
    scene
}

async fn hub_commands() -> AnswerScene {
    let home = TestHome::new();
    let mut scene = AnswerScene::new("A hub, and the commands of its person");
    scene.run(&home, ProgramRun::hub(&["rotate"])).await;
    let hub = TestHub::start(&home).await;
    let port = hub.port.to_string();
    scene.hide(&port, "<port>");
    scene.run(&home, ProgramRun::hub(&["--port", &port])).await;
    let free = free_port().to_string();
    scene.hide(&free, "<port>");
    scene.run(&home, ProgramRun::hub(&["--host", "192.0.2.7", "--port", &free])).await;
    scene.run(&home, ProgramRun::hub(&["rotate"])).await;
    let said = eventually("the hub has new keys", async || {
        Some(hub.stderr()).filter(|said| said.lines().count() > 1)
    })
    .await;
    scene.add("a hub that was started, and whose keys were changed", &said);
    scene
}
