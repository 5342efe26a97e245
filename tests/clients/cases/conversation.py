"""Both sides of a conversation, where the model of each client asks for its messages itself."""
from claude import Claude
from codex import Codex
from gemini import gemini
from opencode import opencode
from peer import Peer
from script import answered, call, say


def _answers_one():
    """Waits for one message, for less time than any client allows a call, and answers it."""
    yield
    yield from answered(wait_seconds=50)


def _question_and_answer(lab, bob):
    to = bob.other()["alias"]
    sent = bob.send(to, "Which port?", urgency="low", wait_seconds=60)
    assert sent["reply"]["message"] == "answer to: Which port?", f"The reply is {sent['reply']}."
    assert bob.end(sent["id"])[0] == "read", "The question was answered but not said to be read."
    lab.figure("answered s", sent["waited_seconds"])


def claude_as_other_side(lab):
    """Claude Code reads what a peer wrote, in a call that waits, and answers it."""
    bob = Peer(lab, "bob")
    alice = Claude(lab, "alice", _answers_one())
    alice.terminal.type("Wait for mail.")
    alice.actor.asked(1)
    _question_and_answer(lab, bob)


def codex_as_other_side(lab):
    """Codex reads what a peer wrote, in a call that waits, and answers it."""
    bob = Peer(lab, "bob")
    run = Codex(lab, "cody", _answers_one()).execute("Wait for mail.")
    _question_and_answer(lab, bob)
    run.ended()


def opencode_as_other_side(lab):
    """opencode reads what a peer wrote, in a call that waits, and answers it."""
    bob = Peer(lab, "bob")
    run, actor = opencode(lab, "olaf", _answers_one(), "Wait for mail.")
    actor.asked(1, 120)
    _question_and_answer(lab, bob)
    run.ended()


def gemini_as_other_side(lab):
    """Gemini CLI reads what a peer wrote, in a call that waits, and answers it."""
    bob = Peer(lab, "bob")
    run, _ = gemini(lab, "gina", _answers_one(), "Wait for mail.")
    _question_and_answer(lab, bob)
    run.ended()


def gemini_reads_three_in_a_row(lab):
    """Gemini CLI reads three messages by calls that wait: none is lost, and it does not take the calls for a loop."""
    def reads_three():
        yield
        read = []
        while len(read) < 3:
            turn = yield call("read_messages", wait_seconds=50)
            read += [message["message"] for message in turn.result["messages"]]
        yield say("Read: " + " ".join(read))

    bob = Peer(lab, "bob")
    run, actor = gemini(lab, "gina", reads_three(), "Read three messages.")
    to = bob.other()["alias"]
    for word in ("one", "two", "three"):
        sent = bob.send(to, word)
        assert bob.end(sent["id"])[0] == "read", f"The message {word!r} was not read."
    run.ended()
    assert actor.acts[-1].text == "Read: one two three", actor.acts[-1].text
    assert not actor.find("loop detected"), "Gemini CLI took the reads for a loop."
    lab.figure("model requests", len(actor.turns))


def codex_and_claude_talk(lab):
    """Claude Code asks Codex, which waits; the answer wakes Claude Code, which reads it."""
    def asks():
        yield
        turn = yield call("list_peers")
        yield call("send_message", target_alias=turn.result["peers"][0]["alias"], message="Which port?")
        yield say("Asked.")
        turn = yield call("read_messages")
        yield say("Heard: " + turn.result["messages"][0]["message"])

    alice = Claude(lab, "alice", asks())
    run = Codex(lab, "cody", _answers_one()).execute("Wait for mail.")
    lab.model.actors["cody"].asked(1)
    alice.prompt("Ask the other one.")
    alice.actor.asked(5)
    alice.actor.at_rest()
    run.ended()
    assert alice.actor.acts[4].text == "Heard: answer to: Which port?", alice.actor.acts[4].text
