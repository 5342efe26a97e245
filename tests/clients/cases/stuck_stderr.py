"""Clients that never read their server's stderr: the pipe is full before the bridge starts, and the bridge logs all it can."""
from claude import Claude
from codex import Codex
from gemini import gemini
from opencode import opencode
from peer import Peer
from script import call, say
from until import until

ROUNDS = 5


def _converses():
    """Answers one message after another, in calls that wait for less time than any client allows a call."""
    yield
    for _ in range(ROUNDS):
        yield call("list_peers")
        turn = yield call("read_messages", wait_seconds=50)
        for message in turn.result["messages"]:
            yield call("send_message", target_alias=message["from"], reply_to=message["id"],
                       message="answer to: " + message["message"])
    yield say("All is answered.")


def _peer(lab):
    """The other side, whose own stderr is read."""
    bob = Peer(lab, "bob")
    lab.nobody_reads_stderr()
    return bob


def _conversation(lab, bob):
    to = bob.other()["alias"]
    for number in range(ROUNDS):
        sent = bob.send(to, f"Question {number}?", urgency="low", wait_seconds=60)
        assert sent["reply"]["message"] == f"answer to: Question {number}?", f"The reply is {sent['reply']}."
    lab.figure("last answer s", sent["waited_seconds"])


def claude_whose_servers_stderr_is_full(lab):
    """Claude Code converses with a peer while nobody reads its bridge's stderr, and its bridge ends with it."""
    bob = _peer(lab)
    alice = Claude(lab, "alice", _converses())
    alice.terminal.type("Wait for mail.")
    alice.actor.asked(1)
    _conversation(lab, bob)
    alice.actor.at_rest()
    alice.idle()
    alice.terminal.type("/exit")
    _leaves(bob)


def codex_whose_servers_stderr_is_full(lab):
    """Codex converses with a peer while nobody reads its bridge's stderr, and its bridge ends with it."""
    bob = _peer(lab)
    run = Codex(lab, "cody", _converses()).execute("Wait for mail.")
    _conversation(lab, bob)
    run.ended()
    _leaves(bob)


def opencode_whose_servers_stderr_is_full(lab):
    """opencode converses with a peer while nobody reads its bridge's stderr, and its bridge ends with it."""
    bob = _peer(lab)
    run, actor = opencode(lab, "olaf", _converses(), "Wait for mail.")
    actor.asked(1, 120)
    _conversation(lab, bob)
    run.ended()
    _leaves(bob)


def gemini_whose_servers_stderr_is_full(lab):
    """Gemini CLI converses with a peer while nobody reads its bridge's stderr, and its bridge ends with it."""
    bob = _peer(lab)
    run, _ = gemini(lab, "gina", _converses(), "Wait for mail.")
    _conversation(lab, bob)
    run.ended()
    _leaves(bob)


def _leaves(bob):
    until("The other session's end", lambda: not bob.others())
