"""What happens to Claude Code's plugin while sessions run: it is updated, loaded again, installed beside a settings' server,
and its sessions are cleared and resumed."""
import json
import subprocess

from claude import answer_first_questions
from peer import Peer
from plugins import RULE, add_settings, has_the_mod_alone, install, opened, plugin, repository, waits, wakes
from script import answers, call, say
from until import until


def claude_plugin_validates_strictly(lab):
    """`claude plugin validate --strict` has nothing to say against the plugin and the marketplace."""
    for folder in (repository(lab), repository(lab) / "plugin" / "claude"):
        plugin(lab, "validate", "--strict", folder)


def claude_plugin_after_clear(lab):
    """After `/clear` one process waits as before, and the session that was cleared is woken."""
    install(lab)
    bob = Peer(lab, "bob")
    alice = opened(lab, "alice", answers())
    has_the_mod_alone(lab, alice)
    wakes(lab, bob, alice, "first")
    alice.terminal.type("/clear")
    alice.idle()
    _one_waits(alice)
    wakes(lab, bob, alice, "second")
    _one_waits(alice)


def claude_plugin_after_continue(lab):
    """A session that is taken up with `--continue` or `--resume` is woken, and one process waits in it."""
    install(lab)
    bob = Peer(lab, "bob")
    alice = opened(lab, "alice", answers())
    wakes(lab, bob, alice, "first")
    for word in ("--continue", "--resume"):
        alice.terminal.close()
        until("The end of its programs", lambda: not waits(alice) and len(bob.others()) == 0)
        which = [_session_id(alice)] if word == "--resume" else []
        alice = opened(lab, f"alice{word}", answers(), folder="alice", more=[word, *which])
        _one_waits(alice)
        wakes(lab, bob, alice, word[2:])
        _one_waits(alice)


def _session_id(session):
    """The newest transcript's name."""
    files = (session.lab.home / ".claude" / "projects").rglob("*.jsonl")
    return max(files, key=lambda file: file.stat().st_mtime).stem


def claude_plugin_reloaded(lab):
    """After `/reload-plugins` one process waits, and a message wakes the session once."""
    install(lab)
    bob = Peer(lab, "bob")
    alice = opened(lab, "alice", answers())
    wakes(lab, bob, alice, "first")
    alice.terminal.type("/reload-plugins")
    alice.terminal.shows("Reloaded|reloaded")
    alice.idle()
    _one_waits(alice)
    wakes(lab, bob, alice, "second")
    _one_waits(alice)
    _told_once_each(alice, 2)


def claude_plugin_updated_while_sessions_run(lab):
    """A session that runs during an update goes on as it is, and is woken; a new one, and one that reloads, take the new.

    The update is by `claude plugin marketplace update` and `claude plugin update`, the reload by `/reload-plugins`.
    """
    install(lab)
    bob = Peer(lab, "bob")
    alice = opened(lab, "alice", answers())
    wakes(lab, bob, alice, "first")
    _new_version(lab, "9.9.9")
    plugin(lab, "marketplace", "update", "agent-junction")
    plugin(lab, "update", "junction@agent-junction")
    wakes(lab, bob, alice, "second")
    _one_waits(alice)
    assert not _is_new(alice), "The session has changed by itself."
    alice.terminal.type("/reload-plugins")
    alice.terminal.shows("Reloaded|reloaded")
    alice.idle()
    _one_waits(alice)
    wakes(lab, bob, alice, "third")
    _one_waits(alice)
    _told_once_each(alice, 3)
    assert _is_new(alice), "The reload left the old plugin in place."
    alice.terminal.close()
    until("The end of its programs", lambda: not waits(alice) and len(bob.others()) == 0)
    bella = opened(lab, "bella", answers())
    wakes(lab, bob, bella, "fourth")
    assert _is_new(bella), "A new session has the old plugin."


def _new_version(lab, version):
    """The next version of the plugin, whose waits can be told from those of the one before."""
    folder = repository(lab) / "plugin" / "claude"
    manifest = folder / ".claude-plugin" / "plugin.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"version": version}))
    mod = folder / "hooks" / "register.js"
    old = "['junction-bridge', 'hook', '--wait', ...outcome]"
    assert old in mod.read_text(), "The mod starts its wait in another way than this case knows."
    mod.write_text(mod.read_text().replace(old, f"['env', 'PLUGIN={version}', {old[1:]}"))


def _is_new(session):
    """Whether the process that waits is the new plugin's."""
    wait = _one_waits(session)
    with open(f"/proc/{wait}/environ", "rb") as file:
        return b"PLUGIN=9.9.9" in file.read()


def _one_waits(session):
    """Checks that in a moment one process waits and no other follows, and returns it."""
    until(f"The wait of {session.name}", lambda: waits(session))
    seen = []

    def steady():
        seen.append(waits(session))
        return len(seen) >= 20 and all(len(one) == 1 for one in seen[-20:]) and seen[-20] == seen[-1]

    until("One wait", steady)
    return seen[-1][0]


def _told_once_each(session, count):
    notices = [notice for turn in session.actor.turns for notice in turn.notices]
    assert len(notices) == count, f"There were other notices than one a message: {notices}"


def claude_plugin_beside_settings(lab):
    """With a settings' server beside the plugin's, a session is two peers, each woken for its own mail and told once.

    Every tool is there twice. What the model reads with the one server's tools never counts as read for the other's peer.
    """
    answer_first_questions(lab, lab.project("first"))
    subprocess.run([lab.program("junction-bridge"), "setup", "claude"], env=lab.env(), cwd=lab.home, check=True,
                   capture_output=True)
    install(lab, inbox=True)
    add_settings(lab, permissions={"allow": [RULE, "mcp__junction"]})
    servers = ["mcp__junction__", "mcp__plugin_junction_junction__"]
    reads_with = [*servers]

    def reads():
        turn = yield
        twice = [f"{server}read_messages" in turn.tools for server in servers]
        assert all(twice), f"Some tools are missing: {turn.tools}"
        while True:
            for server in list(reads_with):
                turn = yield call(f"{server}read_messages")
            yield say("Read.")

    bob = Peer(lab, "bob")
    alice = opened(lab, "alice", reads())
    until("Two peers", lambda: [peer["reach"] for peer in bob.others().values()] == ["push", "push"])
    peers = list(bob.others())
    for alias in [*peers, *peers]:
        since = len(alice.actor.turns)
        sent = bob.send(alias, f"To {alias}.")
        assert bob.end(sent["id"])[0] == "read", "The message was not read."
        alice.actor.at_rest()
        alice.idle()
        told = [notice for turn in alice.actor.turns[since:] for notice in turn.notices]
        assert len(told) == 1, f"It was told {len(told)} times."
        assert len(waits(alice)) <= 1, "More than one process waits."
    reads_with.pop()
    sent = {alias: bob.send(alias, "To one of you.", urgency="high")["id"] for alias in peers}
    until("The read", lambda: len(bob.ends) == 5 or bob.read(0))
    alice.actor.quiet(10)
    bob.read(0)
    read = [alias for alias, id in sent.items() if id in bob.ends]
    assert len(read) == 1, f"Read by one server, and counted for {read}."

