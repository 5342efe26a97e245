"""Claude Code with the junction's plugin, installed by its own commands from this repository."""
import json
import pathlib
import shutil
import subprocess
import time

import namespace
from claude import KEY, Claude, answer_first_questions
from newcomer import asks, heard
from once import Run
from peer import Peer
from script import NOTICE, answers, call, say
from until import until

ROOT = pathlib.Path(__file__).resolve().parents[3]
RULE = "mcp__plugin_junction_junction"
# In place of the bridge: the bridge itself, to which Claude Code has named no inbox.
WITHOUT_INBOX = """#!/bin/sh
unset CLAUDE_CODE_MESSAGING_SOCKET CLAUDE_CODE_MESSAGING_TOKEN
exec {bridge} "$@"
"""


def _plugin(lab, *words):
    """Runs `claude plugin …`."""
    answer_first_questions(lab, lab.project("first"))
    ran = subprocess.run([lab.program("claude"), "plugin", *map(str, words)], env=lab.env(), cwd=lab.home,
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    with open(lab.out / "commands.txt", "a") as log:
        log.write(f"$ claude plugin {' '.join(map(str, words))}\n{ran.stdout}{ran.stderr}")
    assert ran.returncode == 0, f"claude plugin {words} ended with {ran.returncode}: {ran.stdout}{ran.stderr}"


def _install(lab, inbox=False):
    """Installs the plugin, with the one rule that a plugin cannot bring. Without the inbox, the mod is the only way."""
    # A copy: Claude Code writes into the folder of a plugin that it loads.
    repository = lab.out / "repository"
    for folder in (".claude-plugin", "plugin/claude"):
        shutil.copytree(ROOT / folder, repository / folder)
    _plugin(lab, "marketplace", "add", repository)
    _plugin(lab, "install", "junction@agent-junction")
    settings = lab.home / ".claude" / "settings.json"
    known = json.loads(settings.read_text())
    settings.write_text(json.dumps(known | {"permissions": {"allow": [RULE]}}))
    if not inbox:
        _replace_bridge(lab, WITHOUT_INBOX)


def _replace_bridge(lab, text):
    bridge = lab.programs / "junction-bridge"
    text = text.format(bridge=bridge.resolve())
    bridge.unlink()
    bridge.write_text(text)
    bridge.chmod(0o755)


def _policy(lab, settings):
    """Sets what the organization decides. It has one place, in /etc, of which this case has its own copy."""
    etc = lab.out / "etc"
    subprocess.run(["cp", "-a", "/etc", etc], stderr=subprocess.DEVNULL)
    (etc / "claude-code").mkdir(exist_ok=True)
    (etc / "claude-code" / "managed-settings.json").write_text(json.dumps(settings))
    subprocess.run(["mount", "--bind", etc, "/etc"], check=True)


def _open(lab, name, script, **env):
    return Claude(lab, name, script, by_setup=True, server="plugin:junction:junction", **env)


def _waits(session):
    """The ids of the session's processes that wait for a notice."""
    waits = [pid for pid in namespace.processes("junction-bridge") if b"--wait" in namespace.command_line(pid)]
    return [pid for pid in waits if namespace.parent(pid) == session.pid]


def _wakes(lab, bob, alice, word, by="The junction plugin sent a message"):
    """Sends to alice, who sits idle, and measures what comes of it."""
    peer = bob.other(lambda peer: peer["state"] != "busy" and peer["reach"] == "push")
    since = len(alice.actor.turns)
    sent = bob.send(peer["alias"], word)
    turn = alice.actor.shown(NOTICE, since=since)
    assert by in turn.text, f"Something else woke it: {turn.text[-600:]}"
    assert word not in turn.text, "The notice shows the message itself."
    status, at = bob.end(sent["id"])
    assert status == "read", f"The message ended as {status!r}."
    assert bob.read()[0]["reply_to"] == sent["id"], "The answer answers another message."
    alice.idle()
    lab.figure(f"{word} asked s", turn.at - sent["at"])
    lab.figure(f"{word} read s", at - sent["at"])
    return turn


def claude_plugin_wakes_by_mod(lab):
    """The mod alone, without the inbox, wakes an idle session twice in a row; one process waits in between."""
    _install(lab)
    bob = Peer(lab, "bob")
    alice = _open(lab, "alice", answers())
    first = until("The wait", lambda: _waits(alice))
    time.sleep(3)
    assert _waits(alice) == first, "Another process waits, though nothing has come."
    assert len(first) == 1, f"{len(first)} processes wait."
    for word in ("first", "second", "third"):
        _wakes(lab, bob, alice, word)
        assert lab.figures[f"{word} asked s"] <= 1, "It took longer than a second."
        until("The next wait", lambda: len(_waits(alice)) == 1)
    alice.actor.quiet(5)
    lab.figure("model requests", len(alice.actor.turns))
    notices = [notice for turn in alice.actor.turns for notice in turn.notices]
    assert len(notices) == 3, f"There were other notices than one a message: {notices}"


def claude_plugin_keeps_a_draft(lab):
    """A wake by the mod leaves alone what a person has half typed."""
    _install(lab)
    bob = Peer(lab, "bob")
    alice = _open(lab, "alice", answers())
    alice.terminal.keys("half", "Space", "of", "Space", "it")
    alice.terminal.shows("half of it")
    _wakes(lab, bob, alice, "first")
    alice.terminal.shows("❯.half of it")
    assert not any("half of it" in turn.text for turn in alice.actor.turns), "The draft was sent."


def claude_plugin_tells_a_busy_one_once(lab):
    """A message to a session at work is told once, by a hook in its turn, and begins no turn after it."""
    def works():
        yield
        yield call("list_peers")
        yield call("Bash", command="sleep 4", description="Waits")
        yield call("read_messages")
        yield say("Done.")

    _install(lab)
    bob = Peer(lab, "bob")
    alice = _open(lab, "alice", works())
    alice.terminal.type("Work.")
    alice.actor.asked(2)
    sent = bob.send(bob.other(lambda peer: peer["state"] == "busy")["alias"], "While you work.", urgency="high")
    assert bob.end(sent["id"])[0] == "read", "The message was not read."
    alice.actor.at_rest()
    alice.actor.quiet(8)
    notices = [notice for turn in alice.actor.turns for notice in turn.notices]
    assert len(notices) == 1, f"It was told more than once: {notices}"
    assert not any("plugin sent" in turn.text for turn in alice.actor.turns), "The mod began a turn."


def claude_plugin_without_mods_falls_back_to_the_inbox(lab):
    """Where the organization forbids mods, the inbox wakes the session, and no process waits."""
    _install(lab, inbox=True)
    guard = {"cc-plugin-sec-default@builtin": {"options": {"allowManagedModsOnly": True}}}
    _policy(lab, {"pluginConfigs": guard})
    bob = Peer(lab, "bob")
    alice = _open(lab, "alice", answers())
    _wakes(lab, bob, alice, "first", by="Another Claude session")
    assert "allowManagedModsOnly" in alice.debug.read_text(), "Mods are not forbidden."
    assert not _waits(alice), "The mod runs."


def claude_plugins_talk(lab):
    """Two sessions with the plugin, by that one rule, talk without a dialog."""
    _install(lab)
    bella = _open(lab, "bella", answers())
    alice = _open(lab, "alice", asks())
    alice.terminal.type("Ask the other session which port it uses.")
    heard(lab, "alice")
    for one in (alice, bella):
        assert "Do you want" not in one.terminal.screen(), "A dialog."


def claude_plugin_uninstalled_leaves_nothing(lab):
    """After the plugin is uninstalled, a new session has no tool of the junction and starts no program of it."""
    _install(lab)
    alice = _open(lab, "alice", answers())
    until("The wait", lambda: _waits(alice))
    alice.terminal.close()
    until("The end of its programs", lambda: not namespace.processes("junction-bridge"), 30)
    _plugin(lab, "uninstall", "junction@agent-junction")
    _plugin(lab, "marketplace", "remove", "agent-junction")

    def tools():
        turn = yield
        yield say(f"{[tool for tool in turn.tools if 'junction' in tool]}")

    carol = Claude(lab, "carol", tools(), by_setup=True, ready=False)
    carol.prompt("Hello.")
    assert carol.actor.acts[0].text == "[]", f"Tools are left: {carol.actor.acts[0].text}"
    assert not namespace.processes("junction-bridge"), "A program of the junction runs."
    files = [path for path in (lab.home / ".claude").rglob("*") if path.is_file() and "projects" not in path.parts]
    left = [str(path) for path in files if path.name == "register.js"]
    settings = json.loads((lab.home / ".claude" / "settings.json").read_text())
    settings.pop("permissions")
    lab.figure("settings left", json.dumps(settings))
    lab.figure("files left", str(left))
    assert "junction" not in json.dumps(settings), f"Left in the settings: {settings}"


def claude_plugin_that_is_refused_falls_back_to_the_inbox(lab):
    """A hook of the user's that refuses the notice drops the mod's wake, and the inbox wakes the session at once."""
    _install(lab, inbox=True)
    settings = lab.home / ".claude" / "settings.json"
    known = json.loads(settings.read_text())
    refuses = lab.out / "refuses"
    refuses.write_text("#!/bin/sh\n! grep -q '\"prompt\":\"Agent Junction notice 1:' || { echo No. >&2; exit 2; }\n")
    refuses.chmod(0o755)
    hooks = {"UserPromptSubmit": [{"hooks": [{"type": "command", "command": str(refuses)}]}]}
    settings.write_text(json.dumps(known | {"hooks": hooks}))
    bob = Peer(lab, "bob")
    alice = _open(lab, "alice", answers())
    until("The wait", lambda: _waits(alice))
    turn = _wakes(lab, bob, alice, "first", by="Another Claude session")
    assert "notice 2" in turn.text, f"The mod was not tried: {turn.text[-600:]}"


def claude_plugin_costs_no_run_anything(lab):
    """A run that ends with its answer has the server, and nothing waits in it."""
    _install(lab)
    answer_first_questions(lab, lab.project("once"))
    seen = []

    def script():
        yield
        yield call("list_peers")
        seen.extend(pid for pid in namespace.processes("junction-bridge") if b"--wait" in namespace.command_line(pid))
        yield say("Done.")

    actor = lab.model.actor("once", script())
    env = lab.env(ANTHROPIC_API_KEY=KEY, ANTHROPIC_BASE_URL=f"{lab.model.url}/once",
                  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1", DISABLE_AUTOUPDATER="1")
    Run(lab, "once", [lab.program("claude"), "-p", "Who is there?"], env, lab.project("once")).ended()
    assert "peers" in actor.turns[1].text, f"The tool did not answer: {actor.turns[1].text}"
    assert not seen, "Something waits."


def claude_plugin_without_a_bridge_tries_ever_less(lab):
    """Where no bridge runs, the mod tries again after pauses that double, and the session works as ever."""
    _install(lab)
    log = lab.out / "started.txt"
    _replace_bridge(lab, f'#!/bin/sh\necho "$*" >> {log}\n')
    alice = Claude(lab, "alice", _greets(), by_setup=True, ready=False)
    waits = lambda: log.read_text().splitlines().count("hook --wait")
    until("The third try", lambda: log.exists() and waits() >= 3, 30)
    time.sleep(8)
    lab.figure("tries", waits())
    assert waits() <= 5, f"It tried {waits()} times."
    alice.prompt("Hello.")


def _greets():
    yield
    while True:
        yield say("Hello.")
