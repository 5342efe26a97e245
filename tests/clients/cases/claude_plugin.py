"""Claude Code with the junction's plugin: the mod, and what wakes a session without it."""
import json
import time

import namespace
from claude import KEY, Claude, answer_first_questions
from newcomer import asks, heard
from once import Run
from peer import Peer
from plugins import (add_settings, has_the_mod_alone, install, opened, plugin, policy, replace_bridge, repository, waits,
                     wakes)
from script import NOTICE, answered, answers, call, say
from until import until

NO_MODS = {"pluginConfigs": {"cc-plugin-sec-default@builtin": {"options": {"allowManagedModsOnly": True}}}}


def claude_plugin_wakes_by_mod(lab):
    """The mod alone wakes an idle session again and again, each time within a second; one process waits in between.

    The session has no inbox, and no hook that waits.
    """
    install(lab)
    bob = Peer(lab, "bob")
    alice = opened(lab, "alice", answers())
    first = until("The wait", lambda: waits(alice))
    has_the_mod_alone(lab, alice)
    time.sleep(3)
    assert waits(alice) == first, "Another process waits, though nothing has come."
    assert len(first) == 1, f"{len(first)} processes wait."
    for word in ("first", "second", "third"):
        wakes(lab, bob, alice, word)
        assert lab.figures[f"{word} asked s"] <= 1, "It took longer than a second."
        until("The next wait", lambda: len(waits(alice)) == 1)
    alice.actor.quiet(5)
    lab.figure("model requests", len(alice.actor.turns))
    notices = [notice for turn in alice.actor.turns for notice in turn.notices]
    assert len(notices) == 3, f"There were other notices than one a message: {notices}"


def claude_plugin_wakes_where_a_policy_closes_the_inbox(lab):
    """Where the organization refuses what comes by the inbox (`crossSessionInbound`), the mod wakes the session, twice."""
    install(lab, inbox=True)
    policy(lab, {"crossSessionInbound": "refuse"})
    bob = Peer(lab, "bob")
    alice = opened(lab, "alice", answers())
    until("The wait", lambda: waits(alice))
    for word in ("first", "second"):
        wakes(lab, bob, alice, word)


def claude_plugin_without_mods_falls_back_to_the_hook_where_a_policy_closes_the_inbox(lab):
    """Where the inbox takes a notice and the policy then refuses it, the plugin's rewake hook wakes the session a minute later.

    The inbox answers nothing: only that the session shows no sign of life tells of the refusal.
    """
    install(lab, inbox=True)
    policy(lab, NO_MODS | {"crossSessionInbound": "refuse"})
    bob = Peer(lab, "bob")
    alice = opened(lab, "alice", answers())
    sent = bob.send(bob.other(lambda peer: peer["reach"] == "push")["alias"], "first")
    turn = alice.actor.shown(NOTICE, 90)
    assert "SYSTEM NOTIFICATION" in turn.text, f"Something else woke it: {turn.text[-600:]}"
    lab.figure("asked s", turn.at - sent["at"])
    assert bob.end(sent["id"])[0] == "read", "The message was not read."
    assert not waits(alice), "The mod runs."


def claude_plugin_keeps_a_draft(lab):
    """A wake by the mod leaves alone what a person has half typed."""
    install(lab)
    bob = Peer(lab, "bob")
    alice = opened(lab, "alice", answers())
    alice.terminal.keys("half", "Space", "of", "Space", "it")
    alice.terminal.shows("half of it")
    wakes(lab, bob, alice, "first")
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

    install(lab)
    bob = Peer(lab, "bob")
    alice = opened(lab, "alice", works())
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
    install(lab, inbox=True)
    policy(lab, NO_MODS)
    bob = Peer(lab, "bob")
    alice = opened(lab, "alice", answers())
    wakes(lab, bob, alice, "first", by="Another Claude session")
    assert "allowManagedModsOnly" in alice.debug.read_text(), "Mods are not forbidden."
    assert not waits(alice), "The mod runs."


def claude_plugin_without_mods_and_inbox_falls_back_to_the_hook(lab):
    """Where mods are forbidden and there is no inbox, the plugin's rewake hook wakes the session; and again."""
    install(lab)
    policy(lab, NO_MODS)
    bob = Peer(lab, "bob")
    alice = opened(lab, "alice", answers())
    for word in ("first", "second"):
        wakes(lab, bob, alice, word, by="SYSTEM NOTIFICATION")
    assert not waits(alice), "The mod runs."


