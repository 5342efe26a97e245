"""The gateway, for clients that are given an address and start no bridge, and what passes on the way there."""
import contextlib
import json
import re
import socket
import subprocess
import threading
import time
from dataclasses import dataclass

from until import until

PORT = 4201
ORIGINAL = "http://127.0.0.1:4200/mcp"  # where clients of the original look


class Gateway:
    """Its process, on its usual port. It may end and be started again."""

    def __init__(self, lab, *arguments):
        self.lab = lab
        self._arguments = arguments
        self._log = open(lab.out / "gateway.txt", "w")
        lab.closes(self)
        self.start()

    def start(self):
        self._process = subprocess.Popen([self.lab.program("junction-bridge"), "gateway", *self._arguments],
                                         env=self.lab.env(), cwd=self.lab.home, stdin=subprocess.DEVNULL, stderr=self._log)
        until("The gateway", self._listens)

    @staticmethod
    def _listens():
        with socket.socket() as it:
            return it.connect_ex(("127.0.0.1", PORT)) == 0

    def kill(self):
        """Ends it without a goodbye."""
        self._process.kill()
        self._process.wait()

    def stop(self):
        """Ends it in order."""
        self._process.terminate()
        assert (status := self._process.wait(20)) == 0, f"The gateway ended with {status}."

    def add(self, name):
        """Adds an agent; returns its address."""
        return self._command("add", name).strip()

    def remove(self, name):
        self._command("remove", name)

    def _command(self, *words):
        done = subprocess.run([self.lab.program("junction-bridge"), "gateway", *words], env=self.lab.env(),
                              cwd=self.lab.home, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def close(self):
        self._process.terminate()
        self._process.wait(5)
        self._log.close()


@dataclass(frozen=True)
class Request:
    """One that a client has sent."""

    at: float
    head: str
    message: dict | None  # that it posts

    @property
    def verb(self):
        return self.head.split()[0]

    @property
    def method(self):
        return self.message and self.message.get("method")

    def header(self, name):
        found = re.search(rf"^{name}: *(.*)$", self.head, re.M | re.I)
        return found and found[1].strip()


class Tap:
    """Stands before the gateway, and keeps what passes."""

    def __init__(self, lab):
        self._file = lab.out / "tap.txt"
        self._streams = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        lab.closes(self)

    def address(self, url):
        """The address that leads to this one, by the tap."""
        return url.replace(f":{PORT}/", f":{self._listener.getsockname()[1]}/")

    def requests(self, method):
        """What has come so far with a message of this method, or with none, in order."""
        every = [one for up, _ in self._streams for one in _requests(up)]
        return sorted((one for one in every if one.method == method), key=lambda one: one.at)

    def close(self):
        """Writes what has passed where the results are, each connection by itself."""
        self._listener.close()
        texts = [b"".join(data for _, data in side).decode() for both in self._streams for side in both]
        self._file.write_text("\n----\n".join(texts))

    def _accept(self):
        with contextlib.suppress(OSError):  # it is closed
            while True:
                client, _ = self._listener.accept()
                gateway = socket.create_connection(("127.0.0.1", PORT))
                up, down = [], []
                self._streams.append((up, down))
                for one in ((client, gateway, up), (gateway, client, down)):
                    threading.Thread(target=_pump, args=one, daemon=True).start()


def _pump(source, target, kept):
    try:
        while data := source.recv(65536):
            kept.append((time.monotonic(), data))
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:  # broken off on one side, and so on the other
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


def _requests(stream):
    """The requests in what a client has sent on one connection."""
    at = stream[0][0] if stream else 0
    rest = b"".join(data for _, data in stream)
    while b"\r\n\r\n" in rest:
        head, _, rest = rest.partition(b"\r\n\r\n")
        one = Request(at, head.decode().replace("\r", ""), None)
        if length := int(one.header("content-length") or 0):
            one, rest = Request(at, one.head, json.loads(rest[:length])), rest[length:]
        yield one
