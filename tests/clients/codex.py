"""Codex: in a terminal, and as `codex exec`."""
import json
import re

from once import Run
from terminal import Terminal
from until import until

EVENTS = ("SessionStart", "UserPromptSubmit", "PostToolUse", "Stop")
OWN_FIELDS = {"UserPromptSubmit": ["prompt"], "Stop": ["stop_hook_active"]}


def _command_hook(_):
    return {"type": "command", "command": "junction-bridge hook"}


def _tool_hook(event):
    # Where a field is named that the event does not have, Codex makes no call and says nothing of it.
    fields = ["hook_event_name", "session_id", *OWN_FIELDS.get(event, [])]
    return {"type": "mcp_tool", "server": "junction", "tool": "hook_event",
            "input": {field: f"${{{field}}}" for field in fields}}


class Codex:
    """What both have: a configuration and an actor. Hooks run a program, or `by_tool` call the bridge's own tool.

    With `hooks="untrusted"` its person does not trust them when Codex asks.

    With `by_setup` it knows of the junction what `setup` adds to its configuration, before or after. With `url` it
    starts no bridge, and its server is there.
    """

    def __init__(self, lab, name, script, hooks=False, by_tool=False, by_setup=False, url=None):
        self.lab = lab
        self.hooks = hooks
        self.name = name
        self.project = lab.project(name)
        self.actor = lab.model.actor(name, script)
        self.env = lab.env(STUB_KEY="dummy")
        folder = lab.home / ".codex"
        folder.mkdir(exist_ok=True)
        config = folder / "config.toml"
        if by_setup and config.exists():
            config.write_text(self._moved(config.read_text()))
        else:
            config.write_text(self._config(url, with_server=not by_setup))
        if hooks and not by_setup:
            hook = _tool_hook if by_tool else _command_hook
            ours = {event: [{"hooks": [hook(event)]}] for event in EVENTS}
            (folder / "hooks.json").write_text(json.dumps({"hooks": ours}, indent=1))

    def _moved(self, text):
        """A configuration that is there, for this session's actor and folder."""
        base = f'base_url = {json.dumps(f"{self.lab.model.url}/{self.name}/v1")}'
        return self._trust() + re.sub(r"^base_url = .*$", base, text, flags=re.M)

    def _trust(self):
        return f'projects.{json.dumps(str(self.project))}.trust_level = "trusted"\n'

    def _config(self, url, with_server):
        quote = json.dumps
        text = f"""
            model = "stub-model"
            model_provider = "stub"
            check_for_update_on_startup = false
            analytics.enabled = false
            feedback.enabled = false
            {self._trust().strip()}
            [model_providers.stub]
            name = "stub"
            base_url = {quote(f"{self.lab.model.url}/{self.name}/v1")}
            wire_api = "responses"
            env_key = "STUB_KEY"
        """
        if with_server:
            text = 'approval_policy = "never"\nsandbox_mode = "danger-full-access"\n' + text + f"""
                [mcp_servers.junction]
                {f'url = {quote(url)}' if url else 'command = "junction-bridge"'}
            """
        return "\n".join(line.strip() for line in text.splitlines()).strip() + "\n"

    def terminal(self, *flags):
        """Opens it in a terminal. By default it starts a daemon, which has the bridge and runs the turns.

        Hooks are trusted as a person does it: with the flag for that there would be no daemon.
        """
        terminal = Terminal(self.lab, self.name, [self.lab.program("codex"), *flags], self.env, self.project)
        if self.hooks:
            terminal.shows("Hooks need review")
            # A dialog takes no key in the moment that it appears.
            if self.hooks == "untrusted":
                until("The answer", lambda: "Hooks need" not in terminal.screen() or terminal.keys("3"))
            else:
                until("The choice", lambda: "› 2. Trust all" in terminal.screen() or terminal.keys("2"))
                terminal.keys("Enter")
        terminal.shows(r"› [^\d]")
        return terminal

    def execute(self, prompt):
        """Starts `codex exec`; hooks that nobody has trusted run by the flag. The prompt may be longer than an argument."""
        file = self.lab.out / f"prompt-{self.name}.txt"
        file.write_text(prompt)
        command = [self.lab.program("codex"), "exec", "--json", "--skip-git-repo-check",
                   "--dangerously-bypass-hook-trust", "-"]
        return Run(self.lab, self.name, command, self.env, self.project, file)
