"""The plugin's commands, typed in a real Claude Code."""
from peer import Peer
from plugins import install, opened
from script import call, say


def claude_plugin_commands(lab):
    """`/junction:peers`, `/junction:send` and `/junction:inbox` give the model its task, and it can do what they say."""
    def does():
        turn = yield
        assert "short table" in turn.text, turn.text
        turn = yield call("list_peers")
        turn = yield say(f"There is {turn.result['peers'][0]['alias']}.")
        assert "bob Is it done?" in turn.text, f"What the person typed is missing: {turn.text}"
        turn = yield call("send_message", target_alias="bob", message="Is it done?")
        turn = yield say(f"It is {turn.result['status']}.")
        assert "without a wait" in turn.text, turn.text
        turn = yield call("read_messages")
        turn = yield say(f"{turn.result['messages'][0]['message']}")
        assert "bob" not in turn.text and "typed nothing" in turn.text, turn.text
        yield say("To whom?")

    install(lab)
    bob = Peer(lab, "bob")
    alice = opened(lab, "alice", does())
    alice.prompt("/junction:peers")
    alice.prompt("/junction:send bob Is it done?")
    message = bob.read()[0]
    assert message["message"] == "Is it done?", f"Something else was sent: {message}"
    bob.send(message["from"], "Done.", urgency="low")
    alice.prompt("/junction:inbox")
    assert alice.actor.acts[-1].text == "Done.", f"Read: {alice.actor.acts[-1].text}"
    alice.prompt("/junction:send")
