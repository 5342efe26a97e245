"""The model of all sessions of a case: an HTTP server on loopback whose answers are scripts.

Every session has an actor of its own, and its base URL ends in the actor's name. Every request is kept in a file.
"""
import hashlib
import json
import re
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import wires
from script import Act, say
from until import until


class Actor:
    """One session's model."""

    def __init__(self, name, script):
        self.name = name
        self.turns = []
        self.acts = []
        self.broken = None  # why the script went no further
        self._script = script
        self._known = {}
        self._lock = threading.Lock()
        next(script)

    @property
    def prompts(self):
        """The turns that began something: those without a tool's result."""
        return [turn for turn in self.turns if not turn.results]

    def find(self, pattern, since=0):
        """The first turn, of those from number `since` on, that was shown something that matches."""
        return next((turn for turn in self.turns[since:] if re.search(pattern, turn.text)), None)

    def shown(self, pattern, seconds=20, since=0):
        """Waits for such a turn."""
        return until(f"A turn of {self.name} with {pattern!r}", lambda: self.find(pattern, since), seconds)

    def asked(self, times, seconds=20):
        """Waits until the model was asked so often."""
        until(f"Request {times} to {self.name}", lambda: len(self.turns) >= times, seconds)
        return self.turns[times - 1]

    def at_rest(self, seconds=20):
        """Waits until the model's last word ended its turn."""
        until(f"The end of the turn of {self.name}",
              lambda: self.acts and len(self.acts) == len(self.turns) and not self.acts[-1].calls, seconds)

    def quiet(self, seconds, limit=600):
        """Waits until the model was not asked anything for so long."""
        began = time.monotonic()
        last = lambda: self.turns[-1].at if self.turns else began
        until(f"Quiet around {self.name}", lambda: time.monotonic() - last() >= seconds, limit)

    def answer(self, key, turn):
        """The act that answers a request; a request that a client repeats gets the same."""
        with self._lock:
            if key not in self._known:
                self.turns.append(turn)
                self._known[key] = self._act(turn)
                self.acts.append(self._known[key])
            return self._known[key]

    def _act(self, turn):
        try:
            act = self._script.send(turn)
        except StopIteration:
            return say(self.broken or "(end of script)")
        except Exception as error:  # noqa: BLE001: whatever it is, the case fails with it
            self.broken = f"The script of {self.name} failed: {error!r}. It was shown: {turn.text[-300:]}"
            return say(self.broken)
        calls = [(uuid.uuid4().hex[:20], turn.named(tool), arguments) for tool, arguments in act.calls]
        if any(name is None for _, name, _ in calls):
            self.broken = f"{self.name} called {act.calls}, but was offered {turn.tools}."
            self._script.close()
            return say(self.broken)
        return Act(act.text, tuple(calls))


class Model:
    """The server."""

    def __init__(self, out):
        self.out = out
        self.actors = {}
        self.requests = 0  # of any kind, also those that no actor answers
        self._lock = threading.Lock()
        self._count = 0
        out.mkdir()
        handler = type("Bound", (Handler,), {"model": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def actor(self, name, script):
        """A new actor; its base URL is the model's with `/name`."""
        self.actors[name] = Actor(name, script)
        return self.actors[name]

    def answer(self, name, wire, body):
        turn = wire.turn(body)
        if not turn.tools:  # a title or a summary: nothing of the session itself
            return say("ok")
        key = hashlib.sha256(json.dumps([body.get("messages"), body.get("input"), body.get("contents")]).encode())
        act = self.actors[name].answer(key.digest(), turn)
        self.keep(name, {"new": turn.new, "act": [act.text, act.calls], "body": body})
        return act

    def check(self):
        """Fails if a script did."""
        for actor in self.actors.values():
            assert not actor.broken, actor.broken

    def bodies(self, name):
        """The text of every request of an actor's."""
        return "\n".join(file.read_text() for file in sorted(self.out.glob(f"*-{name}.json")))

    def last_body(self, name):
        """The text of an actor's last request."""
        return max(self.out.glob(f"*-{name}.json")).read_text()

    def keep(self, name, what):
        with self._lock:
            self._count += 1
            file = self.out / f"{self._count:04}-{name}.json"
        file.write_text(json.dumps(what, indent=1, ensure_ascii=False))

    def close(self):
        self._server.shutdown()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    model = None

    def do_POST(self):
        path = self.path.partition("?")[0]
        name = path.split("/")[1]
        wire = wires.of(path)
        body = json.loads(self._body() or b"{}")
        self.model.requests += 1
        if wire is None or name not in self.model.actors:
            self.model.keep("other", {"path": self.path, "body": body})
            return self._json({"input_tokens": 9, "totalTokens": 9} if "ount" in path else {"error": path})
        act = self.model.answer(name, wire, body)
        if body.get("stream") or path.endswith(":streamGenerateContent"):
            return self._events(wire.events(act))
        return self._json(wire.message(act))

    def do_GET(self):
        self._json({"data": [], "models": []})

    do_HEAD = do_GET

    def _body(self):
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        return body + self.rfile.readline()

    def _json(self, value):
        self._send("application/json", json.dumps(value).encode())

    def _events(self, events):
        text = ""
        for name, data in events:
            text += f"event: {name}\n" if name else ""
            text += f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n"
        self._send("text/event-stream", text.encode())

    def _send(self, kind, data):
        try:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else data)
        except ConnectionError:
            pass  # the client went away while the model was thinking

    def log_message(self, *_):
        pass
