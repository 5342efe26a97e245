"""Plugins that `setup` installs, in a home in which nothing of the junction was."""
import json
import re
import time

import namespace
from cases.opencode_plugin import _wakes as wakes_opencode
from cases.setup import OURS, SETTINGS, _files, _said, _tools
from claude import Claude
from codex import Codex
from newcomer import DIALOG, Newcomer, asks, heard
from opencode import Opencode
from peer import Peer
from script import answers
from until import until

SERVER = "plugin:junction:junction"
# The sessions do not find the bridge by its name.
PATH = "/usr/local/bin:/usr/bin:/bin"


def _claude(lab, name, script, ready=True):
    return Claude(lab, name, script, by_setup=True, server=SERVER, ready=ready, PATH=PATH)


def _bridges(session):
    """The bridges of a session, without what waits for a notice."""
    own = [pid for pid in namespace.processes("junction-bridge") if namespace.parent(pid) == session.pid]
    return [pid for pid in own if b"hook" not in namespace.command_line(pid)]


def _kept(lab, path, text):
    """A file of the user's that is there before `setup`."""
    file = lab.home / path
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


def setup_plugin_claude_talks(lab):
    """After `setup --plugin claude`, two Claude Codes talk without a dialog; each has one bridge, by its full path."""
    user = Newcomer(lab, "claude")
    user.bridge("setup", "--plugin", "claude")
    bella = _claude(lab, "bella", answers())
    alice = _claude(lab, "alice", asks())
    for session in (bella, alice):
        assert len(_bridges(session)) == 1, f"{session.name} has {len(_bridges(session))} bridges."
    alice.terminal.type("Ask the other session which port it uses.")
    heard(lab, "alice")
    for session in (bella, alice):
        assert not re.search(DIALOG, session.terminal.screen()), f"A dialog: {session.terminal.screen()}"
    tools = [tool for tool in alice.actor.turns[0].tools if "junction" in tool]
    assert tools and all(tool.startswith("mcp__plugin_junction_junction__") for tool in tools), f"Tools: {tools}"
    woke = [turn for turn in bella.actor.turns if "The junction plugin sent a message" in turn.text]
    assert woke, "Something other than the mod woke bella."
    said = user.bridge("setup", "claude")
    assert "Everything is as it should be" in said, f"The second run did something: {said}"


def setup_plugin_claude_replaces_settings(lab):
    """`setup --plugin claude` after `setup claude`: a session has one bridge, by the plugin, and settings only the rule."""
    user = Newcomer(lab, "claude")
    user.bridge("setup", "claude")
    user.bridge("setup", "--plugin", "claude")
    assert "junction" not in json.loads((lab.home / ".claude.json").read_text()).get("mcpServers", {})
    settings = json.loads((lab.home / ".claude" / "settings.json").read_text())
    assert settings["permissions"]["allow"] == ["mcp__plugin_junction_junction"] and "hooks" not in settings, settings
    alice = _claude(lab, "alice", _tools())
    time.sleep(2)
    assert len(_bridges(alice)) == 1, f"It has {len(_bridges(alice))} bridges."


def setup_plugin_claude_beside_a_server(lab):
    """A plugin that a person installed, with a server in the settings: doctor fails, and `setup claude` resolves it."""
    user = Newcomer(lab, "claude")
    user.bridge("setup", "--plugin", "claude")
    servers = lab.home / ".claude.json"
    known = json.loads(servers.read_text())
    servers.write_text(json.dumps(known | {"mcpServers": {"junction": {"command": "junction-bridge"}}}))
    said = user.bridge("doctor", code=1)
    assert "has the junction twice" in said, f"doctor says: {said}"
    user.bridge("setup", "claude")
    assert "junction" not in json.loads(servers.read_text()).get("mcpServers", {})
    assert "has the junction by its plugin" in user.bridge("doctor"), "doctor says something else."


