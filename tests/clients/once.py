"""A client without a terminal, that runs one prompt to its end."""
import subprocess


class Run:
    """Its process. What it is to read on stdin, if anything, is in a file."""

    def __init__(self, lab, name, command, env, cwd, stdin="/dev/null"):
        self.name = name
        self._output = open(lab.out / f"output-{name}.txt", "w")
        with open(stdin) as stdin:
            self._process = subprocess.Popen(list(map(str, command)), env=env, cwd=cwd, stdin=stdin,
                                             stdout=self._output, stderr=subprocess.STDOUT)
        lab.closes(self)

    def ended(self, seconds=120):
        """Waits for its end, which must be a good one."""
        status = self._process.wait(seconds)
        assert status == 0, f"{self.name} ended with {status}. Its output is in output-{self.name}.txt."

    def close(self):
        self._process.terminate()
        self._output.close()
