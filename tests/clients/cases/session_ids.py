"""What each client tells its servers and hooks of its sessions, and when. No bridge runs: a probe is in its place."""
import contextlib
import json
import urllib.request

from claude import KEY, Claude, command_hooks
from codex import Codex
from gemini import FLAGS, NO_QUESTIONS, gemini_terminal, set_up
from once import Run
from opencode import environment, provider
from probe import Probe
from script import call, say
from terminal import Terminal
from until import TooLate, until


def _notes(spawn=None):
    """Calls the probe's tool whenever it is prompted, or has a subagent do so."""
    turn = yield
    while True:
        if turn.results:
            turn = yield say("Noted.")
        elif spawn and "Delegate" in turn.text:
            tool, arguments = spawn(turn.tools)
            turn = yield call(tool, **arguments)
        else:
            turn = yield call("note")


def _claude(lab, name="alice", **more):
    return Claude(lab, name, _notes(), folder="alice", hooks=_hooks(), **more)


def _hooks():
    hooks = command_hooks()
    return hooks | {"SessionEnd": hooks["Stop"]}


def _variable(start):
    return start["env"].get("CLAUDE_CODE_SESSION_ID")


def _in_order(lab, what, *notes):
    """Checks that one came after another, and records how long after."""
    at = [note.get("began", note["at"]) for note in notes]
    assert at == sorted(at), f"{what}: {at}"
    lab.figure(f"{what} s", at[-1] - at[0])


def claude_tells_its_session_from_the_start(lab):
    """Claude Code's server and its hooks are told the same id. The hook of the start runs before there is a server."""
    probe = Probe(lab)
    alice = _claude(lab)
    hook, start = probe.note("hook", event="SessionStart"), probe.note("start")
    assert hook["source"] == "startup" and hook["session"] == _variable(start), "They are told different ids."
    _in_order(lab, "hook to server", hook, start)
    alice.prompt("One.")
    assert probe.note("hook", event="UserPromptSubmit")["session"] == hook["session"]
    assert "sessionId" not in json.dumps(probe.note("call")["meta"]), "A call names its session."


def claude_reconnects_one_server_after_another(lab):
    """At `/mcp reconnect` Claude Code ends the server by SIGINT, waits for its end, and starts the next with the session's id.

    No hook runs. After `/clear`, the next server has the new id.
    """
    probe = Probe(lab)
    alice = _claude(lab)
    _reconnect(lab, probe, alice, "reconnect", 1)
    assert _variable(probe.note("start", 2)) == _variable(probe.note("start")), "The id has changed."
    alice.terminal.type("/clear")
    cleared = probe.note("hook", source="clear")
    alice.idle()
    _reconnect(lab, probe, alice, "reconnect after clear", 2)
    assert _variable(probe.note("start", 3)) == cleared["session"], "The server has the old id."
    assert len(probe.notes("hook", event="SessionStart")) == 2, "A reconnect ran the hook of a start."


def _reconnect(lab, probe, alice, what, number):
    alice.terminal.type("/mcp reconnect junction")
    signal, start = probe.note("signal", number), probe.note("start", number + 1)
    assert signal["signal"] == "SIGINT", f"The server was ended by {signal['signal']}."
    _in_order(lab, what, signal, start)
    probe.note("list", number + 1)
    alice.idle()


def claude_clears_under_another_id(lab):
    """`/clear` goes on under another id with the same server: the hooks tell the end of the one, then the start of the other."""
    probe = Probe(lab)
    alice = _claude(lab)
    alice.prompt("One.")
    alice.terminal.type("/clear")
    end, start = probe.note("hook", event="SessionEnd"), probe.note("hook", source="clear")
    assert end["session"] == _variable(probe.note("start")) != start["session"], "The id is the old one."
    _in_order(lab, "end to start", end, start)
    alice.idle()
    alice.prompt("Two.")
    assert probe.note("hook", 2, event="UserPromptSubmit")["session"] == start["session"]
    assert len(probe.notes("start")) == 1, "Another server was started."


