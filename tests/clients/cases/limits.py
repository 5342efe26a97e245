"""What clients add to calls, how much they send, and how long they wait."""
import time

from codex import Codex
from gemini import gemini
from peer import Peer
from script import call, say

OWN = {"wait_for_previous": True}  # Gemini CLI offers this argument with every tool


def gemini_adds_an_argument(lab):
    """Gemini CLI's own argument is passed on with every call: it is ignored, and the answer names it."""
    ignored = []

    def calls():
        yield
        tools = [("register", {"task": "limits"}), ("list_peers", {}), ("known_hosts", {}), ("wait_for_peer", {}),
                 ("send_message", {"target_alias": "bob", "message": "Which port?"}), ("read_messages", {}),
                 ("disconnect", {})]
        for tool, arguments in tools:
            turn = yield call(tool, **arguments, **OWN)
            ignored.append((tool, turn.result.get("ignored")))
        yield say("Done.")

    bob = Peer(lab, "bob")
    run, _ = gemini(lab, "gina", calls(), "Call every tool.")
    assert bob.read()[0]["message"] == "Which port?"
    run.ended()
    assert all(names == list(OWN) for _, names in ignored) and len(ignored) == 7, f"Ignored were {ignored}."


def codex_sends_a_megabyte_to_its_hooks(lab):
    """A prompt of 1 MB goes to a hook that calls the bridge's tool, and the turn goes on as after a short one."""
    def answers_nothing():
        yield
        yield call("list_peers")
        yield say("Done.")

    Peer(lab, "bob")
    cody = Codex(lab, "cody", answers_nothing(), hooks=True, by_tool=True)
    began = time.monotonic()
    run = cody.execute("Work.\n" + "x\n" * 480_000)
    cody.actor.asked(2, 100)
    lab.figure("model asked again s", cody.actor.turns[1].at - began)
    run.ended()
    # A hook that is not answered holds Codex up for 300 s.
    assert time.monotonic() - began < 60, "A hook was not answered."


def codex_waits_for_as_long_as_it_can(lab):
    """Asked to wait for 540 s, a call of Codex ends before Codex gives it up, with the answer of a wait that is over."""
    def asks():
        yield
        turn = yield call("send_message", target_alias="bob", message="Which port?", wait_seconds=540)
        assert turn.result["status"] == "read", f"The call ended with {turn.text}"
        lab.figure("waited s", turn.result["waited_seconds"])
        yield say("No answer.")

    bob = Peer(lab, "bob")
    cody = Codex(lab, "cody", asks())
    run = cody.execute("Ask.")
    assert bob.read(60)[0]["message"] == "Which port?"
    run.ended(400)
    assert cody.actor.acts[-1].text == "No answer.", cody.actor.acts[-1].text
