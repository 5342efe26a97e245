"""What wakes a Claude Code that sits at its prompt."""
import time

from claude import Claude, rewake_hooks
from hub import kill_hub
from peer import Peer
from script import NOTICE, answered, answers, call, say
from until import until


def _wakes(lab, bob, alice, word, urgency="normal"):
    """Sends to alice, who sits idle, and measures what comes of it."""
    # Without hooks nobody knows more than that it is not at work.
    peer = bob.other(lambda peer: peer["state"] != "busy" and peer["reach"] == "push")
    since = len(alice.actor.turns)
    sent = bob.send(peer["alias"], word, urgency=urgency)
    turn = alice.actor.shown(NOTICE, since=since)
    assert word not in turn.text, "The notice shows the message itself."
    status, at = bob.end(sent["id"])
    assert status == "read", f"The message ended as {status!r}."
    reply = bob.read()[0]
    assert reply["reply_to"] == sent["id"], f"The answer answers another message: {reply}"
    alice.idle()
    lab.figure(f"{word} asked s", turn.at - sent["at"])
    lab.figure(f"{word} read s", at - sent["at"])
    return turn


def claude_idle_wakes_by_inbox(lab):
    """An idle Claude Code without hooks is woken by its inbox socket, reads and answers; and again, after that."""
    bob = Peer(lab, "bob")
    alice = Claude(lab, "alice", answers())
    turn = _wakes(lab, bob, alice, "first")
    assert "Another Claude session" in turn.text, "It was not the inbox socket that woke it."
    _wakes(lab, bob, alice, "second", urgency="high")
    lab.figure("model requests", len(alice.actor.turns))


def claude_idle_wakes_by_rewake(lab):
    """An idle Claude Code without the socket is woken by a hook that sleeps since the end of its turn; and again."""
    bob = Peer(lab, "bob")
    alice = Claude(lab, "alice", answers(), hooks=rewake_hooks(), socket=False)
    alice.prompt("Look for mail.")
    turn = _wakes(lab, bob, alice, "first")
    assert "SYSTEM NOTIFICATION" in turn.text, "It was not the sleeping hook that woke it."
    _wakes(lab, bob, alice, "second", urgency="high")
    lab.figure("model requests", len(alice.actor.turns))


def claude_unprompted_wakes_by_rewake(lab):
    """So is one that nobody has prompted yet, by a hook that sleeps since its start."""
    bob = Peer(lab, "bob")
    _wakes(lab, bob, Claude(lab, "alice", answers(), hooks=rewake_hooks(), socket=False), "first")


def claude_idle_wakes_by_background_call(lab):
    """Without socket and hooks a read that waits goes to the background, and its result wakes the idle session."""
    def waits():
        yield
        turn = yield call("read_messages", wait_seconds=300)
        assert "moved to the background" in turn.text, turn.text
        turn = yield say("I wait.")
        message = turn.result["messages"][0]
        yield call("send_message", target_alias=message["from"], message="Here.", reply_to=message["id"])
        yield say("All is answered.")

    bob = Peer(lab, "bob")
    alice = Claude(lab, "alice", waits(), socket=False)
    alice.prompt("Wait for mail.", 150)
    sent = bob.send(bob.other()["alias"], "first")
    turn = alice.actor.asked(3)
    lab.figure("asked s", turn.at - sent["at"])
    assert bob.read()[0]["reply_to"] == sent["id"], "The answer answers another message."
    assert bob.end(sent["id"])[0] == "read", "The message was answered but not said to be read."


def claude_told_at_once_has_the_tools(lab):
    """A message that is sent the moment a session has joined reaches its model together with the tools to read it."""
    bob = Peer(lab, "bob")
    # What a session has that nobody prompts: the wake is the first thing its model sees.
    alice = Claude(lab, "alice", answers(), ready=False)
    sent = bob.send(bob.other()["alias"], "Welcome.")
    alice.actor.asked(1)
    lab.model.check()
    assert bob.end(sent["id"])[0] == "read", "The message was not read."


def hub_killed_while_both_idle(lab):
    """After the hub was killed, and another started by a bridge, a message still wakes an idle session."""
    bob = Peer(lab, "bob")
    alice = Claude(lab, "alice", answers())
    _wakes(lab, bob, alice, "before")
    kill_hub()
    _wakes(lab, bob, alice, "after", urgency="high")


def two_claudes_come_to_rest(lab):
    """Two sessions that answer every message, and nothing else, are at rest after 17: the last wakes nobody."""
    def asks():
        yield
        turn = yield call("list_peers")
        yield call("send_message", target_alias=turn.result["peers"][0]["alias"], message="Hello.")
        yield say("Asked.")
        while True:
            yield from answered()

    bella = Claude(lab, "bella", answers())
    alice = Claude(lab, "alice", asks())
    alice.prompt("Say hello to the other one.")
    bella.actor.asked(1)
    both = alice.actor, bella.actor
    last = lambda: max(actor.turns[-1].at for actor in both)
    until("Quiet around both", lambda: time.monotonic() - last() > 90, 900)
    sent = sum(act.calls[0][1].endswith("send_message") for actor in both for act in actor.acts if act.calls)
    lab.figure("messages", sent)
    lab.figure("model turns", sum(len(actor.prompts) for actor in both))
    lab.figure("model requests", sum(len(actor.turns) for actor in both))
    lab.figure("last request after s", last() - alice.actor.turns[0].at)
    assert sent == 17, f"{sent} messages were sent."
