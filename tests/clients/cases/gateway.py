"""Clients that are given the gateway's address and start no bridge, in conversation with a session that has one."""
import threading
import time

from claude import Claude
from codex import Codex
from gateway import ORIGINAL, Gateway, Tap
from gemini import gemini, gemini_terminal
from opencode import opencode
from peer import Peer
from script import call, say
from until import until

NOWHERE = "There is no agent at this address"
ENDED = "The gateway has stopped, or this agent was removed from it. Call again to see whether it is back."
CORRECT = "It does better than docs/clients.md says: correct that."
LONG = 330  # seconds: the HTTP libraries of some clients give up on a server that is silent for 5 minutes


def _claude(lab, script, url):
    session = Claude(lab, "user", script, url=url)
    session.terminal.type("Talk to the other one.")
    return session.actor


def _codex(lab, script, url):
    session = Codex(lab, "user", script, url=url)
    session.execute("Talk to the other one.")
    return session.actor


def _gemini(lab, script, url):
    return gemini(lab, "user", script, "Talk to the other one.", url=url)[1]


def _opencode(lab, script, url):
    return opencode(lab, "user", script, "Talk to the other one.", url=url)[1]


def _converses(lab, start):
    """The client asks, waits for the answer, and answers that. What it sends for it is noted."""
    def asks():
        yield
        turn = yield call("list_peers")
        to = turn.result["peers"][0]["alias"]
        yield call("send_message", target_alias=to, message="Which port?")
        turn = yield call("read_messages", wait_seconds=50)
        read = turn.result
        assert [one["message"] for one in read["messages"]] == ["4200. And yours?"], read
        assert [one["status"] for one in read["receipts"]] == ["read"], read
        yield call("send_message", target_alias=to, message="4201.", reply_to=read["messages"][0]["id"])
        yield say("Done.")

    bob = Peer(lab, "bob")
    tap = Tap(lab)
    actor = start(lab, asks(), tap.address(Gateway(lab).add("desk")))
    question = bob.read(60)[0]
    assert (question["from"], question["message"]) == ("desk", "Which port?"), question
    sent = bob.send("desk", "4200. And yours?", reply_to=question["id"])
    assert bob.read()[0]["reply_to"] == sent["id"]
    status, at = bob.end(sent["id"])
    assert status == "read", f"The message ended as {status!r}."
    lab.figure("read s", at - sent["at"])
    lab.figure("client", bob.others()["desk"]["context"]["client"])
    actor.at_rest(60)
    _notes(lab, tap)


def _takes_part(lab, start):
    """The client is set up for the original: its hub was at the address where the gateway is now."""
    def asks():
        yield
        turn = yield call("register", repo="shop", task="talk", role="worker")
        turn = yield call("list_peers")
        yield call("send_message", target_alias=turn.result["peers"][0]["alias"], message="Hello.")
        turn = yield call("read_messages", wait_seconds=50)
        assert [one["message"] for one in turn.result["messages"]] == ["Hello yourself."], turn.text
        yield say("Done.")

    bob = Peer(lab, "bob")
    Gateway(lab, "--compat")
    actor = start(lab, asks(), ORIGINAL)
    hello = bob.read(60)[0]
    assert hello["message"] == "Hello.", hello
    sent = bob.send(hello["from"], "Hello yourself.")
    status, _ = bob.end(sent["id"])
    assert status == "read", f"The message ended as {status!r}."
    actor.at_rest(60)


def claude_as_of_old(lab):
    """Claude Code, set up for the original, talks to a session that has a bridge."""
    _takes_part(lab, _claude)


def codex_as_of_old(lab):
    """Codex, set up for the original, talks to a session that has a bridge."""
    _takes_part(lab, _codex)


def gemini_as_of_old(lab):
    """Gemini CLI, set up for the original, talks to a session that has a bridge."""
    _takes_part(lab, _gemini)


def opencode_as_of_old(lab):
    """opencode, set up for the original, talks to a session that has a bridge."""
    _takes_part(lab, _opencode)


