"""opencode in a terminal, with the junction's plugin, installed by its own command from this repository."""
import json
import re
import subprocess
import time

import namespace
from once import Run
from opencode import PLUGIN, Opencode, environment, install, opencode, provider
from peer import Peer
from plugins import replace_bridge
from script import NOTICE, answers, call, say
from until import until

def _wakes(lab, bob, alice, word):
    """Sends to alice, who sits idle, and measures what comes of it."""
    peer = bob.other(lambda peer: peer["state"] != "busy" and peer["reach"] == "push")
    since = len(alice.actor.turns)
    sent = bob.send(peer["alias"], word)
    turn = alice.actor.shown(NOTICE, since=since)
    assert "The junction plugin sent a message" in turn.text, f"Something else woke it: {turn.text[-600:]}"
    status, at = bob.end(sent["id"])
    assert status == "read", f"The message ended as {status!r}."
    assert bob.read()[0]["reply_to"] == sent["id"], "The answer answers another message."
    alice.actor.at_rest()
    lab.figure(f"{word} asked s", turn.at - sent["at"])
    lab.figure(f"{word} read s", at - sent["at"])
    return turn


def opencode_plugin_wakes(lab):
    """An idle opencode with the plugin is woken three times in a row, each time by one turn; one process waits."""
    install(lab)
    bob = Peer(lab, "bob")
    alice = Opencode(lab, "alice", answers())
    assert not alice.waits(), "It waits before there is a session."
    alice.prompt("Hello.")
    first = until("The wait", alice.waits)
    time.sleep(3)
    assert alice.waits() == first and len(first) == 1, "More than one process waits, or another."
    for word in ("first", "second", "third"):
        _wakes(lab, bob, alice, word)
        assert lab.figures[f"{word} asked s"] <= 1, "It took longer than a second."
        until("The next wait", lambda: len(alice.waits()) == 1)
    alice.actor.quiet(5)
    lab.figure("model requests", len(alice.actor.turns))


def opencode_plugin_keeps_a_draft(lab):
    """A wake leaves alone what a person has half typed."""
    install(lab)
    bob = Peer(lab, "bob")
    alice = Opencode(lab, "alice", answers())
    alice.prompt("Hello.")
    alice.terminal.keys("half", "Space", "of", "Space", "it")
    alice.terminal.shows("half of it")
    _wakes(lab, bob, alice, "first")
    alice.terminal.shows("half of it")
    assert not any("half of it" in turn.text for turn in alice.actor.turns), "The draft was sent."


def opencode_plugin_tells_a_busy_one_once(lab):
    """A message to a session at work is told once, with a tool's result, and begins no turn after it."""
    def works():
        yield
        yield call("junction_list_peers")
        yield call("bash", command="sleep 4", description="Waits")
        yield call("read_messages")
        yield say("Done.")

    install(lab)
    bob = Peer(lab, "bob")
    alice = Opencode(lab, "alice", works())
    alice.terminal.type("Work.")
    alice.actor.asked(2)
    sent = bob.send(bob.other(lambda peer: peer["state"] == "busy")["alias"], "While you work.", urgency="high")
    assert bob.end(sent["id"])[0] == "read", "The message was not read."
    alice.actor.at_rest()
    alice.actor.quiet(8)
    # It is part of the tool's result.
    notices = [notice for turn in alice.actor.turns for notice in re.findall(NOTICE, turn.text)]
    assert len(notices) == 1, f"It was told {len(notices)} times: {notices}"
    assert not any("plugin sent" in turn.text for turn in alice.actor.turns), "The plugin began a turn."


# In place of the bridge: the bridge itself, whose wait prints a notice of its own as soon as there is a file.
EARLY = """#!/bin/sh
if [ "$*" = "hook --wait" ] && mv "$HOME/early" "$HOME/given"; then
  echo 'Agent Junction notice 9: 1 unread message from "bob". Call the tool read_messages.'
  exit
fi
exec {bridge} "$@"
"""


