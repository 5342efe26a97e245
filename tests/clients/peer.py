"""The other side of most cases: a bridge that nobody's client started, and whose tools the case itself calls."""
import json
import subprocess
import time

from until import until


class Refused(Exception):
    """A tool answered with an error."""


class Peer:
    """A session without a model."""

    def __init__(self, lab, alias, **env):
        self.alias = alias
        self.ends = {}  # of messages sent, by id: each is told once, with whatever read comes first
        self.told = []  # what notify_when asked for
        self._mail = []
        self._ids = 0
        self._log = open(lab.out / f"peer-{alias}.jsonl", "w")
        self._bridge = subprocess.Popen([lab.program("junction-bridge")], env=lab.env(**env), cwd=lab.project(alias),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log)
        lab.closes(self)
        info = {"name": "peer", "version": "1"}
        self._ask("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=info)
        self._write({"method": "notifications/initialized"})
        self.call("register", alias=alias)

    def call(self, tool, **arguments):
        """Calls a tool and returns its result."""
        result = self._ask("tools/call", name=tool, arguments=arguments)
        if result.get("isError"):
            raise Refused(result["content"][0]["text"])
        return result["structuredContent"]

    def send(self, to, message, **more):
        """Sends a message; the result has `at`, the time just before."""
        at = time.monotonic()
        return self.call("send_message", target_alias=to, message=message, **more) | {"at": at}

    def read(self, wait=20):
        """The next messages: at least one, or none came in time."""
        if not self._mail:
            self._take(wait)
        mail, self._mail = self._mail, []
        return mail

    def end(self, id, seconds=30):
        """Waits for the end of a message sent: its status, and when it was known here."""
        return until("The end of the message", lambda: self.ends.get(id) or self._take(0), seconds)

    def notified(self, seconds=30):
        """Waits for the first notification."""
        return until("The notification", lambda: self.told or self._take(0), seconds)[0]

    def _take(self, wait):
        result = self.call("read_messages", wait_seconds=wait)
        now = time.monotonic()
        ended = [one for one in result["receipts"] if "reach_why" not in one]
        self.ends |= {one["id"]: (one["status"], now) for one in ended}
        self.told += result.get("notifications", [])
        self._mail += result["messages"]

    def others(self):
        """The other sessions, by alias."""
        return {peer["alias"]: peer for peer in self.call("list_peers")["peers"]}

    def other(self, ready=lambda peer: True, seconds=30):
        """Waits for the one other session (to be as `ready` has it), and returns it."""
        return until("The other session", lambda: next(filter(ready, self.others().values()), None), seconds)

    def close(self):
        self._bridge.stdin.close()
        self._bridge.wait(5)

    def _ask(self, method, **params):
        self._ids += 1
        self._write({"id": self._ids, "method": method, "params": params})
        for line in self._bridge.stdout:
            self._log.write(line.decode())
            answer = json.loads(line)
            if answer.get("id") == self._ids and "method" not in answer:
                return answer["result"]
        raise Refused("The peer's bridge ended. See its file in the results.")

    def _write(self, message):
        self._bridge.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self._bridge.stdin.flush()