def _notes(lab, tap):
    """What a new version of a client may do differently."""
    calls = tap.requests("tools/call")
    opening = (tap.requests("server/discover") or tap.requests("initialize"))[0]
    lab.figure("opens by", opening.method)
    lab.figure("version", opening.message["params"].get("protocolVersion") or opening.header("mcp-protocol-version"))
    lab.figure("names its session", all(one.header("mcp-session-id") for one in calls))
    lab.figure("asks for progress", all("progressToken" in one.message["params"].get("_meta", {}) for one in calls))
    lab.figure("cancels", len(tap.requests("notifications/cancelled")))
    lab.figure("without a message", sorted({one.verb for one in tap.requests(None)}))


def claude_by_url(lab):
    """Claude Code, given an address, asks a session that has a bridge, waits for its answer, and answers that."""
    _converses(lab, _claude)


def codex_by_url(lab):
    """Codex, given an address, asks a session that has a bridge, waits for its answer, and answers that."""
    _converses(lab, _codex)


def gemini_by_url(lab):
    """Gemini CLI, given an address, asks a session that has a bridge, waits for its answer, and answers that."""
    _converses(lab, _gemini)


def opencode_by_url(lab):
    """opencode, given an address, asks a session that has a bridge, waits for its answer, and answers that."""
    _converses(lab, _opencode)


def _goes_on(lab, start, shows_why=True):
    """The gateway is killed while a call waits, and then its agent is removed; the client runs on."""
    back, removed = threading.Event(), threading.Event()
    told = []

    def goes_on():
        yield
        turn = yield call("read_messages", wait_seconds=50)
        told.append(turn.text)
        back.wait(60)
        turn = yield call("read_messages", wait_seconds=50)
        assert [one["message"] for one in turn.result["messages"]] == ["You are back."], turn.text
        assert "came_back" in turn.result, turn.text
        turn = yield call("list_peers")
        removed.wait(60)
        turn = yield call("list_peers")
        told.append(turn.text)
        yield say("Done.")

    bob = Peer(lab, "bob")
    gateway = Gateway(lab)
    actor = start(lab, goes_on(), gateway.add("desk"))
    bob.other(lambda peer: peer["reach"] == "push", 60)  # its call waits
    gateway.kill()
    killed = time.monotonic()
    until("The end of the call", lambda: told, 60)
    lab.figure("call ended s", time.monotonic() - killed)
    gateway.start()
    back.set()
    bob.other(lambda peer: peer["presence"] == "online" and peer["reach"] == "push")
    sent = bob.send("desk", "You are back.")
    status, _ = bob.end(sent["id"])
    assert status == "read", f"The message ended as {status!r}."
    actor.asked(4)
    gateway.remove("desk")
    until("The agent's end", lambda: not bob.others())
    removed.set()
    actor.at_rest(60)
    lab.figure("told of the kill", told[0][-160:])
    lab.figure("told of the removal", told[1][-160:])
    assert (NOWHERE in told[1]) == shows_why, f"The model is told: {told[1]}"


def claude_outlives_the_gateway(lab):
    """Claude Code goes on by its next call when the gateway was killed, and its model reads why a removed agent is gone."""
    _goes_on(lab, _claude)


def codex_outlives_the_gateway(lab):
    """Codex goes on by its next call when the gateway was killed, and its model reads why a removed agent is gone."""
    _goes_on(lab, _codex)


def gemini_outlives_the_gateway(lab):
    """Gemini CLI goes on by its next call when the gateway was killed, and its model reads why a removed agent is gone."""
    _goes_on(lab, _gemini)


def opencode_outlives_the_gateway(lab):
    """opencode goes on by its next call when the gateway was killed. Of a removed agent its model is not told why."""
    _goes_on(lab, _opencode, shows_why=False)


