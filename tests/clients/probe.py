"""In place of the bridge: a server and a hook that note what their client tells of its session, and do nothing else."""
import json
import os
import signal
import sys
import time

from until import until

# The names of variables that may tell a session, and the parts of names whose values open something.
TOLD = ("SESSION", "THREAD")
SECRET = ("KEY", "TOKEN", "SOCKET", "URL")
STUB = """#!/bin/sh
exec {python} -B {program} {notes} "$@"
"""


class Probe:
    """What a case asks the notes. From here on the clients of the lab start the probe in place of the bridge."""

    def __init__(self, lab):
        self._file = lab.out / "notes.jsonl"
        self._file.touch()
        bridge = lab.programs / "junction-bridge"
        bridge.unlink()
        bridge.write_text(STUB.format(python=sys.executable, program=__file__, notes=self._file))
        bridge.chmod(0o755)

    def notes(self, kind=None, **having):
        """The notes of a kind so far, in order, that have these fields."""
        every = [json.loads(line) for line in self._file.read_text().splitlines()]
        return [note for note in every if kind in (None, note["kind"]) and having.items() <= note.items()]

    def note(self, kind, number=1, seconds=30, **having):
        """Waits for a note, and returns it."""
        some = until(f"Note {number} of {kind} {having}", lambda: self._at_least(number, kind, having), seconds)
        return some[number - 1]

    def _at_least(self, number, kind, having):
        some = self.notes(kind, **having)
        return some if len(some) >= number else None


class Notes:
    """The file, as a program writes it: one line each, whole, so that several may write."""

    def __init__(self, file):
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND)

    def add(self, kind, **more):
        note = {"at": round(time.monotonic(), 4), "kind": kind, "pid": os.getpid(), "parent": os.getppid(), **more}
        os.write(self._file, json.dumps(note).encode() + b"\n")


def environment():
    """What the environment tells of sessions."""
    told = {name: value for name, value in os.environ.items() if any(word in name for word in TOLD)}
    return {name: value for name, value in told.items() if not any(word in name for word in SECRET)}


def started():
    """When this process began, on the clock of the notes, to 10 ms."""
    with open("/proc/self/stat") as file:
        ticks = int(file.read().rsplit(")", 1)[1].split()[19])
    return round(ticks / os.sysconf("SC_CLK_TCK") + time.monotonic() - time.clock_gettime(time.CLOCK_BOOTTIME), 2)


def hook(notes):
    event = json.loads(sys.stdin.read())
    notes.add("hook", began=started(), event=event["hook_event_name"], session=event.get("session_id"),
              source=event.get("source"), agent=event.get("agent_id"))


def serve(notes):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: ended_by(number, notes))
    notes.add("start", began=started(), env=environment())
    for line in sys.stdin:
        message = json.loads(line)
        result = answer(message, notes)
        if "id" in message and "method" in message:
            print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **result}), flush=True)
    notes.add("end")


def ended_by(number, notes):
    notes.add("signal", signal=signal.Signals(number).name)
    os._exit(0)


def answer(message, notes):
    params = message.get("params") or {}
    match message.get("method"):
        case "initialize":
            notes.add("initialize", client=params["clientInfo"]["name"], meta=params.get("_meta"))
            server = {"name": "junction", "version": "1"}
            return {"result": {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}},
                               "serverInfo": server}}
        case "tools/list":
            notes.add("list", meta=params.get("_meta"))
            return {"result": {"tools": [tool("note"), tool("hook_event")]}}
        case "tools/call":
            notes.add("call", tool=params["name"], arguments=params.get("arguments"), meta=params.get("_meta"))
            return {"result": {"content": [{"type": "text", "text": '{"noted": true}'}]}}
        case "ping":
            return {"result": {}}
        case method:
            notes.add("other", method=method, meta=params.get("_meta"))
            return {"error": {"code": -32601, "message": "Method not found"}}


def tool(name):
    return {"name": name, "description": "Notes that it was called.", "annotations": {"readOnlyHint": True},
            "inputSchema": {"type": "object", "properties": {"word": {"type": "string"}}}}


if __name__ == "__main__":
    of = Notes(sys.argv[1])
    hook(of) if "hook" in sys.argv[2:] else serve(of)
