"""One case's world: a user with a home, a model, and everything that the case starts."""
import os
import pathlib
import shutil
import tempfile

from model import Model

CLIENTS = pathlib.Path(os.environ.get("JUNCTION_CLIENTS", "~/.cache/junction-clients")).expanduser()
PROGRAMS = {
    "claude": "npm-claude-latest/node_modules/@anthropic-ai/claude-code-linux-*/claude",
    "codex": "npm-codex/node_modules/@openai/codex-linux-*/vendor/*/bin/codex",
    "gemini": "npm-gemini/node_modules/.bin/gemini",
    "opencode": "npm-opencode/node_modules/opencode-linux-*/bin/opencode",
}


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
