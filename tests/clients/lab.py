"""One case's world: a user with a home, a model, and everything that the case starts."""
import os
import pathlib
import shutil
import sys
import tempfile

from model import Model

CLIENTS = pathlib.Path(os.environ.get("JUNCTION_CLIENTS", "~/.cache/junction-clients")).expanduser()
PROGRAMS = {
    "claude": "npm-claude-latest/node_modules/@anthropic-ai/claude-code-linux-*/claude",
    "codex": "npm-codex/node_modules/@openai/codex-linux-*/vendor/*/bin/codex",
    "gemini": "npm-gemini/node_modules/.bin/gemini",
    "rg": "npm-codex/node_modules/@openai/codex-linux-*/vendor/*/codex-path/rg",  # opencode would fetch one
    "opencode": "npm-opencode/node_modules/opencode-linux-*/bin/opencode",
}
# In place of the bridge: the bridge itself, with a full stderr of the smallest size. It holds the other end, so that a
# write waits for ever.
UNREAD = """#!{python}
import fcntl, os, sys
reader, writer = os.pipe()
os.write(writer, bytes(fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)))
os.set_inheritable(reader, True)
os.dup2(writer, 2)
os.execve({bridge!r}, sys.argv, os.environ | {{"JUNCTION_LOG": "trace"}})
"""


class Lab:
    """All sessions of a case are one user's: one home, one hub on its usual port, nothing set but what a case sets."""

    def __init__(self, out, binaries):
        self.out = out
        self.home = out / "home"
        self.figures = {}
        self._open = []
        self.home.mkdir()
        # Short, because it holds sockets, and the path of a socket has at most 107 bytes.
        self.runtime = pathlib.Path(tempfile.mkdtemp(prefix="aj-"))
        self.model = Model(out / "model")
        self._link_programs(binaries)

    def _link_programs(self, binaries):
        self.programs = self.out / "bin"
        self.programs.mkdir()
        found = {name: min(CLIENTS.glob(pattern), default=None) for name, pattern in PROGRAMS.items()}
        found |= {name: binaries / name for name in ("junction-bridge", "junction-hub")}
        found["node"] = shutil.which("node")
        for name, program in found.items():
            if program:
                (self.programs / name).symlink_to(program)

    def nobody_reads_stderr(self):
        """From now on every bridge starts with a stderr that is full, that nobody reads, and to which it logs all it can."""
        bridge = self.programs / "junction-bridge"
        text = UNREAD.format(python=sys.executable, bridge=str(bridge.resolve()))
        bridge.unlink()
        bridge.write_text(text)
        bridge.chmod(0o755)

    def program(self, name):
        """The path of a program of this case."""
        program = self.programs / name
        if not program.exists():
            raise FileNotFoundError(f"There is no {name}. Get the clients with tests/clients/install.")
        return program

    def env(self, **more):
        """The whole environment of a session: nothing of ours gets into it."""
        return {"HOME": str(self.home), "USER": "tester", "SHELL": "/bin/sh", "LANG": "C.UTF-8",
                "TERM": "xterm-256color", "TMPDIR": str(self.runtime), "XDG_RUNTIME_DIR": str(self.runtime),
                "PATH": f"{self.programs}:/usr/local/bin:/usr/bin:/bin", **more}

    def project(self, name):
        """A folder for a session to work in."""
        folder = self.out / "projects" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def figure(self, name, value):
        """Notes something that was measured."""
        self.figures[name] = round(value, 2) if isinstance(value, float) else value

    def closes(self, thing):
        """Has a thing closed when the case ends, the youngest first."""
        self._open.append(thing)

    def close(self):
        for thing in [*reversed(self._open), self.model]:
            thing.close()
        shutil.rmtree(self.runtime, ignore_errors=True)