def setup_plugin_claude_removed(lab):
    """After `setup --plugin claude` and `--remove`, settings are as they were, to the byte, and a session knows nothing."""
    user = Newcomer(lab, "claude")
    settings = _kept(lab, ".claude/settings.json", '{\n\t"theme": "dark",\n\t"env": { "A": "1" }\n}')
    before = settings.read_bytes()
    user.bridge("setup", "--plugin", "claude")
    assert settings.read_bytes() != before
    user.bridge("setup", "--remove", "claude")
    assert settings.read_bytes() == before, f"The settings are now: {settings.read_text()}"
    # Claude Code keeps its own copy for a while, marked as orphaned.
    files = {path: text for path, text in _files(lab).items() if "cache" not in path.parts}
    left = [path for path, text in files.items() if path.name in SETTINGS and re.search(OURS, text)]
    assert not left, f"Something of the junction is left in {left}"
    assert not list((lab.home / ".config").rglob("*junction.js*")), "The package is left."
    carol = _claude(lab, "carol", _tools(), ready=False)
    carol.prompt("Hello.")
    assert _said(lab, "carol") == "[]", f"Tools are left: {_said(lab, 'carol')}"
    assert not namespace.processes("junction-bridge"), "A bridge runs."


def setup_plugin_codex_talks(lab):
    """After `setup --plugin codex`, two Codexes talk, once the plugin's hooks are reviewed."""
    user = Newcomer(lab, "codex")
    user.bridge("setup", "--plugin", "codex")
    bella = Codex(lab, "bella", answers(), hooks=True, by_setup=True)
    bella.terminal().type("You are on the junction.")
    bella.actor.asked(2, 60)
    bella.actor.at_rest()
    alice = Codex(lab, "alice", asks(), by_setup=True)
    window = alice.terminal()
    window.type("Ask the other session which port it uses.")
    heard(lab, "alice")
    assert not re.search(DIALOG, window.screen()), f"A dialog: {window.screen()}"
    assert "Everything is as it should be" in user.bridge("setup", "codex"), "The second run did something."


def setup_plugin_codex_removed(lab):
    """After `setup codex`, `setup --plugin codex` and `--remove`, Codex's configuration is as it was, to the byte."""
    user = Newcomer(lab, "codex")
    config = lab.home / ".codex" / "config.toml"
    before = config.read_bytes()
    user.bridge("setup", "codex")
    user.bridge("setup", "--plugin", "codex")
    assert b"mcp_servers" not in config.read_bytes(), "The settings' server is there."
    user.bridge("setup", "--remove", "codex")
    assert config.read_bytes() == before, f"The configuration is now: {config.read_text()}"


def setup_opencode_wakes(lab):
    """After `setup opencode`, an idle opencode is woken, twice in a row, by a plugin that calls the bridge by its path."""
    user = Newcomer(lab, "opencode")
    user.bridge("setup", "opencode")
    bob = Peer(lab, "bob")
    alice = Opencode(lab, "alice", answers())
    alice.prompt("Hello.")
    until("The wait", lambda: len(alice.waits()) == 1)
    for word in ("first", "second"):
        wakes_opencode(lab, bob, alice, word)
        until("The next wait", lambda: len(alice.waits()) == 1)
    program = str(lab.programs / "junction-bridge").encode()
    assert namespace.command_line(alice.waits()[0]).startswith(program), "It is called by another name."


def _lists_the_skills(lab, client):
    """What the model of a session is told, after `setup`, and after `--remove`."""
    user = Newcomer(lab, client)
    for name, is_there in (("alice", True), ("carol", False)):
        if is_there:
            user.setup()
        else:
            user.remove()
        window = user.open(client, name, _tools(), "Hello.")
        asked = until(f"A request of {name}", lambda: lab.model.bodies(name), 60)
        for skill in ("use-junction", "inject-junction"):
            assert (skill in asked) == is_there, f"{skill} is {'not ' if is_there else ''}in the requests of {name}."
        window.close()


def setup_skills_claude(lab):
    """After `setup claude`, a session's model is told of the two skills; after `--remove`, of none."""
    _lists_the_skills(lab, "claude")


def setup_skills_codex(lab):
    """The same with Codex."""
    _lists_the_skills(lab, "codex")


def setup_skills_gemini(lab):
    """The same with Gemini CLI."""
    _lists_the_skills(lab, "gemini")