def claude_plugin_waits_for_the_end_of_a_turn(lab):
    """Without hooks that tell it in its turn, a busy session is left alone, and the mod wakes it once the turn is over."""
    def works():
        yield
        yield call("list_peers")
        yield call("Bash", command="sleep 6", description="Waits")
        ended.append(time.monotonic())
        yield say("Done.")
        yield from answered()

    install(lab)
    hooks = lab.home / ".claude" / "plugins" / "cache"
    for file in [*hooks.rglob("hooks.json"), repository(lab) / "plugin" / "claude" / "hooks" / "hooks.json"]:
        file.write_text(json.dumps({"modules": ["./register.js"]}))
    ended = []
    bob = Peer(lab, "bob")
    alice = opened(lab, "alice", works())
    has_the_mod_alone(lab, alice)
    alice.terminal.type("Work.")
    alice.actor.asked(2)
    sent = bob.send(bob.other(lambda peer: peer["state"] == "busy")["alias"], "While you work.")
    turn = alice.actor.shown(NOTICE)
    assert ended and turn.at > ended[0], "It was told in its turn."
    assert "The junction plugin sent a message" in turn.text, f"Something else woke it: {turn.text[-600:]}"
    assert bob.end(sent["id"])[0] == "read", "The message was not read."
    lab.figure("asked s after the end", turn.at - ended[0])


def claude_plugins_talk(lab):
    """Two sessions with the plugin, by that one rule, talk without a dialog."""
    install(lab)
    bella = opened(lab, "bella", answers())
    alice = opened(lab, "alice", asks())
    alice.terminal.type("Ask the other session which port it uses.")
    heard(lab, "alice")
    for one in (alice, bella):
        assert "Do you want" not in one.terminal.screen(), "A dialog."


def claude_plugin_uninstalled_leaves_nothing(lab):
    """After the plugin is uninstalled, a new session has no tool, skill or command of it and starts no program of it.

    The settings are as before, but for the rule that the person has added.
    """
    def tools():
        turn = yield
        while True:
            turn = yield say(f"{[tool for tool in turn.tools if 'junction' in tool]}")

    install(lab)
    alice = opened(lab, "alice", tools())
    until("The wait", lambda: waits(alice))
    alice.prompt("Hello.")
    assert "junction" in alice.actor.acts[0].text, "It has no tools."
    assert "junction:use-junction" in lab.model.bodies("alice"), "It has no skills."
    alice.terminal.type("/junction:peers")
    alice.actor.shown("short table")
    alice.terminal.close()
    until("The end of its programs", lambda: not namespace.processes("junction-bridge"), 30)
    plugin(lab, "uninstall", "junction@agent-junction")
    plugin(lab, "marketplace", "remove", "agent-junction")

    carol = Claude(lab, "carol", tools(), by_setup=True, ready=False)
    carol.prompt("Hello.")
    assert carol.actor.acts[0].text == "[]", f"Tools are left: {carol.actor.acts[0].text}"
    for word in ("use-junction", "junction:"):
        assert word not in lab.model.bodies("carol"), f"The model is still told of {word}."
    carol.terminal.type("/junction:peers")
    carol.terminal.shows("Unknown|No commands match|isn't available")
    assert not namespace.processes("junction-bridge"), "A program of the junction runs."
    settings = json.loads((lab.home / ".claude" / "settings.json").read_text())
    settings.pop("permissions")
    lab.figure("settings left", json.dumps(settings))
    assert "junction" not in json.dumps(settings), f"Left in the settings: {settings}"


def claude_plugin_that_is_refused_falls_back_to_the_inbox(lab):
    """A hook of the user's that refuses the notice drops the mod's wake, and the inbox wakes the session at once."""
    install(lab, inbox=True)
    refuses = lab.out / "refuses"
    refuses.write_text("#!/bin/sh\n! grep -q '\"prompt\":\"Agent Junction notice 1:' || { echo No. >&2; exit 2; }\n")
    refuses.chmod(0o755)
    hooks = {"UserPromptSubmit": [{"hooks": [{"type": "command", "command": str(refuses)}]}]}
    add_settings(lab, hooks=hooks)
    bob = Peer(lab, "bob")
    alice = opened(lab, "alice", answers())
    until("The wait", lambda: waits(alice))
    turn = wakes(lab, bob, alice, "first", by="Another Claude session")
    assert "notice 2" in turn.text, f"The mod was not tried: {turn.text[-600:]}"


def claude_plugin_costs_no_run_anything(lab):
    """A run that ends with its answer has the server, and nothing waits in it."""
    install(lab)
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
    install(lab)
    log = lab.out / "started.txt"
    replace_bridge(lab, f'#!/bin/sh\necho "$*" >> {log}\n')
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
