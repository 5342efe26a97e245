"""What an actor of the model does: a script, which is a generator.

A script is sent each turn, which is what the model was newly shown, and yields what the model does about it:

    def asks_who_is_there():
        turn = yield                        # until the model is asked for the first time
        turn = yield call("list_peers")     # the turn that has the result
        yield say(f"{turn.result['total']} are there")

After its end it says "(end of script)" to everything. While it is busy in its own code, the model is thinking.
"""
import json
import re
import time
from dataclasses import dataclass, field


# What a bridge says in its own name. Its instructions mention the words, but have no number behind them.
NOTICE = r"Agent Junction notice \d+[^\n<]*"


@dataclass(frozen=True)
class Act:
    """Text, or calls of tools, or both; without a call the client's turn ends."""

    text: str = ""
    calls: tuple = ()


def say(text):
    """Says something and ends the turn."""
    return Act(text=text)


def call(tool, **arguments):
    """Calls a tool, by the bridge's own name for it or by the client's for one of its own."""
    return Act(calls=((tool, arguments),))


@dataclass
class Turn:
    """One request to the model."""

    new: list  # texts, each as shown, since the model last answered
    results: dict  # those that answer calls, by the calls' ids
    tools: list  # the client's names of the tools it offers
    at: float = field(default_factory=time.monotonic)

    @property
    def text(self):
        return "\n".join(self.new)

    @property
    def result(self):
        """The JSON object in the tool's result, which comes as news if the call went to the background.

        Clients wrap it in words of their own.
        """
        text = "\n".join(list(self.results.values()) or self.new)
        return json.JSONDecoder().raw_decode(text, text.index("{"))[0]

    @property
    def around(self):
        """The texts outside of tools' results: what no peer writes."""
        return "\n".join(text for text in self.new if text not in self.results.values())

    @property
    def notices(self):
        """The bridge's notices, each once: a client may show one to its model in two texts."""
        return sorted(set(re.findall(NOTICE, self.around)))

    def named(self, tool):
        """The client's name for a tool of the bridge: mcp__junction__read_messages, junction_read_messages, …"""
        ours = re.compile(rf"(mcp_+)?(plugin_junction_)?junction[_/]+{tool}")
        return next((name for name in self.tools if name == tool or ours.fullmatch(name)), None)


def answers():
    """Reads whenever it is asked anything, answers every message once, and rests."""
    yield
    while True:
        yield from answered()


def answered(**read):
    """One such turn, for a script that did something else before."""
    turn = yield call("read_messages", **read)
    for message in turn.result["messages"]:
        yield call("send_message", target_alias=message["from"], reply_to=message["id"],
                   message="answer to: " + message["message"][:60])
    return (yield say("All is answered."))


def reads():
    """Reads whenever it is asked anything, and rests."""
    yield
    while True:
        yield from reading()


def reading():
    """One such turn."""
    turn = yield call("read_messages")
    return (yield say("Read: " + ", ".join(message["message"] for message in turn.result["messages"])))


def ignores():
    """Answers everything with a word and calls nothing."""
    yield
    while True:
        yield say("Noted.")
