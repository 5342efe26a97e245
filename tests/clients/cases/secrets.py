"""A key goes from one project's `.env` into another's, past every model."""
import os
import subprocess

import namespace
from claude import Claude
from codex import Codex
from script import call, say
from until import until

# Unlike anything that a client, a model or the system would write.
KEY = "canary" + "Q7xK2mZp9Rw4Lt8v" * 2
HALF = KEY[: len(KEY) // 2].encode()
BEFORE = "# the worker's own\nPORT=8080\n"


def _gives(to):
    """Hands over the key, and waits until it is saved."""
    yield
    turn = yield call("list_peers")
    assert any(peer["alias"] == to for peer in turn.result["peers"]), f"Nobody is {to}."
    sent = yield call("send_message", target_alias=to, message="Here is R2_KEY. Save it into .env as R2_KEY.",
                      attachments=[{"path": ".env", "key": "R2_KEY"}])
    assert sent.result["attachments"][0]["name"] == "R2_KEY", f"The answer is {sent.result}."
    while True:
        turn = yield call("read_messages", wait_seconds=5)
        if any(receipt["status"] == "saved" for receipt in turn.result["receipts"]):
            break
    yield say("It has the key.")


def _takes():
    """Waits for the key, and saves it."""
    yield
    yield call("register", alias="worker")
    turn = yield call("read_messages", wait_seconds=60)
    message = turn.result["messages"][0]
    assert [a["kind"] for a in message["attachments"]] == ["value"], f"The message is {message}."
    saved = yield call("save_attachment", message_id=message["id"], attachment_id=message["attachments"][0]["id"],
                       path=".env", key="R2_KEY")
    assert saved.result["path"].endswith("/.env"), f"The answer is {saved.result}."
    yield say("Saved.")


def _allow(lab, entry):
    subprocess.run([lab.program("junction-bridge"), "allow", entry], env=lab.env(), check=True, capture_output=True)


def _projects(lab, giver, taker):
    """The two projects, each with what its user allows."""
    gives, takes = lab.project(giver), lab.project(taker)
    (gives / ".env").write_text(f"R2_BUCKET=uploads\nR2_KEY={KEY}\n")
    (takes / ".env").write_text(BEFORE)
    for folder in (gives, takes):
        _allow(lab, f"{folder}/.env#R2_KEY")
    return gives / ".env", takes / ".env"


def _is_nowhere_else(lab, *files):
    """The key is in these files alone: no transcript, request, log, core, and in the memory of no bridge or hub."""
    for folder, _, names in os.walk(lab.out):
        for path in (os.path.join(folder, name) for name in names):
            if os.path.isfile(path) and not os.path.islink(path) and path not in map(str, files):
                with open(path, "rb") as file:
                    assert HALF not in file.read(), f"The key is in {path}."
    for program in ("junction-bridge", "junction-hub"):
        pids = namespace.processes(program)
        assert pids, f"There is no {program}."
        for pid in pids:
            until(f"the key's end in {program}", lambda pid=pid: HALF not in _memory(pid), 10)


def _memory(pid):
    """All that the process can write to."""
    parts = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            span, rights, *_ = line.split()
            if "w" not in rights:
                continue
            start, end = (int(word, 16) for word in span.split("-"))
            try:
                memory.seek(start)
                parts.append(memory.read(end - start))
            except (OSError, ValueError):
                pass
    return b"".join(parts)


def _handed_over(lab, source, target):
    until("the key in its file", lambda: KEY in target.read_text(), 90)
    assert target.read_text() == f"{BEFORE}R2_KEY={KEY}\n", f"The file is {target.read_text()!r}."


def secret_from_claude_to_claude(lab):
    """Two Claude Codes hand over a key: it is in the second project's `.env`, and in no transcript, request, log or memory."""
    source, target = _projects(lab, "alice", "bella")
    bella = Claude(lab, "bella", _takes())
    bella.terminal.type("Register as worker and wait for a key.")
    bella.actor.asked(2)
    alice = Claude(lab, "alice", _gives("worker"))
    alice.prompt("Give the R2 key to worker.", 120)
    _handed_over(lab, source, target)
    _is_nowhere_else(lab, source, target)


def secret_from_codex_to_claude(lab):
    """Codex hands a key to Claude Code: it is in the second project's `.env`, and in no transcript, request, log or memory."""
    source, target = _projects(lab, "cody", "bella")
    bella = Claude(lab, "bella", _takes())
    bella.terminal.type("Register as worker and wait for a key.")
    bella.actor.asked(2)
    run = Codex(lab, "cody", _gives("worker")).execute("Give the R2 key to worker.")
    _handed_over(lab, source, target)
    run.ended()
    _is_nowhere_else(lab, source, target)
