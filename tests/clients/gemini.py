"""Gemini CLI: run with one prompt, and in a terminal."""
import json
import time

from once import Run
from terminal import Terminal

EVENTS = ("SessionStart", "BeforeAgent", "AfterTool", "AfterAgent")
FLAGS = ("--model", "stub-model", "--approval-mode", "yolo", "--skip-trust")


class Unhurried(Terminal):
    """One that lets 30 ms pass before Enter: sooner after other keys Gemini CLI takes it for a line's end."""

    def keys(self, *keys):
        time.sleep(0.2)
        super().keys(*keys)


def gemini(lab, name, script, prompt):
    """Starts it; returns the run and the model's actor."""
    actor, env = _set_up(lab, name, script)
    return Run(lab, name, [lab.program("gemini"), *FLAGS, "-p", prompt], env, lab.project(name)), actor


def gemini_terminal(lab, name, script, hooks=False):
    """Opens it in a terminal; returns the terminal and the model's actor."""
    actor, env = _set_up(lab, name, script, hooks)
    terminal = Unhurried(lab, name, [lab.program("gemini"), *FLAGS], env, lab.project(name))
    terminal.shows("Type your message", 60)
    return terminal, actor


def _set_up(lab, name, script, hooks=False):
    hook = {"hooks": [{"type": "command", "command": "junction-bridge hook"}]}
    folder = lab.home / ".gemini"
    folder.mkdir(exist_ok=True)
    (folder / "settings.json").write_text(json.dumps({
        "mcpServers": {"junction": {"command": "junction-bridge", "trust": True}},
        "general": {"enableAutoUpdate": False},
        "privacy": {"usageStatisticsEnabled": False},
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "hooks": {event: [hook] for event in EVENTS} if hooks else {},
    }))
    env = lab.env(GEMINI_API_KEY="dummy", GOOGLE_GEMINI_BASE_URL=f"{lab.model.url}/{name}", GEMINI_CLI_NO_RELAUNCH="1")
    return lab.model.actor(name, script), env
