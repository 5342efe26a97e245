"""Gemini CLI: run with one prompt, and in a terminal."""
import json
import time

from once import Run
from terminal import Terminal

EVENTS = ("SessionStart", "BeforeAgent", "AfterTool", "AfterAgent")
FLAGS = ("--model", "stub-model", "--skip-trust")
NO_QUESTIONS = ("--approval-mode", "yolo")


class Unhurried(Terminal):
    """One that lets 30 ms pass before Enter: sooner after other keys Gemini CLI takes it for a line's end."""

    def keys(self, *keys):
        time.sleep(0.2)
        super().keys(*keys)


def gemini(lab, name, script, prompt, url=None):
    """Starts it; returns the run and the model's actor. With `url` it starts no bridge, and its server is there."""
    actor, env = set_up(lab, name, script, url=url)
    command = [lab.program("gemini"), *FLAGS, *NO_QUESTIONS, "-p", prompt]
    return Run(lab, name, command, env, lab.project(name)), actor


def gemini_terminal(lab, name, script, hooks=False, by_setup=False, folder=None, more=(), url=None):
    """Opens it in a terminal, in the folder of its name or another; returns the terminal and the model's actor.

    With `by_setup` it knows of the junction what `setup` adds to its settings, before or after, and asks what it asks.
    """
    actor, env = set_up(lab, name, script, hooks, by_setup, url)
    flags = FLAGS if by_setup else (*FLAGS, *NO_QUESTIONS)
    terminal = Unhurried(lab, name, [lab.program("gemini"), *flags, *more], env, lab.project(folder or name))
    terminal.shows("Type your message", 60)
    return terminal, actor


def set_up(lab, name, script, hooks=False, by_setup=False, url=None):
    """Writes its settings; returns the model's actor and the environment to start it in."""
    folder = lab.home / ".gemini"
    folder.mkdir(exist_ok=True)
    file = folder / "settings.json"
    settings = json.loads(file.read_text()) if by_setup and file.exists() else {}
    settings |= {"general": {"enableAutoUpdate": False}, "privacy": {"usageStatisticsEnabled": False},
                 "security": {"auth": {"selectedType": "gemini-api-key"}}}
    if not by_setup:
        hook = {"hooks": [{"type": "command", "command": "junction-bridge hook"}]}
        server = {"httpUrl": url} if url else {"command": "junction-bridge"}
        settings |= {"mcpServers": {"junction": {**server, "trust": True}},
                     "hooks": {event: [hook] for event in EVENTS} if hooks else {}}
    file.write_text(json.dumps(settings))
    env = lab.env(GEMINI_API_KEY="dummy", GOOGLE_GEMINI_BASE_URL=f"{lab.model.url}/{name}", GEMINI_CLI_NO_RELAUNCH="1")
    return lab.model.actor(name, script), env
