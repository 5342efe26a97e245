"""Interactive Claude Code in a terminal."""
import json
import time

import namespace
from terminal import Terminal
from until import until

KEY = "sk-ant-api03-dummy-key-that-opens-nothing"
EVENTS = ("SessionStart", "UserPromptSubmit", "PostToolUse", "PermissionRequest", "Notification", "Stop")
FIELDS = ("hook_event_name", "session_id", "prompt", "stop_hook_active", "notification_type", "tool_name", "agent_id")


def command_hooks():
    """A process for each event."""
    hook = {"type": "command", "command": "junction-bridge hook"}
    return {event: [hook] for event in EVENTS}


def tool_hooks():
    """Each event is a call of the bridge's own tool; at its start a session has no server yet to call."""
    fields = {field: f"${{{field}}}" for field in FIELDS}
    hook = {"type": "mcp_tool", "server": "junction", "tool": "hook_event", "input": fields}
    return {event: [hook] for event in EVENTS if event != "SessionStart"}


def rewake_hooks():
    """A sleeper that wakes the session by its end."""
    hook = {"type": "command", "command": "junction-bridge hook --rewake", "asyncRewake": True, "timeout": 36000}
    return {event: [hook] for event in ("SessionStart", "Stop")}


class Claude:
    """One session. Several share the home, as one user's do.

    With `by_setup` it is started without a word, and knows of the junction what `setup` has written. With `url` it
    starts no bridge, and its server is there.
    """

    def __init__(self, lab, name, script, hooks=None, socket=True, ready=True, allowed=True, by_setup=False,
                 server="junction", folder=None, more=(), url=None, **env):
        self.name = name
        self.lab = lab
        self.project = lab.project(folder or name)
        self.actor = lab.model.actor(name, script)
        self.debug = lab.out / f"debug-{name}.txt"
        answer_first_questions(lab, self.project)
        words = [lab.program("claude"), "--permission-mode", "manual", "--debug-file", self.debug, *more]
        if not by_setup:
            words += ["--mcp-config", self._servers(socket, url), "--strict-mcp-config",
                      *(["--allowedTools", "mcp__junction"] if allowed else []),
                      "--settings", self._settings(hooks or {})]
        env = lab.env(ANTHROPIC_API_KEY=KEY, ANTHROPIC_BASE_URL=f"{lab.model.url}/{name}",
                      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1", DISABLE_AUTOUPDATER="1", **env)
        before = set(namespace.processes("claude"))
        self.terminal = Terminal(lab, name, words, env, self.project)
        self.pid = until("Claude Code's process", lambda: set(namespace.processes("claude")) - before).pop()
        self.terminal.shows("❯")
        if ready:
            self._has_tools(server)
        self.idle()

    def _has_tools(self, server):
        """What comes before its server is connected goes to the model without the server's tools.

        The log tells of the connection a moment before the tools are there, and then is quiet.
        """
        until("The bridge in Claude Code's log", lambda: f'Server "{server}" connected' in self.debug.read_text())
        until("The end of Claude Code's start", lambda: time.time() - self.debug.stat().st_mtime > 1)

    def bridge(self):
        """The process id of this session's bridge, or None."""
        # Hooks and the mod's waits are the same program, with words behind its name.
        bridges = [pid for pid in namespace.processes("junction-bridge") if b"\0hook\0" not in namespace.command_line(pid)]
        return next((pid for pid in bridges if namespace.parent(pid) == self.pid), None)

    def status(self):
        """What Claude Code itself says of the session: idle, busy or waiting."""
        file = self.lab.home / ".claude" / "sessions" / f"{self.pid}.json"
        try:
            return json.loads(file.read_text()).get("status")
        except (OSError, ValueError):  # not there yet, or half written
            return None

    def idle(self, seconds=30):
        until(f"{self.name} idle", lambda: self.status() == "idle", seconds)

    def prompt(self, line, seconds=60):
        """Types a prompt and waits for the end of its turn."""
        asked = len(self.actor.turns)
        self.terminal.type(line)
        self.actor.asked(asked + 1, seconds)
        self.actor.at_rest(seconds)
        self.idle(seconds)

    def _servers(self, socket, url):
        without = ["env", "-u", "CLAUDE_CODE_MESSAGING_SOCKET"]
        command = ["junction-bridge"] if socket else [*without, "junction-bridge"]
        where = {"type": "http", "url": url} if url else {"type": "stdio", "command": command[0], "args": command[1:]}
        server = {**where, "alwaysLoad": True}
        return self._file("servers", {"mcpServers": {"junction": server}})

    def _settings(self, hooks):
        return self._file("settings", {"hooks": {event: [{"hooks": ours}] for event, ours in hooks.items()}})

    def _file(self, kind, value):
        file = self.lab.out / f"{kind}-{self.name}.json"
        file.write_text(json.dumps(value, indent=1))
        return file


def answer_first_questions(lab, project):
    """What a person is asked on the first day: the theme, the key, and whether the folder is trusted."""
    file = lab.home / ".claude.json"
    known = json.loads(file.read_text()) if file.exists() else {"projects": {}}
    known |= {"hasCompletedOnboarding": True, "theme": "dark",
              "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []}}
    known["projects"][str(project)] = {"hasTrustDialogAccepted": True}
    file.write_text(json.dumps(known))
