"""The junction's plugin in Claude Code, installed by Claude Code's own commands from a copy of this repository."""
import json
import pathlib
import shutil
import subprocess

import namespace
from claude import Claude, answer_first_questions
from script import NOTICE
from until import until

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULE = "mcp__plugin_junction_junction"
# In place of the bridge: the bridge itself, to which Claude Code has named no inbox.
WITHOUT_INBOX = """#!/bin/sh
unset CLAUDE_CODE_MESSAGING_SOCKET CLAUDE_CODE_MESSAGING_TOKEN
exec {bridge} "$@"
"""


def plugin(lab, *words, folder=None):
    """Runs `claude plugin …`, in a folder or the home."""
    answer_first_questions(lab, lab.project("first"))
    ran = subprocess.run([lab.program("claude"), "plugin", *map(str, words)], env=lab.env(), cwd=folder or lab.home,
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    with open(lab.out / "commands.txt", "a") as log:
        log.write(f"$ claude plugin {' '.join(map(str, words))}\n{ran.stdout}{ran.stderr}")
    assert ran.returncode == 0, f"claude plugin {words} ended with {ran.returncode}: {ran.stdout}{ran.stderr}"


def repository(lab):
    """A copy of what the marketplace needs: Claude Code writes into the folder of a plugin that it loads."""
    copy = lab.out / "repository"
    if not copy.exists():
        for folder in (".claude-plugin", "plugin/claude"):
            shutil.copytree(ROOT / folder, copy / folder)
    return copy


def install(lab, inbox=False):
    """Installs the plugin, with the one rule that a plugin cannot bring. Without the inbox, the mod is the only way."""
    plugin(lab, "marketplace", "add", "./", folder=repository(lab))
    plugin(lab, "install", "junction@agent-junction")
    add_settings(lab, permissions={"allow": [RULE]})
    if not inbox:
        replace_bridge(lab, WITHOUT_INBOX)


def add_settings(lab, **more):
    """Adds to the user's settings."""
    settings = lab.home / ".claude" / "settings.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | more))


def replace_bridge(lab, text):
    bridge = lab.programs / "junction-bridge"
    text = text.format(bridge=bridge.resolve())
    bridge.unlink()
    bridge.write_text(text)
    bridge.chmod(0o755)


def policy(lab, settings):
    """Sets what the organization decides. It has one place, in /etc, of which this case has its own copy."""
    etc = lab.out / "etc"
    subprocess.run(["cp", "-a", "/etc", etc], stderr=subprocess.DEVNULL)
    (etc / "claude-code").mkdir(exist_ok=True)
    (etc / "claude-code" / "managed-settings.json").write_text(json.dumps(settings))
    subprocess.run(["mount", "--bind", etc, "/etc"], check=True)


def opened(lab, name, script, **env):
    return Claude(lab, name, script, by_setup=True, server="plugin:junction:junction", **env)


def has_the_mod_alone(lab, session):
    """Checks that nothing but the mod can wake it: its bridge knows of no inbox, and no hook waits for its end."""
    with open(f"/proc/{session.bridge()}/environ", "rb") as file:
        assert b"MESSAGING_SOCKET" not in file.read(), "The bridge knows of an inbox."
    # The plugin's own is let go as soon as the mod waits.
    until("No rewake hook", lambda: not any(
        b"--rewake" in namespace.command_line(pid) for pid in namespace.processes("junction-bridge")))


def waits(session):
    """The ids of the session's processes that wait for a notice."""
    waits = [pid for pid in namespace.processes("junction-bridge") if b"--wait" in namespace.command_line(pid)]
    return [pid for pid in waits if namespace.parent(pid) == session.pid]


def wakes(lab, bob, alice, word, by="The junction plugin sent a message"):
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
