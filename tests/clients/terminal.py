"""A terminal with one interactive client in it: tmux, on a socket of its own."""
import contextlib
import pathlib
import re
import subprocess

from until import TooLate, until


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
        """Types a line and sends it, once it is there: Enter too close behind is taken for a part of the text.

        The same line may be there from before, and may leave the screen meanwhile.
        """
        end = line[-40:]
        before = self.screen().count(end)
        self._do("send-keys", "-t", "it", "-l", line)
        if before:
            with contextlib.suppress(TooLate):
                until(f"{line!r} once more", lambda: self.screen().count(end) > before, 2)
        self.shows(re.escape(end))
        self.keys("Enter")

    def close(self):
        """Closes the window, and waits until its client has ended: at its end it may write its settings once more."""
        self.screen()
        client = self._do("display-message", "-p", "-t", "it", "#{pane_pid}").stdout.strip()
        self._do("kill-server")
        with contextlib.suppress(TooLate):
            until("The client's end", lambda: not client or not pathlib.Path("/proc", client).exists(), 10)

    def _do(self, *words):
        return subprocess.run([*self._tmux, *words], capture_output=True, text=True)
