"""A model that follows a skill to the letter: it makes no call that the skill's text does not name."""
from script import call


class Skill:
    """The text of a skill, as the model was shown it."""

    def __init__(self, name, turn):
        self.name = name
        self.text = turn.text
        title = {"use-junction": "# Work with other sessions", "inject-junction": "# Add junction steps to a skill"}[name]
        assert title in self.text, f"The text of {name} did not reach the model: {self.text[-600:]}"

    def call(self, tool, **arguments):
        """A call of a tool, each of whose words stands in the text."""
        for word in (tool, *arguments):
            assert f"`{word}`" in self.text, f"The skill {self.name} does not name {word}."
        return call(tool, **arguments)

    def tools(self, turn, *tools):
        """Finds tools that the client loads on demand, as the text has it. A client that shows them all needs no search."""
        if missing := [tool for tool in tools if not turn.named(tool)]:
            self.says("load some of them on demand", "find it with your client's tool search")
            prefix = turn.named("read_messages").removesuffix("read_messages")
            yield call("ToolSearch", query="select:" + ",".join(prefix + tool for tool in missing), max_results=5)

    def says(self, *sentences):
        """Checks that the text has these rules."""
        flowing = " ".join(self.text.split())
        for sentence in sentences:
            assert sentence in flowing, f"The skill {self.name} does not say: {sentence}"


def read_all(skill, **arguments):
    """Reads until nothing is left, as the skill has it; returns the messages and the last turn."""
    messages, notifications = [], []
    while True:
        turn = yield skill.call("read_messages", **arguments)
        messages += turn.result["messages"]
        notifications += turn.result.get("notifications", [])
        if not turn.result.get("unread"):
            return messages, notifications


def answer(skill, message, text, **more):
    """Answers a message, as the skill has it."""
    return (yield skill.call("send_message", target_alias=message["from"], reply_to=message["id"], message=text, **more))