def _is_stopped(lab, start):
    """The gateway is stopped in order while a call waits, and again while a message is unread; the client runs on."""
    back, back_again = threading.Event(), threading.Event()
    told = []

    def goes_on():
        yield
        turn = yield call("read_messages", wait_seconds=50)
        told.append(turn.text)
        back.wait(60)
        turn = yield call("list_peers")
        assert [peer["alias"] for peer in turn.result["peers"]] == ["bob"], turn.text
        back_again.wait(60)
        turn = yield call("read_messages", wait_seconds=50)
        assert [one["message"] for one in turn.result["messages"]] == ["Unread."], turn.text
        yield say("Done.")

    bob = Peer(lab, "bob")
    gateway = Gateway(lab)
    actor = start(lab, goes_on(), gateway.add("desk"))
    bob.other(lambda peer: peer["reach"] == "push", 60)  # its call waits
    gateway.stop()
    until("The end of the call", lambda: told, 30)
    lab.figure("told", told[0][-200:])
    gateway.start()
    back.set()
    actor.asked(3, 60)
    sent = bob.send("desk", "Unread.")
    gateway.stop()
    bob.read(0)
    assert sent["id"] not in bob.ends, f"The message that nobody has read ended as {bob.ends[sent['id']]}."
    gateway.start()
    back_again.set()
    status, _ = bob.end(sent["id"])
    assert status == "read", f"The message ended as {status!r}."
    actor.at_rest(60)
    assert ENDED in told[0], f"The model is told: {told[0]}"


def claude_told_of_a_stop(lab):
    """Claude Code's model reads that the gateway has stopped; its next call works, and what was unread comes."""
    _is_stopped(lab, _claude)


def codex_told_of_a_stop(lab):
    """Codex's model reads that the gateway has stopped; its next call works, and what was unread comes."""
    _is_stopped(lab, _codex)


def gemini_told_of_a_stop(lab):
    """Gemini CLI's model reads that the gateway has stopped; its next call works, and what was unread comes."""
    _is_stopped(lab, _gemini)


def opencode_told_of_a_stop(lab):
    """opencode's model reads that the gateway has stopped; its next call works, and what was unread comes."""
    _is_stopped(lab, _opencode)


def _is_removed(lab, start):
    """The client's agent is removed while its call waits."""
    told = []

    def waits():
        yield
        turn = yield call("read_messages", wait_seconds=50)
        told.append(turn.text)
        yield say("Done.")

    bob = Peer(lab, "bob")
    gateway = Gateway(lab)
    actor = start(lab, waits(), gateway.add("desk"))
    bob.other(lambda peer: peer["reach"] == "push", 60)  # its call waits
    gateway.remove("desk")
    until("The end of the call", lambda: told, 30)
    lab.figure("told", told[0][-200:])
    until("The agent's end", lambda: not bob.others())
    actor.at_rest(60)
    assert ENDED in told[0], f"The model is told: {told[0]}"


def claude_told_of_its_removal(lab):
    """Claude Code's model reads that its agent was removed, in the call that waits then."""
    _is_removed(lab, _claude)


def codex_told_of_its_removal(lab):
    """Codex's model reads that its agent was removed, in the call that waits then."""
    _is_removed(lab, _codex)


def gemini_told_of_its_removal(lab):
    """Gemini CLI's model reads that its agent was removed, in the call that waits then."""
    _is_removed(lab, _gemini)


def opencode_told_of_its_removal(lab):
    """opencode's model reads that its agent was removed, in the call that waits then."""
    _is_removed(lab, _opencode)


def _waits(lab, start, longest=540):
    """A call waits for many minutes before there is a message."""
    def waits():
        yield
        turn = yield call("read_messages", wait_seconds=longest)
        if "moved to the background" in turn.text:
            turn = yield say("I wait.")
        yield say("Read: " + turn.result["messages"][0]["message"])

    bob = Peer(lab, "bob")
    actor = start(lab, waits(), Gateway(lab).add("desk"))
    began = actor.asked(1, 120).at
    time.sleep(min(LONG, longest - 20))
    sent = bob.send("desk", "Late.")
    status, at = bob.end(sent["id"])
    assert status == "read", f"The message ended as {status!r}."
    lab.figure("call s", at - began)
    lab.figure("read s", at - sent["at"])
    until("The message at the model", lambda: actor.acts[-1].text == "Read: Late.")


def claude_waits_long_by_url(lab):
    """Claude Code moves a call that waits to the background after two minutes, and tells its model of the message then."""
    _waits(lab, _claude)


