"""How soon several idle Claude Codes have talked."""
from claude import Claude, command_hooks
from script import answers, call, say
from until import until

NAMES = ("alice", "bella", "carol", "doris", "erica")


def _asks_each(others, heard):
    """Asks every other session one thing, and reads until all have answered."""
    yield
    yield call("register", alias="alice")
    for name in others:
        yield call("send_message", target_alias=name, message=f"How far is {name}?")
    yield say("Asked.")
    while len(heard) < len(others):
        turn = yield call("read_messages")
        heard += [(message["from"], turn.at) for message in turn.result["messages"]]
        yield say("Read.")


def _answers_as(name):
    yield
    yield call("register", alias=name)
    yield say("I have a name.")
    yield from answers()


def _crowd(lab, size, hooks, seconds):
    heard, others = [], NAMES[1:size]
    sessions = [Claude(lab, name, _answers_as(name), hooks=hooks) for name in others]
    alice = Claude(lab, "alice", _asks_each(others, heard), hooks=hooks)
    for session in sessions:
        session.prompt("Take your name.")
    alice.terminal.type("Ask all of them.")
    until("The last answer", lambda: len(heard) == len(others), 200)
    took = heard[-1][1] - alice.actor.turns[1].at
    lab.figure("s", took)
    assert sorted(name for name, _ in heard) == sorted(others), heard
    assert took <= seconds, f"{len(others)} questions and answers took {took:.1f} s."


def claude_asks_two(lab):
    """One idle session asks two others, and has both answers within six seconds."""
    _crowd(lab, 3, command_hooks(), 6)


def claude_asks_four(lab):
    """One idle session asks four others, and has all answers within ten seconds on two processors."""
    _crowd(lab, 5, command_hooks(), 10)
