"""What tells Codex, Gemini CLI and opencode of a message, and what their limits do to it."""
import threading
import time

import namespace
from codex import Codex
from gemini import gemini_terminal
from opencode import opencode
from peer import Peer
from script import NOTICE, answers, call, reading, say
from until import until


def _asks_once(lab, **hooks):
    sent = threading.Event()

    def ignores_it():
        yield
        sent.wait(60)
        turn = yield call("list_peers")
        assert turn.notices, f"Nothing is told with the result: {turn.text[-600:]}"
        while True:
            yield say("Done.")

    bob = Peer(lab, "bob")
    cody = Codex(lab, "cody", ignores_it(), hooks=True, **hooks)
    run = cody.execute("Work.")
    cody.actor.asked(1, 60)
    bob.send(bob.other(lambda peer: peer["reach"] == "next-turn")["alias"], "While you work.")
    sent.set()
    run.ended()
    lab.figure("model requests", len(cody.actor.turns))
    assert len(cody.actor.turns) == 3, f"The model was asked {len(cody.actor.turns)} times, not three times."
    assert cody.actor.turns[2].notices, f"It was not asked to read: {cody.actor.turns[2].text}"
    return cody.actor


def codex_exec_asks_once(lab):
    """A `codex exec` that ignores the notice with its tool's result is asked at its end, once, by command hooks."""
    _asks_once(lab)


def codex_exec_asks_once_by_tool_hooks(lab):
    """The same, by hooks that call the bridge's own tool, which no list shows to the model."""
    actor = _asks_once(lab, by_tool=True)
    assert not actor.turns[0].named("hook_event"), f"It is offered: {actor.turns[0].tools}"


def _wakes_at_once(lab, **hooks):
    bob = Peer(lab, "bob")
    cody = Codex(lab, "cody", answers(), hooks=True, **hooks)
    terminal = cody.terminal()
    terminal.type("Look for mail.")
    cody.actor.asked(2, 60)
    cody.actor.at_rest()
    sent = bob.send(bob.other(lambda peer: (peer["reach"], peer["state"]) == ("push", "idle"))["alias"], "Which port?")
    turn = cody.actor.shown(NOTICE)
    status, at = bob.end(sent["id"])
    assert status == "read", f"The message ended as {status!r}."
    lab.figure("asked s", turn.at - sent["at"])
    lab.figure("read s", at - sent["at"])
    assert turn.at - sent["at"] < 5, "It was not woken at once."
    cody.actor.at_rest()
    cody.actor.quiet(5)
    lab.figure("model requests", len(cody.actor.turns))
    assert len(cody.actor.turns) == 5, f"The model was asked {len(cody.actor.turns)} times, not five times."


def codex_tui_with_hooks_wakes_at_once(lab):
    """An idle Codex whose hooks tell that its turn has ended is woken by its queue at once, and told no second time."""
    _wakes_at_once(lab)


def codex_tui_with_tool_hooks_wakes_at_once(lab):
    """The same, by hooks that call the bridge's own tool."""
    _wakes_at_once(lab, by_tool=True)


def codex_tui_busy_is_told_once(lab):
    """A Codex at work whose hooks tell of it is told with its next tool's result, and not by its queue as well."""
    sent = threading.Event()

    def works():
        yield
        yield call("list_peers")
        sent.wait(60)
        turn = yield call("list_peers")
        assert turn.notices, f"Nothing is told with the result: {turn.text[-600:]}"
        yield from reading()

    bob = Peer(lab, "bob")
    cody = Codex(lab, "cody", works(), hooks=True)
    cody.terminal().type("Work.")
    cody.actor.asked(2, 60)
    peer = bob.other(lambda peer: (peer["reach"], peer["state"]) == ("push", "busy"))
    message = bob.send(peer["alias"], "While you work.")
    time.sleep(20)  # longer than a Codex without hooks counts as busy after a call
    sent.set()
    assert bob.end(message["id"])[0] == "read", "The message was not read."
    cody.actor.quiet(20)
    lab.figure("model requests", len(cody.actor.turns))
    assert len(cody.actor.turns) == 4, f"The model was asked {len(cody.actor.turns)} times, not four times."


def _two_on_one_daemon(lab, **hooks):
    def named(name):
        yield
        yield call("register", alias=name)
        yield say("I have a name.")
        yield from reading()

    bob = Peer(lab, "bob")
    sessions = []
    for name in ("cody", "cora"):
        session = Codex(lab, name, named(name), hooks=True, **hooks)
        session.terminal().type("Take your name.")
        session.actor.asked(2, 60)
        session.actor.at_rest()
        sessions.append(session)
    parents = {namespace.parent(bridge) for bridge in namespace.processes("junction-bridge")}
    assert len(parents) == 2, "The two bridges are not children of one daemon."  # the other parent is bob's
    for session in sessions:
        until("An idle session", lambda: bob.others()[session.name]["state"] == "idle")
        sent = bob.send(session.name, f"Only for {session.name}.")
        assert bob.end(sent["id"])[0] == "read", f"{session.name} did not read."
        session.actor.at_rest()
    for session in sessions:
        session.actor.quiet(5)
        last = session.actor.acts[-1].text
        assert last == f"Read: Only for {session.name}.", f"The last word of {session.name} is {last!r}."
        assert len(session.actor.turns) == 4, f"{session.name} was asked {len(session.actor.turns)} times."


