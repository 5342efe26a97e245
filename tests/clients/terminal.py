"""A terminal with one interactive client in it: tmux, on a socket of its own."""
import re
import subprocess

from until import until


class Terminal:
    """What a person at the keyboard would have."""

    def __init__(self, lab, name, command, env, cwd):
        self.file = lab.out / f"screen-{name}.txt"
        self._tmux = ["tmux", "-S", str(lab.runtime / f"{name}.tmux"), "-f", "/dev/null"]
        subprocess.run([*self._tmux, "new-session", "-d", "-s", "it", "-x", "160", "-y", "50", "-c", str(cwd),
                        *map(str, command)], env=env, check=True)
        self._do("set-option", "-t", "it", "remain-on-exit", "on")
        lab.closes(self)

    def screen(self):
        shown = self._do("capture-pane", "-p", "-t", "it", "-S", "-300").stdout
        self.file.write_text(shown)
        return shown

    def shows(self, pattern, seconds=30):
        """Waits until the screen shows it."""
        return until(f"{pattern!r} on the screen", lambda: re.search(pattern, self.screen()), seconds)

    def keys(self, *keys):
        self._do("send-keys", "-t", "it", *keys)

    def type(self, line):
        """Types a line and sends it, once it is there: Enter too close behind is taken for a part of the text."""
        self._do("send-keys", "-t", "it", "-l", line)
        self.shows(re.escape(line[-40:]))
        self.keys("Enter")

    def close(self):
        self.screen()
        self._do("kill-server")

    def _do(self, *words):
        return subprocess.run([*self._tmux, *words], capture_output=True, text=True)
