"""What Claude Code's status line shows of a session."""
import json
import re

from claude import Claude
from peer import Peer
from script import call, say
from until import until


def claude_status_line_shows_what_waits(lab):
    """The status line has the session's alias; what waits is on it while the session is idle, until it was read."""
    line = {"type": "command", "command": "junction-bridge status-line", "refreshInterval": 1}
    folder = lab.home / ".claude"
    folder.mkdir(exist_ok=True)
    (folder / "settings.json").write_text(json.dumps({"statusLine": line}))
    bob = Peer(lab, "bob")
    alice = Claude(lab, "alice", _reads_when_asked())
    alias = bob.other()["alias"]
    alice.terminal.shows(re.escape(alias))
    bob.send(alias, "When you have time.", urgency="low")
    alice.terminal.shows(rf"{re.escape(alias)} · 1 unread")
    alice.prompt("Look for mail.")
    until("nothing unread on the screen", lambda: "unread" not in alice.terminal.screen().split("❯")[-1])


def _reads_when_asked():
    yield
    yield call("read_messages")
    yield say("Read.")
