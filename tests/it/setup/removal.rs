//! `setup --remove`: what was there before, and what others have done since, is all that is left.

use super::home::SetupHome;

const CLAUDE: &str = ".claude.json";
const HOOKS: &str = ".claude/settings.json";
const CODEX: &str = ".codex/config.toml";
const GEMINI: &str = ".gemini/settings.json";
const OPENCODE: &str = ".config/opencode/opencode.json";

/// Sets a client up, changes a part of its file, and takes the junction out: the file is as before, with that change.
fn changed_and_removed(client: &str, file: &str, before: &str, (from, to): (&str, &str)) {
    let home = SetupHome::new();
    home.write(file, before);
    home.done(&[client]);
    let made = home.read(file);
    assert!(made != before && made.contains(from), "{made}");
    home.write(file, &made.replace(from, to));
    let output = home.run(&["--remove", client]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(home.read(file), before.replace(from, to), "of {made}");
}

#[test]
fn regression_entries_of_a_person_lose_only_what_setup_added() {
    let model = ("\"a\"", "\"b\"");
    for server in [
        "[mcp_servers.junction]\ncommand = '/old/junction-bridge' # mine\nargs = []\n",
        "[mcp_servers.junction]\n  command = '/old/junction-bridge'",
        "[mcp_servers.junction]\ncommand = \"junction-bridge\"\nenv_vars = [\"X\"]\n",
        "[mcp_servers.junction]\ncommand = \"junction-bridge\"\ndefault_tools_approval_mode = \"approve\"\n",
        "mcp_servers.junction.command = \"/old/junction-bridge\"\n[a]\n",
        "[mcp_servers]\njunction.command = \"/old/junction-bridge\"\n[a]\n",
        "mcp_servers = { junction = { command = \"/old/junction-bridge\" }, x = { command = \"x\" } }\n",
        "mcp_servers = { junction.command = \"/old/junction-bridge\" }",
    ] {
        changed_and_removed("codex", CODEX, &format!("model = \"a\"\n{server}"), model);
    }
    let since = |from, to| (from, to);
    for (client, file, before, edit) in [
        (
            "claude",
            CLAUDE,
            r#"{"mcpServers": {"junction": {"command": "/old/junction-bridge", "args": []}}}"#,
            since(r#""junction": {"#, r#""junction": {"env": {"A": "b"}, "#),
        ),
        (
            "gemini",
            GEMINI,
            r#"{"mcpServers": {"junction": {"command": "/old/junction-bridge", "args": []}}}"#,
            since("[]", r#"["--hub", "x"]"#),
        ),
        (
            "opencode",
            OPENCODE,
            "{\n  \"mcp\": {\n    \"junction\": {\n      \"command\": [\"/old/junction-bridge\", \"--hub\"],\n      \"enabled\": true // mine\n    },\n  },\n}",
            since("true", "false"),
        ),
        (
            "claude",
            HOOKS,
            r#"{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "junction-bridge hook"}]}]}}"#,
            since(r#"[{"hooks": [{"type""#, r#"[{"matcher": "", "hooks": [{"timeout": 5, "type""#),
        ),
    ] {
        changed_and_removed(client, file, before, edit);
    }
}

#[test]
fn regression_fields_that_a_person_has_changed_since_stay() {
    let home = SetupHome::new();
    let before = "[mcp_servers.junction]\ncommand = \"/old/junction-bridge\"\n";
    home.write(CODEX, before);
    home.done(&["codex"]);
    let made = home.read(CODEX);
    assert!(made.contains("\"approve\"") && made.contains("env_vars"), "{made}");
    home.write(CODEX, &made.replace("\"approve\"", "\"prompt\""));
    assert!(home.run(&["--remove", "codex"]).status.success());
    assert_eq!(home.read(CODEX), format!("{before}default_tools_approval_mode = \"prompt\"\n"));
}

#[test]
fn regression_tables_between_brackets_are_added_to_and_left_as_they_were() {
    for hooks in [
        "[hooks]\nStop = []\n",
        "[hooks]\nStop = [{ hooks = [{ type = \"command\", command = \"say\" }] }] # c\n",
        "[hooks]\nStop = [\n  { hooks = [{ type = \"command\", command = \"say\" }] }, # c\n]\n",
        "[[hooks.Stop]]\nhooks = [{ type = \"command\", command = \"say\" }]\n",
        "hooks = { Stop = [] }\n[a]\n",
        "hooks = {}\n",
        "mcp_servers = { x = { command = \"x\" } }\n",
        "mcp_servers = {}\n",
    ] {
        let before = format!("model = \"a\"\n{hooks}");
        changed_and_removed("codex", CODEX, &before, ("\"a\"", "\"b\""));
        let home = SetupHome::new();
        home.write(CODEX, &before);
        home.done(&["codex"]);
        let made = home.read(CODEX);
        assert_eq!(made.matches("hook_event\"").count(), 6, "{made}");
        assert!(!home.done(&["codex"]).contains("changed"), "{made}");
        home.done(&["--remove", "codex"]);
        assert_eq!(home.read(CODEX), before, "{made}");
    }
}