def claude_continues_under_the_same_id(lab):
    """`--continue` and `--resume ID` have the old id in the server's environment and in the hooks."""
    probe = Probe(lab)
    alice = _claude(lab)
    alice.prompt("One.")
    id = _variable(probe.note("start"))
    for number, words in enumerate((["--continue"], ["--resume", id]), 2):
        alice.terminal.close()
        alice = _claude(lab, f"alice-{number}", more=words)
        assert _variable(probe.note("start", number)) == id, f"{words[0]} has another id in the environment."
        assert probe.note("hook", number, event="SessionStart")["session"] == id
        assert len(probe.notes("hook", source="resume")) == number - 1


def claude_forks_under_another_id(lab):
    """`--fork-session` and `/branch` go on under a new id, and the hook says `fork`; `/branch` keeps the server."""
    probe = Probe(lab)
    alice = _claude(lab)
    alice.prompt("One.")
    alice.terminal.close()
    alice = _claude(lab, "alice-2", more=["--continue", "--fork-session"])
    first, forked = probe.note("start"), probe.note("hook", source="fork")
    assert _variable(first) != forked["session"] == _variable(probe.note("start", 2)), "The id is the old one."
    alice.prompt("Two.")
    alice.terminal.type("/branch")
    branch = probe.note("hook", 2, source="fork")
    assert branch["session"] not in (forked["session"], _variable(first)), "The id is an old one."
    assert len(probe.notes("start")) == 2, "Another server was started."


def claude_resumes_another_in_its_place(lab):
    """What is chosen at `/resume` takes the session's place, with the same server: the hook says `resume` and its id."""
    probe = Probe(lab)
    alice = _claude(lab)
    alice.prompt("One.")
    alice.terminal.type("/clear")
    probe.note("hook", source="clear")
    alice.idle()
    alice.prompt("Two.")
    alice.terminal.type("/resume")
    alice.terminal.shows("Resume session")
    until("The choice", lambda: probe.notes("hook", source="resume") or alice.terminal.keys("Enter"))
    assert probe.note("hook", source="resume")["session"] == _variable(probe.note("start")), "It is another one."
    assert len(probe.notes("start")) == 1, "Another server was started."


def claude_print_continues_with_a_wrong_variable(lab):
    """`claude -p --continue` has a new id in its server's environment, and the continued session's in its hooks."""
    probe = Probe(lab)
    env = lab.env(ANTHROPIC_API_KEY=KEY, ANTHROPIC_BASE_URL=f"{lab.model.url}/alice")
    alice = _claude(lab)
    alice.terminal.close()
    for number, words in enumerate(([], ["--continue"]), 2):
        command = [lab.program("claude"), "-p", "Note.", *words, "--strict-mcp-config", "--allowedTools", "mcp__junction",
                   "--mcp-config", lab.out / "servers-alice.json", "--settings", lab.out / "settings-alice.json"]
        Run(lab, f"print-{number}", command, env, alice.project).ended()
    printed, resumed = probe.note("start", 2), probe.note("hook", source="resume")
    assert resumed["session"] == _variable(printed), "It does not go on with the first."
    assert _variable(probe.note("start", 3)) != resumed["session"], "The variable is right by now: docs/clients.md says not."


def claude_subagents_have_their_sessions_id(lab):
    """The hooks of a subagent have its session's id, and an `agent_id`; its calls are the session's server's."""
    def spawn(tools):
        name = next(tool for tool in tools if tool in ("Agent", "Task"))
        return name, {"description": "Notes", "prompt": "Note it.", "subagent_type": "general-purpose"}

    probe = Probe(lab)
    alice = Claude(lab, "alice", _notes(spawn), hooks=_hooks())
    alice.terminal.type("Delegate.")
    call_of, hook = probe.note("call"), until("Its hook", lambda: [note for note in probe.notes("hook") if note["agent"]])
    assert hook[0]["session"] == _variable(probe.note("start")), "It has an id of its own."
    assert call_of["pid"] == probe.note("start")["pid"] and len(probe.notes("start")) == 1


