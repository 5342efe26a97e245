"""The packages of Codex, Gemini CLI and opencode, installed by each client's own command from a copy of this repository."""
import json
import pathlib
import shutil
import subprocess

from codex import Codex
from gemini import set_up as gemini_first_run
from gemini import gemini_terminal
from newcomer import asks, heard, waits
from opencode import Opencode
from opencode import install as install_opencode
from peer import Peer
from script import NOTICE, answers
from until import until

ROOT = pathlib.Path(__file__).resolve().parents[3]


def _repository(lab):
    repository = lab.out / "repository"
    for folder in (".agents", "plugin"):
        shutil.copytree(ROOT / folder, repository / folder)
    return repository


def _run(lab, env, *words, answer="", folder=None):
    """Runs a command of a client's, in a folder or the home."""
    ran = subprocess.run([lab.program(words[0]), *map(str, words[1:])], env=env, cwd=folder or lab.home, input=answer,
                         capture_output=True, text=True, timeout=120)
    with open(lab.out / "commands.txt", "a") as log:
        log.write(f"$ {' '.join(map(str, words))}\n{ran.stdout}{ran.stderr}")
    assert ran.returncode == 0, f"{words} ended with {ran.returncode}: {ran.stdout}{ran.stderr}"


def _install_codex(lab, package="codex"):
    Codex(lab, "first", answers(), by_setup=True)
    env = lab.env(STUB_KEY="dummy")
    repository = _repository(lab)
    marketplace = repository / ".agents" / "plugins" / "marketplace.json"
    marketplace.write_text(marketplace.read_text().replace("./plugin/codex", f"./plugin/{package}"))
    _run(lab, env, "codex", "plugin", "marketplace", "add", ".", folder=repository)
    _run(lab, env, "codex", "plugin", "add", "junction@agent-junction")


def _install_gemini(lab):
    _, env = gemini_first_run(lab, "first", answers(), by_setup=True)
    _run(lab, env, "gemini", "extensions", "install", "--consent", "--skip-settings", "plugin/gemini", answer="y\n",
         folder=_repository(lab))
    return env


def package_codex_talks(lab):
    """Two Codexes with the plugin, installed by Codex's own commands, talk; the one that answers is woken."""
    _install_codex(lab)
    bella = Codex(lab, "bella", answers(), hooks=True, by_setup=True)
    bella.terminal().type("You are on the junction.")
    bella.actor.asked(2, 60)
    bella.actor.at_rest()
    alice = Codex(lab, "alice", asks(), by_setup=True)
    alice.terminal().type("Ask the other session which port it uses.")
    heard(lab, "alice")
    lab.figure("tools", str([tool for tool in bella.actor.turns[0].tools if "junction" in tool][:2]))


def package_codex_with_hooks_untrusted(lab):
    """A Codex whose person does not trust the package's hooks talks; once it has called a tool, its queue wakes it."""
    _install_codex(lab)
    bob = Peer(lab, "bob")
    bella = Codex(lab, "bella", answers(), hooks="untrusted", by_setup=True)
    terminal = bella.terminal()
    peer = bob.other()
    lab.figure("before a call", str((peer["reach"], bob.send(peer["alias"], "Before.")["peer"].get("reach_why"))))
    terminal.type("You are on the junction.")
    bella.actor.shown("Before.", 60)
    bella.actor.at_rest()
    assert bob.read()[0]["message"] == "answer to: Before."
    for word in ("first", "second"):
        sent = bob.send(bob.other(lambda peer: peer["reach"] == "push")["alias"], word)
        turn = bella.actor.shown(NOTICE, since=len(bella.actor.turns))
        assert bob.end(sent["id"])[0] == "read", "The message was not read."
        assert bob.read()[0]["reply_to"] == sent["id"], "The answer answers another message."
        lab.figure(f"{word} asked s", turn.at - sent["at"])


def package_portable_talks_in_codex(lab):
    """Two Codexes with the portable package talk, without a question: it has no hooks, and the queue wakes the one asked."""
    _install_codex(lab, "portable")
    bella = Codex(lab, "bella", answers(), by_setup=True)
    bella.terminal().type("You are on the junction.")
    bella.actor.asked(2, 60)
    bella.actor.at_rest()
    assert "junction:use-junction" in lab.model.bodies("bella"), "It has no skills."
    alice = Codex(lab, "alice", asks(), by_setup=True)
    alice.terminal().type("Ask the other session which port it uses.")
    heard(lab, "alice")


def package_codex_removed(lab):
    """After the plugin and the marketplace are removed, Codex's configuration and plugins have nothing of the junction."""
    _install_codex(lab)
    env = lab.env(STUB_KEY="dummy")
    _run(lab, env, "codex", "plugin", "remove", "junction@agent-junction")
    _run(lab, env, "codex", "plugin", "marketplace", "remove", "agent-junction")
    config = (lab.home / ".codex" / "config.toml").read_text()
    assert "junction" not in config.replace(str(lab.out), ""), f"Left: {config}"
    left = [str(file) for file in (lab.home / ".codex" / "plugins").rglob("SKILL.md")]
    assert not left, f"Skills are left: {left}"


def package_gemini_talks(lab):
    """Two Gemini CLIs with the extension talk, once a person has allowed its tools in each; one of them waits.

    An extension cannot allow its own tools.
    """
    _install_gemini(lab)
    for name, script, prompt in (("bella", waits(), "Wait for messages."),
                                 ("alice", asks(), "Ask the other session which port it uses.")):
        terminal, _ = gemini_terminal(lab, name, script, by_setup=True)
        terminal.shows(r"1 MCP server", 60)
        terminal.type(prompt)
        terminal.shows("3. Allow all server tools for this session", 60)
        terminal.keys("3")
        until("The answer to the dialog", lambda: "Action Required" not in terminal.screen(), 30)
    heard(lab, "alice")


def package_gemini_removed(lab):
    """After `gemini extensions uninstall`, nothing of the junction is left."""
    env = _install_gemini(lab)
    _run(lab, env, "gemini", "extensions", "uninstall", "junction")
    folder = lab.home / ".gemini" / "extensions" / "junction"
    assert not folder.exists(), f"{folder} is left."
    settings = (lab.home / ".gemini" / "settings.json").read_text()
    assert "junction" not in settings.replace(str(lab.out), ""), f"Left: {settings}"


def package_opencode_talks(lab):
    """Two opencodes with the plugin, installed by its own command, talk; the one that answers is woken."""
    install_opencode(lab)
    bella = Opencode(lab, "bella", answers())
    bella.prompt("You are on the junction.")
    until("The wait", bella.waits)
    alice = Opencode(lab, "alice", asks())
    alice.terminal.type("Ask the other session which port it uses.")
    heard(lab, "alice")
    assert any("The junction plugin sent" in turn.text for turn in bella.actor.turns), "Nothing woke bella."
