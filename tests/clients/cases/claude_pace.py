"""How soon two idle Claude Codes answer each other, and what an interrupted turn does to that."""
import time

from claude import Claude, command_hooks
from peer import Peer
from script import NOTICE, answers, call, say
from until import until

QUESTIONS = 3


def _asks(heard):
    """Asks the other session, and asks again with every answer."""
    yield
    turn = yield call("list_peers")
    to = turn.result["peers"][0]["alias"]
    for number in range(QUESTIONS):
        yield call("send_message", target_alias=to, message=f"Question {number}.")
        yield say("Asked.")
        turn = yield call("read_messages")
        heard += [(message["message"], turn.at) for message in turn.result["messages"]]
    yield say("All is answered.")


def _three_questions(lab, hooks, seconds):
    heard = []
    Claude(lab, "bella", answers(), hooks=hooks)
    alice = Claude(lab, "alice", _asks(heard), hooks=hooks)
    alice.terminal.type("Ask the other one.")
    until("The last answer", lambda: len(heard) == QUESTIONS, 200)
    took = heard[-1][1] - alice.actor.turns[1].at
    lab.figure("s", took)
    assert [text for text, _ in heard] == [f"answer to: Question {n}." for n in range(QUESTIONS)], heard
    assert took <= seconds, f"{QUESTIONS} questions and answers took {took:.1f} s."


def claude_three_questions_with_hooks(lab):
    """Three questions and answers between two idle sessions with hooks take no more than six seconds."""
    _three_questions(lab, command_hooks(), 6)


def claude_three_questions_without_hooks(lab):
    """Without hooks they take no more than ten."""
    _three_questions(lab, {}, 10)


def _is_woken_again_after_escape(lab, hooks):
    bob = Peer(lab, "bob")
    alice = Claude(lab, "alice", reading_after_refusal(), hooks=hooks, allowed=False)
    sent = bob.send(bob.other(lambda peer: peer["state"] == "idle")["alias"], "Which port?")
    first = alice.actor.shown(NOTICE)
    alice.terminal.shows("Do you want")
    bob.other(lambda peer: peer["state"] == "waiting-on-human")
    time.sleep(1)  # a dialog takes no key in the moment that it appears, and a second Esc would open another
    alice.terminal.keys("Escape")
    bob.other(lambda peer: peer["state"] == "idle")
    again = alice.actor.shown(NOTICE, since=alice.actor.turns.index(first) + 1)
    lab.figure("woken again after s", again.at - first.at)
    alice.terminal.shows("Do you want")
    until("The end of the dialog", lambda: bob.ends.get(sent["id"]) or alice.terminal.keys("Enter") or bob._take(0))
    assert bob.end(sent["id"])[0] == "read", "The message was not read."


def reading_after_refusal():
    """Reads whenever it is asked anything, though it may be stopped before it has."""
    yield
    while True:
        turn = yield call("read_messages")
        if any('"messages"' in result for result in turn.results.values()):
            yield say("Read.")


def claude_escape_at_the_dialog_with_hooks(lab):
    """Esc at the dialog that asks whether it may read: others see it wait, then idle, and it is woken once more."""
    _is_woken_again_after_escape(lab, command_hooks())


def claude_escape_at_the_dialog_without_hooks(lab):
    """The same without hooks, by the file in which Claude Code shows what it does."""
    _is_woken_again_after_escape(lab, {})
