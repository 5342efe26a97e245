"""What a Claude Code is told that is at work, and by what."""
import os
import signal
import threading

import namespace
from claude import Claude, command_hooks, tool_hooks
from peer import Peer
from script import NOTICE, call, ignores, reading, say
from until import until


def _notices(actor):
    return [notice for turn in actor.turns for notice in turn.notices]


def _is_told_with_next_tool_result(lab, hooks, socket):
    sent = threading.Event()

    def works():
        yield
        yield call("list_peers")
        sent.wait(30)
        turn = yield call("list_peers")
        assert turn.notices, f"Nothing is told with the result: {turn.text[-600:]}"
        yield call("read_messages")
        yield say("Done.")

    bob = Peer(lab, "bob")
    alice = Claude(lab, "alice", works(), hooks=hooks, socket=socket)
    alice.terminal.type("Work.")
    alice.actor.asked(2)
    message = bob.send(bob.other(lambda peer: peer["state"] == "busy")["alias"], "While you work.")
    lab.figure("reach", message["peer"]["reach"])
    sent.set()
    assert bob.end(message["id"])[0] == "read", "The message was not read."
    alice.actor.at_rest()
    alice.actor.quiet(5)
    lab.figure("model requests", len(alice.actor.turns))
    assert len(_notices(alice.actor)) == 1, f"It was told more than once: {_notices(alice.actor)}"


def claude_busy_is_told_with_next_tool_result(lab):
    """A session at work is told of a message with its next tool's result, once, by command hooks."""
    _is_told_with_next_tool_result(lab, command_hooks(), socket=False)


def claude_busy_is_told_by_tool_hooks(lab):
    """The same, by hooks that call the bridge's own tool."""
    _is_told_with_next_tool_result(lab, tool_hooks(), socket=False)


def claude_busy_is_told_once_by_all_ways(lab):
    """The same, where the inbox socket is there as well: still once."""
    _is_told_with_next_tool_result(lab, command_hooks(), socket=True)


def _stop_asks_once(lab, hooks, socket):
    sent = threading.Event()

    def ignores_it():
        yield
        sent.wait(30)
        while True:
            yield say("Done.")

    bob = Peer(lab, "bob")
    alice = Claude(lab, "alice", ignores_it(), hooks=hooks, socket=socket)
    alice.terminal.type("Work.")
    alice.actor.asked(1)
    bob.send(bob.other(lambda peer: peer["state"] == "busy")["alias"], "While you work.")
    sent.set()
    alice.actor.shown(NOTICE)
    alice.actor.quiet(70)
    lab.figure("model requests", len(alice.actor.turns))
    assert len(alice.actor.turns) == 2, f"The model was asked {len(alice.actor.turns)} times, not twice."


def claude_stop_asks_once(lab):
    """A model that ignores the notice at its turn's end is asked once, and not again in the minute after."""
    _stop_asks_once(lab, command_hooks(), socket=True)


def claude_stop_asks_once_by_tool_hooks(lab):
    """The same, by hooks that call the bridge's own tool, and without the inbox socket."""
    _stop_asks_once(lab, tool_hooks(), socket=False)


def claude_waits_on_its_human(lab):
    """While a permission dialog is open a peer sees so; who asked is told once the session is idle."""
    def asks_permission():
        yield
        yield call("Bash", command="touch asked-for", description="Makes a file")
        while True:
            yield say("Done.")

    bob = Peer(lab, "bob")
    alice = Claude(lab, "alice", asks_permission(), hooks=command_hooks())
    alice.terminal.type("Make a file.")
    alice.terminal.shows("Do you want")
    peer = bob.other(lambda peer: peer["state"] == "waiting-on-human")
    sent = bob.send(peer["alias"], "When you have time.", urgency="low", notify_when="idle")
    assert sent["peer"]["state"] == "waiting-on-human", f"The answer shows it as {sent['peer']}."
    assert len(alice.actor.turns) == 1, "A message of low urgency went past the dialog."
    # A dialog takes no key in the moment that it appears.
    until("The end of the dialog", lambda: len(alice.actor.turns) > 1 or alice.terminal.keys("Enter"))
    told = bob.notified()
    assert (told["id"], told["event"]) == (sent["id"], "idle"), f"The notification is {told}."
    bob.other(lambda peer: peer["state"] == "idle")


def dead_bridge_hook_is_silent(lab):
    """When its bridge was killed, a session's hooks say nothing and hinder nothing."""
    bob = Peer(lab, "bob")  # a bridge that the hook must not take for its own
    alice = Claude(lab, "alice", ignores(), hooks=command_hooks())
    bob.send(bob.other()["alias"], "Unread.", urgency="low")
    bridge = until("The bridge's process", alice.bridge)
    os.kill(bridge, signal.SIGKILL)
    until("The end of the bridge", lambda: bridge not in namespace.processes("junction-bridge"))
    alice.prompt("Work.")
    assert "hook failed" not in alice.terminal.screen(), "A hook shows an error on the screen."
    assert len(alice.actor.turns) == 1 and not _notices(alice.actor), "A hook told the model something."


def five_sessions_at_once(lab):
    """Of five sessions with hooks, each is woken by the message for it, and is shown nothing of the others'."""
    def named(name):
        yield
        yield call("register", alias=name)
        yield say("I have a name.")
        while True:
            yield from reading()

    names = ["anna", "bert", "cleo", "dora", "emil"]
    sessions = [Claude(lab, name, named(name), hooks=command_hooks()) for name in names]
    for session in sessions:
        session.prompt("Take your name.")
    bob = Peer(lab, "bob")
    sent = {name: bob.send(name, f"Only for {name}.") for name in names}
    for session in sessions:
        assert bob.end(sent[session.name]["id"])[0] == "read", f"{session.name} did not read."
        session.actor.at_rest()
    for session in sessions:
        shown = "\n".join(turn.text for turn in session.actor.turns)
        for name in names:
            assert (f"Only for {name}." in shown) == (name == session.name), f"{session.name} and the mail of {name}"
        assert len(_notices(session.actor)) == 1, f"{session.name} was told {_notices(session.actor)}."
    lab.figure("model requests", sum(len(session.actor.turns) for session in sessions))