def opencode_plugin_begins_no_turn_for_a_notice_in_a_turn(lab):
    """A notice that comes in a turn begins none: not as a second prompt is queued, nor after the turn, which has read."""
    def works():
        yield
        yield call("bash", command="sleep 3", description="Waits")
        yield call("bash", command="sleep 5", description="Waits")
        yield call("read_messages")
        turn = yield say("Done.")
        while True:
            assert "plugin sent" not in turn.text, "The plugin began a turn."
            turn = yield say("Noted.")

    install(lab)
    replace_bridge(lab, EARLY)
    bob = Peer(lab, "bob")
    alice = Opencode(lab, "alice", works())
    (lab.home / "early").write_text("")
    alice.terminal.type("Work.")
    until("The notice", (lab.home / "given").exists)
    assert len(alice.actor.turns) <= 2, "The notice did not come early."
    alice.actor.asked(2)
    sent = bob.send(bob.other(lambda peer: peer["state"] == "busy")["alias"], "While you work.", urgency="low")
    alice.terminal.type("And this.")
    assert bob.end(sent["id"])[0] == "read", "The message was not read."
    alice.actor.at_rest()
    alice.actor.quiet(12)
    assert any("And this." in turn.text for turn in alice.actor.turns), "The second prompt was not answered."
    assert not any("plugin sent" in turn.text for turn in alice.actor.turns), "The plugin began a turn."
    until("The wait", lambda: len(alice.waits()) == 1)


def opencode_plugin_removed_leaves_nothing(lab):
    """Without the plugin's entry, a new session has no tool of the junction and starts no program of it."""
    def tools():
        turn = yield
        yield say(f"{[tool for tool in turn.tools if 'junction' in tool]}")

    install(lab)
    settings = lab.home / ".config" / "opencode" / "opencode.jsonc"
    known = json.loads(settings.read_text())
    assert known.pop("plugin") == [str(PLUGIN)], f"Other plugins are there: {known}"
    settings.write_text(json.dumps(known))
    carol = Opencode(lab, "carol", tools())
    carol.prompt("Hello.")
    assert "[]" in [act.text for act in carol.actor.acts], f"Tools are left: {carol.actor.acts}"
    assert not namespace.processes("junction-bridge"), "A program of the junction runs."


def opencode_plugin_waits_in_no_run(lab):
    """`opencode run` has the server and its hooks, and nothing waits in it."""
    install(lab)
    seen = []

    def script():
        yield
        yield call("list_peers")
        yield call("bash", command="sleep 2", description="Waits")
        seen.extend(pid for pid in namespace.processes("junction-bridge") if b"--wait" in namespace.command_line(pid))
        yield say("Done.")

    run, actor = opencode(lab, "once", script(), "Who is there?", by_setup=True)
    run.ended()
    assert any('"peers"' in turn.text for turn in actor.turns), "The tool did not answer."
    assert not seen, "Something waits."


REFUSES = """
export const Refuses = async () => ({
  'chat.message': async (_, { parts }) => {
    if (parts.some((part) => part.text?.includes('Agent Junction notice 1:'))) throw new Error('No.');
  },
});
"""


