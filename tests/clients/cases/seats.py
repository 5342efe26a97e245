"""A session keeps its name, its task and its mail when its bridge is another, in real clients."""
from claude import Claude, command_hooks
from codex import Codex
from peer import Peer
from script import call, say
from terminal import Terminal
from until import until


def _names_itself_and_reads():
    """Registers at its first prompt, and reads whenever it is prompted again."""
    turn = yield
    while turn.results or "Name yourself" not in turn.text:
        turn = yield say("Waiting.")
    turn = yield call("register", alias="builder", task="the build")
    turn = yield say("Named.")
    while True:
        turn = yield call("read_messages")
        turn = yield say("Read.")


def _reads():
    """Reads whenever it is prompted."""
    turn = yield
    while True:
        turn = yield call("read_messages")
        turn = yield say("Read.")


def _claude(lab, name="alice", script=None, **more):
    return Claude(lab, name, (script or _names_itself_and_reads)(), folder="alice", hooks=command_hooks(), **more)


def _named(lab, bob):
    alice = _claude(lab)
    alice.prompt("Name yourself.")
    peer = bob.other(lambda peer: peer["alias"] == "builder")
    return alice, peer["fingerprint"]


def _is_back(bob, fingerprint):
    """Waits until the session is there again: the same to others, with its task."""
    peer = bob.other(lambda peer: peer["alias"] == "builder" and peer["presence"] == "online")
    assert peer["fingerprint"] == fingerprint, "It has another fingerprint."
    assert peer["context"].get("task") == "the build", f"Its task is gone: {peer['context']}"
    assert len(bob.others()) == 1, f"There is another session: {bob.others()}"


def _told(alice):
    """What the tools have told the model so far."""
    return "\n".join(text for turn in alice.actor.turns for text in turn.results.values())


def _sends_low(bob, text):
    """A message that wakes nobody, so that it is unread when the bridge goes."""
    return bob.send("builder", text, urgency="low")["id"]


def _reads_both(alice, bob, first, second):
    alice.prompt("Go on.")
    for id in (first, second):
        assert bob.end(id)[0] == "read", f"A message was not read: {bob.ends}"
    told = _told(alice)
    assert told.index("before it went") < told.index("after it came back"), "The order is wrong."
    assert '"came_back"' in told, "The session was not told that it came back."


def claude_keeps_name_and_mail_over_a_reconnect(lab):
    """`/mcp reconnect`: alias, task, fingerprint and unread mail stay, and the order of the messages."""
    bob = Peer(lab, "bob")
    alice, fingerprint = _named(lab, bob)
    first = _sends_low(bob, "before it went")
    before = alice.bridge()
    alice.terminal.type("/mcp reconnect junction")
    until("Another bridge", lambda: alice.bridge() not in (None, before))
    _is_back(bob, fingerprint)
    alice.idle()
    _reads_both(alice, bob, first, _sends_low(bob, "after it came back"))


def claude_keeps_name_and_mail_when_it_is_continued(lab):
    """The client ends and is started with `--continue`."""
    bob = Peer(lab, "bob")
    alice, fingerprint = _named(lab, bob)
    first = _sends_low(bob, "before it went")
    alice.terminal.close()
    alice = _claude(lab, "alice-2", _reads, more=["--continue"])
    _is_back(bob, fingerprint)
    _reads_both(alice, bob, first, _sends_low(bob, "after it came back"))


def claude_keeps_name_and_mail_when_it_is_cleared(lab):
    """`/clear` and then a reconnect: the session goes on under another id, and comes back under it."""
    bob = Peer(lab, "bob")
    alice, fingerprint = _named(lab, bob)
    first = _sends_low(bob, "before it went")
    alice.terminal.type("/clear")
    alice.idle()
    alice.prompt("Go on.")
    assert bob.end(first)[0] == "read", "The message was not read."
    peer = bob.other(lambda peer: peer["alias"] == "builder")
    assert peer["fingerprint"] != fingerprint, "The seat has not moved."
    # Nobody has to confirm the other fingerprint.
    second = _sends_low(bob, "before it went")
    before = alice.bridge()
    alice.terminal.type("/mcp reconnect junction")
    until("Another bridge", lambda: alice.bridge() not in (None, before))
    _is_back(bob, peer["fingerprint"])
    alice.idle()
    _reads_both(alice, bob, second, _sends_low(bob, "after it came back"))


def claude_forked_is_another_session(lab):
    """`--continue --fork-session` beside the first one: the first keeps its name, and the fork has another."""
    bob = Peer(lab, "bob")
    alice, fingerprint = _named(lab, bob)
    _claude(lab, "alice-2", _reads, more=["--continue", "--fork-session"])
    others = until("Two sessions", lambda: len(bob.others()) == 2 and bob.others())
    assert others["builder"]["fingerprint"] == fingerprint, "The fork has taken the name."
    sent = _sends_low(bob, "to the first")
    alice.prompt("Go on.")
    assert bob.end(sent)[0] == "read" and "to the first" in _told(alice), "The first has not read it."


def codex_keeps_name_and_mail_when_it_is_resumed(lab):
    """`codex resume ID`: the session comes back with its first call."""
    bob = Peer(lab, "bob")
    cody = Codex(lab, "cody", _names_itself_and_reads(), hooks=True)
    terminal = cody.terminal()
    _prompt(cody, terminal, "Name yourself.")
    peer = bob.other(lambda peer: peer["alias"] == "builder")
    first = _sends_low(bob, "before it went")
    terminal.type("/quit")
    session = sorted((lab.home / ".codex" / "sessions").rglob("*.jsonl"))[0].stem[-36:]
    terminal = Terminal(lab, "cody-resume", [lab.program("codex"), "resume", session], cody.env, cody.project)
    terminal.shows(r"› [^\d]")
    _prompt(cody, terminal, "Go on.")
    # Its mail comes a moment after it has said who it is.
    _prompt(cody, terminal, "Go on.")
    assert bob.end(first)[0] == "read", "The message was not read."
    back = bob.other(lambda peer: peer["alias"] == "builder")
    assert back["fingerprint"] == peer["fingerprint"] and back["context"].get("task") == "the build"
    assert '"came_back"' in _told(cody), "The session was not told that it came back."


def _prompt(cody, terminal, line):
    asked = len(cody.actor.turns)
    terminal.shows(r"› [^\d]")
    terminal.type(line)
    cody.actor.asked(asked + 2)
    cody.actor.at_rest()
