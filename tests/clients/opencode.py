"""opencode: run with one prompt, and in a terminal with the junction's plugin."""
import json
import pathlib
import subprocess

import namespace
from once import Run
from terminal import Terminal
from until import until

PLUGIN = pathlib.Path(__file__).resolve().parents[2] / "plugin" / "opencode"


def provider(lab, name):
    """The settings that lead to the model."""
    options = {"baseURL": f"{lab.model.url}/{name}/v1", "apiKey": "dummy"}
    return {
        "autoupdate": False, "share": "disabled", "model": "stub/stub-model", "small_model": "stub/stub-model",
        "provider": {"stub": {"npm": "@ai-sdk/openai-compatible", "options": options,
                              "models": {"stub-model": {"tool_call": True}}}},
    }


def environment(lab):
    """Without what would reach for the network."""
    return lab.env(OPENCODE_DISABLE_AUTOUPDATE="1", OPENCODE_DISABLE_MODELS_FETCH="1",
                   OPENCODE_DISABLE_LSP_DOWNLOAD="1")


def opencode(lab, name, script, prompt, by_setup=False, url=None):
    """Starts it; returns the run and the model's actor.

    With `by_setup` its project does not name the bridge. With `url` it starts no bridge, and its server is there.
    """
    actor = lab.model.actor(name, script)
    where = {"type": "remote", "url": url} if url else {"type": "local", "command": ["junction-bridge"]}
    settings = provider(lab, name) | ({} if by_setup else {"mcp": {"junction": {**where, "enabled": True}}})
    (lab.project(name) / "opencode.json").write_text(json.dumps(settings))
    command = [lab.program("opencode"), "run", "--print-logs", prompt]
    return Run(lab, name, command, environment(lab), lab.project(name)), actor


class Opencode:
    """opencode in a terminal, as a person uses it. What it knows of the junction, it knows from the plugin."""

    def __init__(self, lab, name, script):
        self.name = name
        self.actor = lab.model.actor(name, script)
        project = lab.project(name)
        (project / "opencode.json").write_text(json.dumps(provider(lab, name)))
        before = set(namespace.processes("opencode"))
        self.terminal = Terminal(lab, name, [lab.program("opencode")], environment(lab), project)
        self.pid = until("opencode's process", lambda: set(namespace.processes("opencode")) - before).pop()
        self.terminal.shows("Ask anything", 60)

    def prompt(self, line, seconds=60):
        """Types a prompt and waits for the end of its turn."""
        asked = len(self.actor.turns)
        self.terminal.type(line)
        self.actor.asked(asked + 1, seconds)
        self.actor.at_rest(seconds)

    def waits(self):
        """The ids of the processes that wait for a notice."""
        waits = [pid for pid in namespace.processes("junction-bridge") if b"--wait" in namespace.command_line(pid)]
        return [pid for pid in waits if namespace.parent(pid) == self.pid]


def install(lab):
    has_started_before(lab)
    ran = subprocess.run([lab.program("opencode"), "plugin", "--global", str(PLUGIN)], env=environment(lab),
                         cwd=lab.home, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    (lab.out / "commands.txt").write_text(ran.stdout + ran.stderr)
    assert ran.returncode == 0, f"opencode plugin ended with {ran.returncode}: {ran.stdout}{ran.stderr}"


def has_started_before(lab):
    """The package that opencode fetches for plugins on its first start. Without a network that takes it minutes."""
    folder = lab.home / ".config" / "opencode"
    (folder / "node_modules").mkdir(parents=True)
    needed = {"dependencies": {"@opencode-ai/plugin": "1.18.33"}}
    (folder / "package.json").write_text(json.dumps(needed))
    (folder / "package-lock.json").write_text(json.dumps({"packages": {"": needed}}))
