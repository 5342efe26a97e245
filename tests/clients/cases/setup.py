"""From an empty home to a conversation, by `setup` alone."""
import re

import namespace
from newcomer import DIALOG, Newcomer, heard
from script import say
from until import until

# What names the junction in a client's settings; trust in a hook is kept by the hook's place, and here all hooks are ours.
OURS = rb"junction|trusted_hash"
SETTINGS = (".claude.json", "settings.json", "config.toml", "hooks.json", "opencode.json", "opencode.jsonc")


def _talk(lab, asker, answerer, limit=None):
    user = Newcomer(lab, asker, answerer)
    user.setup()
    windows = [user.answerer(answerer, "bella"), user.asker(asker, "alice")]
    heard(lab, "alice")
    for window in filter(None, windows):
        assert not re.search(DIALOG, window.screen()), f"A dialog: {window.screen()}"
    lab.figure("actions", len(user.actions))
    (lab.out / "actions.txt").write_text("\n".join(user.actions) + "\n")
    assert limit is None or len(user.actions) <= limit, f"It took {len(user.actions)} actions: {user.actions}."
    return user


def setup_claude_and_claude(lab):
    """After install and `setup`, two Claude Codes talk with two windows and one prompt: five actions, no dialog."""
    _talk(lab, "claude", "claude", limit=5)


def setup_codex_and_codex(lab):
    """Two Codexes talk after eight actions: two keys review the hooks, and each window has its prompt."""
    _talk(lab, "codex", "codex", limit=8)


def setup_gemini_and_gemini(lab):
    """Two Gemini CLIs talk, without a dialog for a tool."""
    _talk(lab, "gemini", "gemini")


def setup_opencode_and_opencode(lab):
    """Two opencodes talk."""
    _talk(lab, "opencode", "opencode")


def setup_claude_and_codex(lab):
    """Claude Code asks Codex, whose hooks were reviewed once."""
    _talk(lab, "claude", "codex")


def setup_codex_and_claude(lab):
    """Codex asks an idle Claude Code, which is woken."""
    _talk(lab, "codex", "claude")


def setup_claude_and_gemini(lab):
    """Claude Code asks a Gemini CLI that waits."""
    _talk(lab, "claude", "gemini")


def setup_gemini_and_claude(lab):
    """Gemini CLI asks an idle Claude Code, which is woken."""
    _talk(lab, "gemini", "claude")


def setup_claude_and_opencode(lab):
    """Claude Code asks an opencode that waits."""
    _talk(lab, "claude", "opencode")


def setup_opencode_and_claude(lab):
    """opencode asks an idle Claude Code, which is woken."""
    _talk(lab, "opencode", "claude")


def setup_codex_and_gemini(lab):
    """Codex asks a Gemini CLI that waits."""
    _talk(lab, "codex", "gemini")


def setup_codex_and_opencode(lab):
    """Codex asks an opencode that waits."""
    _talk(lab, "codex", "opencode")


def setup_gemini_and_opencode(lab):
    """Gemini CLI asks an opencode that waits."""
    _talk(lab, "gemini", "opencode")


def _knows_nothing_after_removal(lab, client):
    user = Newcomer(lab, client)
    before = _files(lab)
    user.setup()
    assert _files(lab) != before, "Nothing was set up."
    user.remove()
    after = _files(lab)
    changed = sorted(str(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    assert not changed, f"Left behind or changed: {changed}"

    # Once more, and this time the client runs in between and writes to its own files.
    user.setup()
    window = user.open(client, "alice", _tools(), "Hello.")
    assert _said(lab, "alice") != "[]", "The client has no tool of the junction."
    if window:
        window.close()
    until("The bridge's end", lambda: not namespace.processes("junction-bridge"), 90)
    # At its end Claude Code writes its settings once more, as it knew them. Codex's daemon lives on.
    until("The client's end", lambda: client == "codex" or not namespace.processes(client), 90)
    user.remove()
    left = sorted(str(path) for path, text in _files(lab).items() if path.name in SETTINGS and re.search(OURS, text))
    assert not left, f"Something of the junction is left in {left}"
    user.open(client, "carol", _tools(), "Hello.")
    assert _said(lab, "carol") == "[]", f"Tools are left: {_said(lab, 'carol')}"
    assert not namespace.processes("junction-bridge"), "A bridge runs."


def _tools():
    turn = yield
    yield say(f"{[tool for tool in turn.tools if 'junction' in tool]}")


def _said(lab, name):
    """The first answer of this session's model: the tools of the junction that it has."""
    actor = lab.model.actors[name]
    until("The model's word", lambda: actor.acts, 60)
    return actor.acts[0].text


def _files(lab):
    return {path: path.read_bytes() for path in lab.home.rglob("*") if path.is_file()}


def setup_removed_claude_knows_nothing(lab):
    """After `setup --remove`, all files are as they were; and if Claude Code ran before it, a new one has nothing left."""
    _knows_nothing_after_removal(lab, "claude")


def setup_removed_codex_knows_nothing(lab):
    """The same with Codex."""
    _knows_nothing_after_removal(lab, "codex")


def setup_removed_gemini_knows_nothing(lab):
    """The same with Gemini CLI."""
    _knows_nothing_after_removal(lab, "gemini")


def setup_removed_opencode_knows_nothing(lab):
    """The same with opencode."""
    _knows_nothing_after_removal(lab, "opencode")
