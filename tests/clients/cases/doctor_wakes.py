"""A person tries by `junction-bridge doctor --wake` whether a session can be woken."""
import json
import subprocess

from opencode import Opencode
from opencode import install as install_in_opencode
from peer import Peer
from plugins import add_settings, install, opened, waits
from script import say
from until import until

TEST = "tests whether this session can be woken"


def _greets():
    yield
    while True:
        yield say("Still here.")


def _doctor(lab, *words):
    """Runs the doctor; returns its findings and its exit status."""
    ran = subprocess.run([lab.programs / "junction-bridge", "doctor", "--json", *words], env=lab.env(), cwd=lab.home,
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    with open(lab.out / "commands.txt", "a") as log:
        log.write(f"$ junction-bridge doctor --json {' '.join(words)}\n{ran.stdout}{ran.stderr}")
    return [json.loads(line) for line in ran.stdout.splitlines()], ran.returncode


def _wakes(lab, session, name, *alias):
    """Tries to wake it, and returns what is said. The model is asked once, and told that it is a test."""
    asked = len(session.actor.turns)
    (found,), status = _doctor(lab, "--wake", *alias)
    assert (found["level"], status) == ("ok", 0), f"It was not woken: {found}"
    lab.figure(name, found["says"])
    turn = session.actor.shown(TEST, since=asked)
    assert "read_messages" not in turn.text.split(TEST)[-1].split("\n")[0], "It is told to read."
    session.actor.at_rest()
    session.actor.quiet(3)
    assert len(session.actor.turns) == asked + 1, "The model was asked more than once."
    return found["says"]


def doctor_wakes_claude_by_its_plugin(lab):
    """Claude Code with the plugin alone is woken twice, one request each, and a check names that way."""
    install(lab)
    alice = opened(lab, "alice", _greets())
    for name in ("never prompted", "again"):
        until("The wait", lambda: len(waits(alice)) == 1)
        alice.idle()
        says = _wakes(lab, alice, name)
        assert "woken by the junction's plugin" in says, f"Another way: {says}"
    until("The wait", lambda: len(waits(alice)) == 1)
    found, _ = _doctor(lab)
    ways = [one["says"] for one in found if one["check"] == "waking"]
    assert len(ways) == 1 and ways[0].startswith("By the junction's plugin"), f"The doctor says {ways}"


def doctor_says_that_claude_refused(lab):
    """A hook of the user's that refuses the notice is found, and senders see that the wake was dropped."""
    install(lab)
    refuses = lab.out / "refuses"
    refuses.write_text("#!/bin/sh\n! grep -q '\"prompt\":\"Agent Junction notice' || { echo No. >&2; exit 2; }\n")
    refuses.chmod(0o755)
    hooks = {"UserPromptSubmit": [{"hooks": [{"type": "command", "command": str(refuses)}]}]}
    add_settings(lab, hooks=hooks)
    alice = opened(lab, "alice", _greets())
    until("The wait", lambda: waits(alice))
    (found,), status = _doctor(lab, "--wake")
    assert (found["level"], status) == ("failure", 1), f"It says {found}"
    assert "refused the notice" in found["says"] and "Nothing else can wake it" in found["says"], f"It says {found}"
    assert not alice.actor.turns, "The model was asked."
    bob = Peer(lab, "bob")
    sent = bob.send(bob.other()["alias"], "Hello?")
    assert sent["peer"].get("reach_why") == "dropped", f"The sender is told {sent['peer']}."


def doctor_wakes_opencode_by_its_plugin(lab):
    """opencode with the plugin is never-prompted before its first prompt, and woken by it afterwards."""
    install_in_opencode(lab)
    bob = Peer(lab, "bob")
    alice = Opencode(lab, "alice", _greets())
    peer = bob.other()
    sent = bob.send(peer["alias"], "Hello?", ttl_seconds=10)
    assert sent["peer"].get("reach_why") == "never-prompted", f"The sender is told {sent['peer']}."
    bob.end(sent["id"])
    found, status = _doctor(lab, "--wake", peer["alias"])
    assert status == 1 and "never given a prompt" in found[0]["says"], f"The doctor says {found}"
    alice.prompt("Hello.")
    until("The wait", alice.waits)
    bob.other(lambda peer: peer["state"] == "idle")
    says = _wakes(lab, alice, "prompted", peer["alias"])
    assert "woken by the junction's plugin" in says, f"Another way: {says}"