def codex_two_on_one_daemon(lab):
    """Two Codex whose bridges and hooks are children of one daemon are each woken by the message for it alone."""
    _two_on_one_daemon(lab)


def codex_two_on_one_daemon_by_tool_hooks(lab):
    """The same, by hooks that call the bridge's own tool."""
    _two_on_one_daemon(lab, by_tool=True)


def opencode_long_wait(lab):
    """A call that waits longer than the minute opencode gives one by default gets what comes after that minute."""
    def waits():
        yield
        turn = yield call("read_messages", wait_seconds=100)
        yield say("Read: " + turn.result["messages"][0]["message"])

    bob = Peer(lab, "bob")
    run, actor = opencode(lab, "olaf", waits(), "Wait for mail.")
    began = actor.asked(1, 120).at
    time.sleep(70)
    sent = bob.send(bob.other()["alias"], "Late.")
    lab.figure("reach", sent["peer"]["reach"])
    status, at = bob.end(sent["id"])
    assert status == "read", f"The message ended as {status!r}."
    lab.figure("call s", at - began)
    lab.figure("read s", at - sent["at"])
    run.ended()
    assert actor.acts[1].text == "Read: Late.", f"The call ended with {actor.turns[1].text}"


def _reads(read, times):
    """Calls with the same arguments; Gemini CLI lets a model make four of them in one prompt."""
    for _ in range(times):
        turn = yield call("read_messages", wait_seconds=50)
        read += [message["message"] for message in turn.result["messages"]]
    return turn


def gemini_reads_ten_in_order(lab):
    """Ten messages, four calls to a prompt: all are read, once, in order, and the calls are not taken for a loop."""
    read, words = [], [f"message-{number}" for number in range(10)]

    def reads():
        yield
        for times in (4, 4, 2):
            yield from _reads(read, times)
            yield say("Read.")

    bob = Peer(lab, "bob")
    terminal, actor = gemini_terminal(lab, "gina", reads())
    for number, word in enumerate(words):
        if number % 4 == 0:
            terminal.type(f"Read from number {number} on.")
        # It can be pushed to while a call of its waits.
        sent = bob.send(bob.other(lambda peer: peer["reach"] == "push")["alias"], word)
        assert bob.end(sent["id"])[0] == "read", f"The message {word!r} was not read."
        if number % 4 == 3:
            actor.at_rest()
    actor.at_rest()
    lab.figure("model requests", len(actor.turns))
    assert read == words, f"What was read is {read}."
    assert not actor.find("Potential loop"), "The calls were taken for a loop."


def gemini_loop_guard_loses_nothing(lab):
    """The fifth call of a kind in one prompt is not made: the message stays unread, and the next prompt reads it."""
    read, words = [], ["one", "two", "three", "four", "five"]

    def reads():
        yield
        yield from _reads(read, 4)
        turn = yield call("read_messages", wait_seconds=50)
        assert "Potential loop" in turn.text, f"The fifth call is answered by {turn.text}"
        yield say("I stop.")
        yield from _reads(read, 1)
        yield say("Read.")

    bob = Peer(lab, "bob")
    terminal, actor = gemini_terminal(lab, "gina", reads())
    to = bob.other()["alias"]
    terminal.type("Read on.")
    for word in words:
        sent = bob.send(to, word)
        if word != "five":
            assert bob.end(sent["id"])[0] == "read", f"The message {word!r} was not read."
    actor.asked(6)
    actor.at_rest()
    bob.read(0)
    assert sent["id"] not in bob.ends, "A message is said to be read that no call read."
    terminal.type("Read the last one.")
    assert bob.end(sent["id"])[0] == "read", "The message after the loop was not read."
    actor.at_rest()
    assert read == words, f"What was read is {read}."


def gemini_hooks(lab):
    """Hooks announce a message with a prompt and with a tool's result, and ask once at the end, if that is ignored."""
    sent = threading.Event()

    def works():
        turn = yield
        assert turn.notices, f"Nothing is told with the prompt: {turn.text[-600:]}"
        yield call("read_messages")
        sent.wait(30)
        turn = yield call("list_peers")
        assert turn.notices, f"Nothing is told with the result: {turn.text[-600:]}"
        while True:
            yield say("Done.")

    bob = Peer(lab, "bob")
    terminal, actor = gemini_terminal(lab, "gina", works(), hooks=True)
    first = bob.send(bob.other()["alias"], "Before you begin.", urgency="low")
    terminal.type("Work.")
    assert bob.end(first["id"])[0] == "read", "The first message was not read."
    bob.other(lambda peer: (peer["reach"], peer["state"]) == ("next-turn", "busy"))
    bob.send(first["to"], "While you work.")
    sent.set()
    actor.asked(4)
    actor.quiet(5)
    lab.figure("model requests", len(actor.turns))
    assert len(actor.turns) == 4, f"The model was asked {len(actor.turns)} times, not four times."
    assert actor.turns[3].notices, f"It was not asked to read: {actor.turns[3].text}"
