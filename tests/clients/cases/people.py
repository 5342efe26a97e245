"""People beside agents: the commands of a person in an agent's shell, and the prompts that clients show as commands."""
from claude import Claude
from codex import Codex
from gemini import gemini, gemini_terminal
from opencode import opencode
from peer import Peer
from script import call, say
from until import until


def _sends_by(lab, tool, argument, **more):
    """Joins by a tool of the junction, and then sends by the client's own shell, whose PATH may be another."""
    yield
    turn = yield call("list_peers")
    you = turn.result["you"]
    yield call(tool, **{argument: f"{lab.program('junction-bridge')} send bob 'From a shell.'"}, **more)
    yield say(f"Sent as {you}.")


def _is_the_agents(bob, actor):
    """What the shell sent came from the session itself, and not from a person."""
    said = until("The command's end", lambda: next((act.text for act in actor.acts if act.text), None), 90)
    (message,) = bob.read()
    assert message["message"] == "From a shell.", message
    assert said == f"Sent as {message['from']}.", f"{said} It came from {message['from']}."
    assert "from_person" not in message, "An agent was taken for a person."


def claude_shell_speaks_as_its_session(lab):
    """What Claude Code's shell sends is its session's own message, under its alias, and no person's."""
    bob = Peer(lab, "bob")
    alice = Claude(lab, "alice", _sends_by(lab, "Bash", "command", description="Sends a message"))
    alice.terminal.type("Send it.")
    alice.terminal.shows("Do you want")
    # A dialog takes no key in the moment that it appears.
    until("The end of the dialog", lambda: len(alice.actor.turns) > 2 or alice.terminal.keys("Enter"))
    _is_the_agents(bob, alice.actor)


def codex_shell_speaks_as_its_session(lab):
    """The same with Codex."""
    bob = Peer(lab, "bob")
    codex = Codex(lab, "cody", _sends_by(lab, "exec_command", "cmd"))
    codex.terminal().type("Send it.")
    _is_the_agents(bob, codex.actor)


def gemini_shell_speaks_as_its_session(lab):
    """The same with Gemini CLI."""
    bob = Peer(lab, "bob")
    _, actor = gemini(lab, "gina", _sends_by(lab, "run_shell_command", "command"), "Send it.")
    _is_the_agents(bob, actor)


def opencode_shell_speaks_as_its_session(lab):
    """The same with opencode."""
    bob = Peer(lab, "bob")
    _, actor = opencode(lab, "olaf", _sends_by(lab, "bash", "command", description="Sends a message"), "Send it.")
    _is_the_agents(bob, actor)


def claude_shows_prompts_as_commands(lab):
    """A person types `/mcp__junction__peers`, and the model is asked to show who is there."""
    alice = Claude(lab, "alice", _does_nothing())
    alice.terminal.type("/mcp__junction__peers")
    alice.actor.shown("Call the tool list_peers of Agent Junction")
    alice.actor.at_rest()
    alice.idle()
    alice.terminal.type("/mcp__junction__send bob Hello to you")
    asked = alice.actor.shown("Call the tool send_message of Agent Junction")
    assert '"bob"' in asked.text, asked.text


def gemini_shows_prompts_as_commands(lab):
    """A person types `/peers`, and the model is asked to show who is there. Before that, `/mcp reload` finds the prompts."""
    terminal, actor = gemini_terminal(lab, "gina", _does_nothing())
    terminal.shows(r"1 MCP server", 60)
    terminal.type("/mcp reload")
    terminal.shows(r"Ready.*tools", 60)
    terminal.type("/peers")
    actor.shown("Call the tool list_peers of Agent Junction", 30)


def _does_nothing():
    yield
    while True:
        yield say("Noted.")