def codex_waits_long_by_url(lab):
    """Codex gives up on a call after 5 minutes; one that waits for more than 4 gets its message."""
    _waits(lab, _codex, 290)


def gemini_waits_long_by_url(lab):
    """Gemini CLI waits for longer than 5 minutes, since the answer is streamed and tells of progress."""
    _waits(lab, _gemini)


def opencode_waits_long_by_url(lab):
    """opencode waits for longer than its one minute, since the answer is streamed and tells of progress."""
    _waits(lab, _opencode)


def _claude_terminal(lab, script, url, **more):
    session = Claude(lab, "user", script, url=url, **more)
    return session.terminal, session.actor


def _codex_terminal(lab, script, url):
    session = Codex(lab, "user", script, url=url)
    return session.terminal(), session.actor


def _gemini_terminal(lab, script, url):
    return gemini_terminal(lab, "user", script, url=url)


def _interrupted(lab, start):
    """A person ends a call that waits, and another session sends something then. Returns what ends it, and the actor."""
    def waits():
        yield
        yield call("read_messages", wait_seconds=100)
        turn = yield call("read_messages")
        yield say("Read: " + " ".join(message["message"] for message in turn.result["messages"]))

    bob = Peer(lab, "bob")
    terminal, actor = start(lab, waits(), Gateway(lab).add("desk"))
    terminal.type("Talk to the other one.")
    bob.other(lambda peer: peer["reach"] == "push", 60)  # its call waits
    terminal.keys("Escape")
    time.sleep(3)
    sent = bob.send("desk", "Are you there?")
    time.sleep(3)  # longer than it takes to call a message read that nobody reads
    bob.read(0)
    early = bob.ends.get(sent["id"])
    terminal.type("Read on.")
    assert bob.end(sent["id"])[0] == "read", "The message was not read."
    actor.at_rest()
    return early, actor.acts[-1].text


def _waits_for_the_next_call(lab, start):
    early, said = _interrupted(lab, start)
    assert not early, "A message is said to be read that no call has read."
    assert said == "Read: Are you there?", said


def claude_interrupted_by_url(lab):
    """Esc in Claude Code ends the call that waits, and the message after it is read by the next."""
    _waits_for_the_next_call(lab, _claude_terminal)


def codex_interrupted_by_url(lab):
    """Esc in Codex ends the call that waits, and the message after it is read by the next."""
    _waits_for_the_next_call(lab, _codex_terminal)


def gemini_interrupted_by_url(lab):
    """Esc in Gemini CLI does not end the call that waits: it takes the next message, which its model is not shown."""
    early, said = _interrupted(lab, _gemini_terminal)
    assert early and early[0] == "read", CORRECT
    assert said == "Read: ", said


def _starts_first(lab, start):
    """The client is there before the gateway is. Returns whether its model has the tools some time after."""
    has_tools = []

    def looks():
        while True:
            turn = yield say("Done.") if has_tools else None
            has_tools.append(bool(turn.named("list_peers")))

    gateway = Gateway(lab)
    url = gateway.add("desk")
    gateway.kill()
    terminal, actor = start(lab, looks(), url)
    terminal.type("The first prompt.")
    actor.asked(1, 60)
    assert not has_tools[0], "There are tools without a gateway."
    actor.at_rest()
    time.sleep(20)  # longer than a client tries again at its start
    gateway.start()
    for number in range(3):
        time.sleep(5)
        terminal.type(f"Prompt {number} after it.")
        actor.asked(number + 2, 30)
        actor.at_rest()
    return has_tools[-1]


def claude_before_the_gateway(lab):
    """Claude Code that is there long before the gateway is does not find it by itself."""
    assert not _starts_first(lab, lambda *words: _claude_terminal(*words, ready=False)), CORRECT


def codex_before_the_gateway(lab):
    """Codex that is there long before the gateway is does not find it by itself."""
    assert not _starts_first(lab, _codex_terminal), CORRECT


def gemini_before_the_gateway(lab):
    """Gemini CLI that is there long before the gateway is does not find it by itself."""
    assert not _starts_first(lab, _gemini_terminal), CORRECT