def codex_names_its_session_in_calls(lab):
    """Codex starts a server for each thread, which learns its session at the first call: `sessionId`, and `threadId` the same.

    A new session by `/new` has another server in the same daemon; `codex resume` one with the old id; `codex fork` one with
    a new id.
    """
    probe = Probe(lab)
    cody = Codex(lab, "cody", _notes(), hooks=True)
    terminal = cody.terminal()
    first = _called(probe, cody, terminal, 1)
    _typed(terminal, "/new", lambda: probe.note("list", 2, 5))
    second = _called(probe, cody, terminal, 2)
    terminal.type("/quit")
    resumed = _called(probe, cody, _codex(lab, cody, "resume", _session(first)), 3)
    forked = _called(probe, cody, _codex(lab, cody, "fork", _session(first)), 4)
    assert _session(resumed) == _session(first), "It was resumed under another id."
    assert len({_session(note) for note in (first, second, forked)}) == 3, "A new session has the id of another."
    servers = {note["pid"] for note in (first, second, resumed, forked)}
    assert len(servers) == 4 and len({note["parent"] for note in probe.notes("start")}) == 1, "They share servers, or no daemon."
    assert not any("SESSION" in name or "THREAD" in name for note in probe.notes("start") for name in note["env"])
    hooks = probe.notes("hook", event="SessionStart")
    assert [note["source"] for note in hooks] == ["startup", "startup", "resume", "fork"], hooks


def _codex(lab, cody, *words):
    terminal = Terminal(lab, f"cody-{words[0]}", [lab.program("codex"), *words], cody.env, cody.project)
    terminal.shows(r"› [^\d]")
    return terminal


def _called(probe, cody, terminal, number):
    """Has it prompted, and returns its call."""
    probe.note("list", number)
    called = _typed(terminal, "Note it.", lambda: probe.note("call", number, 10))
    cody.actor.at_rest()
    return called


def _typed(terminal, line, comes):
    """Types a line until something comes of it: while a session opens or a turn ends, it may be lost."""
    for _ in range(5):
        terminal.shows(r"› [^\d]")
        terminal.type(line)
        with contextlib.suppress(TooLate):
            return comes()
    raise TooLate(f"Nothing came of {line!r}.")


def _session(note):
    assert note["meta"]["threadId"] == note["meta"]["sessionId"], "The thread is not its session's own."
    return note["meta"]["sessionId"]


def codex_subagents_have_servers_of_their_own(lab):
    """A subagent of Codex has a server of its own, whose calls have its thread's id and its session's `sessionId`."""
    def spawn(tools):
        return next(tool for tool in tools if "spawn_agent" in tool), {"message": "Note it.", "task_name": "noter"}

    probe = Probe(lab)
    cody = Codex(lab, "cody", _notes(spawn))
    cody.terminal().type("Delegate.")
    meta = probe.note("call", seconds=60)["meta"]
    turn = meta["x-codex-turn-metadata"]
    assert meta["sessionId"] == turn["parent_thread_id"] != meta["threadId"], meta
    assert turn["thread_source"] == "subagent", turn
    assert probe.note("call")["pid"] != probe.note("start")["pid"], "It uses its session's server."


def opencode_names_no_session(lab):
    """opencode starts a server for each folder, for all sessions there; neither calls nor environment name a session."""
    probe = Probe(lab)
    server = {"junction": {"type": "local", "command": ["junction-bridge"], "enabled": True}}
    for name in ("alice", "bella"):
        lab.model.actor(name, _notes())
        (lab.project(name) / "opencode.json").write_text(json.dumps(provider(lab, name) | {"mcp": server}))
    Run(lab, "server", [lab.program("opencode"), "serve", "--port", "4096"], environment(lab), lab.project("alice"))
    # A request that comes before that is never answered.
    until("The server", lambda: "listening" in (lab.out / "output-server.txt").read_text(), 60)
    for name in ("alice", "alice", "bella"):
        session = _ask(lab, name, "/session", {})["id"]
        _ask(lab, name, f"/session/{session}/message", {"parts": [{"type": "text", "text": "Note it."}]})
    pids = [note["pid"] for note in probe.notes("call")]
    assert len(pids) == 3 and pids[0] == pids[1] != pids[2], f"The calls came to {pids}."
    assert all(list(note["meta"]) == ["progressToken"] for note in probe.notes("call")), probe.notes("call")
    assert not any("SESSION" in name for note in probe.notes("start") for name in note["env"])