def opencode_plugin_that_is_refused_is_told(lab):
    """Where another plugin refuses the notice, the sender learns at once that nothing wakes the session, and nothing is read.

    The message stays for the next prompt. What is not refused wakes the session again after that.
    """
    install(lab)
    folder = lab.home / ".config" / "opencode" / "plugin"
    folder.mkdir()
    (folder / "refuses.js").write_text(REFUSES)
    bob = Peer(lab, "bob")
    alice = Opencode(lab, "alice", answers())
    alice.prompt("Hello.")
    until("The wait", alice.waits)
    peer = bob.other(lambda peer: peer["state"] != "busy" and peer["reach"] == "push")
    asked = len(alice.actor.turns)
    sent = bob.send(peer["alias"], "first")
    until("The drop", lambda: bob.other()["reach"] == "next-turn" or alice.actor.find(NOTICE, asked), 30)
    lab.figure("known after s", time.monotonic() - sent["at"])
    assert time.monotonic() - sent["at"] < 5, "It was not the refusal that told of the drop."
    assert len(alice.actor.turns) == asked, "The model was asked."
    assert sent["id"] not in bob.ends, "It counts as read."
    alice.prompt("Look for mail.")
    assert bob.end(sent["id"])[0] == "read", "The message is lost."
    assert bob.read()[0]["reply_to"] == sent["id"], "The answer answers another message."
    alice.actor.at_rest()
    _wakes(lab, bob, alice, "second")


def opencode_plugin_wakes_the_session_in_use(lab):
    """Of two sessions in one window, the one that the person wrote to last is woken, and the other is left alone."""
    install(lab)
    bob = Peer(lab, "bob")
    alice = Opencode(lab, "alice", answers())
    alice.prompt("You are the first.")
    _wakes(lab, bob, alice, "one")
    alice.terminal.type("/new")
    alice.terminal.shows("Ask anything")
    alice.prompt("You are the second.")
    _wakes(lab, bob, alice, "two")
    assert len(alice.waits()) == 1, "More than one process waits."
    body = lab.model.last_body("alice")
    assert "You are the second." in body and "You are the first." not in body, "The first session was woken."


def opencode_plugin_in_a_server_of_two_folders_wakes_each(lab):
    """One process that serves two folders has two bridges. Each wakes its own folder's session, and never the other's."""
    install(lab)
    bob = Peer(lab, "bob")
    server = _Server(lab, ("alice", "bella"))
    server.prompt("alice", "You are the first.")
    alice = until("The first bridge", lambda: next(iter(bob.others()), None))
    server.prompt("bella", "You are the second.")
    bella = until("The second bridge", lambda: next(iter(set(bob.others()) - {alice}), None))
    actors = {alice: lab.model.actors["alice"], bella: lab.model.actors["bella"]}
    for alias in (alice, bella, alice):
        own = actors[alias]
        other = next(actor for actor in actors.values() if actor is not own)
        until("Idle, and a wait", lambda: (bob.others()[alias]["state"], bob.others()[alias]["reach"]) == ("idle", "push"))
        others = len(other.turns)
        sent = bob.send(alias, "Which port?")
        assert bob.end(sent["id"])[0] == "read", "The message was not read."
        own.quiet(5)
        assert len(other.turns) == others, f"{other.name} was woken for a message to {own.name}."


class _Server:
    """`opencode serve`, whose clients name the folder with every request."""

    def __init__(self, lab, names):
        self.lab = lab
        for name in names:
            lab.model.actor(name, answers())
            (lab.project(name) / "opencode.json").write_text(json.dumps(provider(lab, name)))
        command = [lab.program("opencode"), "serve", "--port", "4096", "--hostname", "127.0.0.1"]
        Run(lab, "server", command, environment(lab), lab.project(names[0]))
        # A request that comes before that is never answered.
        until("The server", lambda: "listening" in (lab.out / "output-server.txt").read_text(), 60)

    def prompt(self, name, text):
        """Begins a session in the folder of this name, and waits for the end of its first turn."""
        session = self._ask(name, "/session", {})["id"]
        self._ask(name, f"/session/{session}/message", {"parts": [{"type": "text", "text": text}]})
        self.lab.model.actors[name].at_rest(60)

    def _ask(self, name, path, body):
        url = f"http://127.0.0.1:4096{path}?directory={self.lab.project(name)}"
        command = ["curl", "-s", "--noproxy", "*", "-m", "60", "-H", "content-type: application/json"]
        ran = subprocess.run([*command, "-d", json.dumps(body), url], capture_output=True, text=True, check=True)
        return json.loads(ran.stdout)
