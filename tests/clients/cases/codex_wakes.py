"""What tells Codex of a message."""
import threading
import time

from codex import Codex
from peer import Peer
from script import NOTICE, answers, call, say
from until import until


def _wakes(lab, *flags):
    bob = Peer(lab, "bob")
    cody = Codex(lab, "cody", answers())
    terminal = cody.terminal(*flags)
    # The bridge knows the thread from a call in it.
    terminal.type("Look for mail.")
    cody.actor.asked(2, 60)
    cody.actor.at_rest()
    sent = bob.send(bob.other(lambda peer: peer["reach"] == "push")["alias"], "Which port?")
    turn = cody.actor.shown(NOTICE, 30)
    status, at = bob.end(sent["id"])
    assert status == "read", f"The message ended as {status!r}."
    assert bob.read()[0]["reply_to"] == sent["id"], "The answer answers another message."
    lab.figure("asked s", turn.at - sent["at"])
    lab.figure("read s", at - sent["at"])
    lab.figure("model requests", len(cody.actor.turns))


def codex_tui_wakes_by_queue(lab):
    """An idle Codex, as it starts by default with its daemon, is woken by its own queue, reads and answers."""
    _wakes(lab)


def codex_tui_without_daemon_wakes_by_queue(lab):
    """So is one without a daemon, which looks into its queue every few seconds."""
    _wakes(lab, "--no-daemon")


def codex_tui_without_window_is_marked(lab):
    """After `/quit` a Codex in its daemon is shown as unattended and is not woken; within two minutes it is gone."""
    bob = Peer(lab, "bob")
    cody = Codex(lab, "cody", answers())
    terminal = cody.terminal()
    terminal.type("Look for mail.")
    cody.actor.asked(2, 60)
    cody.actor.at_rest()
    bob.other(lambda peer: peer["reach"] == "push" and "attended" not in peer)
    terminal.type("/quit")
    peer = bob.other(lambda peer: peer.get("attended") is False)
    asked = len(cody.actor.turns)
    sent = bob.send(peer["alias"], "Is anybody there?")
    lab.figure("peer", str(sent["peer"]))
    assert sent["peer"]["reach_why"] == "asleep", f"The sender is told {sent['peer']}."
    began = time.monotonic()
    until("The end of the session", lambda: not bob.others(), 120)
    lab.figure("gone after s", time.monotonic() - began)
    assert len(cody.actor.turns) == asked, "A turn began that nobody could see."


def codex_exec_hooks(lab):
    """`codex exec` with hooks is told of a message with its next tool's result, and at its end of another, once."""
    first, second = threading.Event(), threading.Event()

    def works():
        yield
        yield call("list_peers")
        first.wait(30)
        turn = yield call("list_peers")
        assert turn.notices, f"Nothing is told with the result: {turn.text[-600:]}"
        yield call("read_messages")
        second.wait(30)
        turn = yield say("Done.")
        assert turn.notices, f"Nothing is told at the end: {turn.text[-600:]}"
        yield say("Done, I said.")

    bob = Peer(lab, "bob")
    cody = Codex(lab, "cody", works(), hooks=True)
    run = cody.execute("Work.")
    cody.actor.asked(2, 60)
    message = bob.send(bob.other(lambda peer: peer["reach"] == "next-turn")["alias"], "While you work.")
    first.set()
    assert bob.end(message["id"])[0] == "read", "The message was not read."
    bob.send(message["to"], "Before you go.")
    second.set()
    run.ended()
    lab.figure("model requests", len(cody.actor.turns))
    assert len(cody.actor.turns) == 5, f"The model was asked {len(cody.actor.turns)} times, not five times."