def _ask(lab, name, path, body):
    url = f"http://127.0.0.1:4096{path}?directory={lab.project(name)}"
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def gemini_names_its_session_in_hooks(lab):
    """Gemini CLI names its session in hooks alone. `/mcp reload` ends the server, then starts the next, and no hook runs.

    `/clear` goes on under another id with the same server, and the hook says `clear`.
    """
    probe = Probe(lab)
    terminal, actor = gemini_terminal(lab, "gina", _notes(), hooks=True)
    first = probe.note("hook", event="SessionStart")
    _in_order(lab, "server to hook", probe.note("start"), first)
    terminal.shows(r"1 MCP server", 60)
    terminal.type("Note it.")
    assert probe.note("hook", event="BeforeAgent")["session"] == first["session"]
    assert list(probe.note("call")["meta"]) == ["progressToken"]
    actor.at_rest()
    probe.note("hook", event="AfterAgent")
    terminal.type("/mcp reload")
    # Enter may come while the turn ends, and is lost then.
    until("The reload", lambda: probe.notes("signal") or terminal.keys("Enter"))
    _in_order(lab, "reload", probe.note("signal"), probe.note("start", 2))
    probe.note("list", 2)
    terminal.shows(r"Ready.*tools", 60)
    terminal.type("/clear")
    cleared = probe.note("hook", 2, event="SessionStart")
    assert cleared["source"] == "clear" and cleared["session"] != first["session"], cleared
    assert len(probe.notes("start")) == 2, "Another server was started."
    assert not any("SESSION" in name for note in probe.notes("start") for name in note["env"])


def gemini_resumes_under_the_old_id(lab):
    """`gemini --resume latest` goes on under the old id, and the hook says `resume`."""
    probe = Probe(lab)
    ids = []
    for number, flags in enumerate(([], [], ["--resume", "latest"]), 1):
        terminal, _ = gemini_terminal(lab, f"gina-{number}", _notes(), hooks=True, folder="gina", more=flags)
        ids.append(probe.note("hook", number, event="SessionStart")["session"])
        if not flags:  # what was never prompted is not kept
            terminal.shows(r"1 MCP server", 60)
            terminal.type("Note it.")
            probe.note("hook", number, event="AfterAgent")
            terminal.close()
    assert ids[0] != ids[1] == ids[2], f"The ids are {ids}."
    assert probe.notes("hook", event="SessionStart")[-1]["source"] == "resume"


def claude_shell_leaves_its_variable_to_others(lab):
    """What runs in Claude Code's shell inherits its session's id: a server of Gemini CLI or opencode started there has it.

    Codex passes it on to no server, and a Claude Code started there gives its servers an id of their own.
    """
    probe = Probe(lab)
    cody = Codex(lab, "cody", _notes())
    lab.model.actor("olaf", _notes())
    server = {"junction": {"type": "local", "command": ["junction-bridge"], "enabled": True}}
    (lab.project("alice") / "opencode.json").write_text(json.dumps(provider(lab, "olaf") | {"mcp": server}))
    lab.model.actor("bella", _notes())
    inner = (f"{lab.program('claude')} -p hi --strict-mcp-config --allowedTools mcp__junction"
             f" --mcp-config {lab.out}/servers-alice.json")
    _, gemini = set_up(lab, "gina", _notes())
    commands = [f"{lab.program('codex')} exec --skip-git-repo-check hi", f"{lab.program('opencode')} run hi",
                " ".join([str(lab.program("gemini")), *FLAGS, *NO_QUESTIONS, "-p", "hi"]),
                f"ANTHROPIC_BASE_URL={lab.model.url}/bella {inner}"]

    def works():
        yield
        for command in commands:
            yield call("Bash", command=command, description="Runs")
        yield say("Done.")

    env = {name: value for name, value in (cody.env | environment(lab) | gemini).items() if name not in lab.env()}
    alice = Claude(lab, "alice", works(), more=["--allowedTools", "mcp__junction,Bash"], **env)
    alice.prompt("Work.", 200)
    own, codex, opencode, gemini, nested = map(_variable, probe.notes("start"))
    assert opencode == gemini == own, "A server there is told another id."
    assert codex is None, "Codex passes it on."
    assert nested not in (None, own), "The inner one is told the outer's id."
