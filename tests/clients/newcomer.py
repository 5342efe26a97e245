"""A new user, who has installed the programs and goes by the README: each action of theirs is counted."""
import subprocess
import time

from claude import Claude, answer_first_questions
from codex import Codex
from gemini import set_up as gemini_first_run
from gemini import gemini_terminal
from opencode import has_started_before, opencode
from script import answers, call, say
from until import until

DIALOG = r"Do you want|Allow execution|Allow this|Permission required|approve"


class Newcomer:
    """The actions: the install, `setup`, windows, prompts and keys. First-run screens of the clients are not counted."""

    def __init__(self, lab, *clients):
        self.lab = lab
        self.clients = clients
        self.actions = ["install"]
        self._is_set_up = False
        self._must_review = False
        if "claude" in clients:
            answer_first_questions(lab, lab.project("first"))
        if "codex" in clients:
            Codex(lab, "first", answers(), by_setup=True)
        if "gemini" in clients:
            gemini_first_run(lab, "first", answers(), by_setup=True)
        if "opencode" in clients:
            has_started_before(lab)

    def bridge(self, *words, code=0):
        """Runs `junction-bridge` with these words, and returns what it printed."""
        ran = subprocess.run([self.lab.program("junction-bridge"), *words], env=self.lab.env(), cwd=self.lab.home,
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        with open(self.lab.out / "commands.txt", "a") as log:
            log.write(f"$ junction-bridge {' '.join(words)}\n{ran.stdout}{ran.stderr}")
        assert ran.returncode == code, f"{words} ended with {ran.returncode}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    def setup(self):
        self.actions.append("setup")
        self._is_set_up = True
        self._must_review = "codex" in self.clients
        return self.bridge("setup", *sorted(set(self.clients)))

    def remove(self):
        self._is_set_up = self._must_review = False
        return self.bridge("setup", "--remove", *sorted(set(self.clients)))

    def open(self, client, name, script, prompt=None):
        """Opens a window of the client, with a first prompt if it is to have one."""
        self.actions.append(f"window of {client}")
        return getattr(self, f"_{client}")(name, script, prompt)

    def _claude(self, name, script, prompt):
        claude = Claude(self.lab, name, script, by_setup=True, ready=self._is_set_up)
        self._prompted(claude.terminal, prompt)
        return claude.terminal

    def _codex(self, name, script, prompt):
        # Hooks are reviewed once, in whichever window comes first.
        codex = Codex(self.lab, name, script, hooks=self._must_review, by_setup=True)
        terminal = codex.terminal()
        self.actions += ["key 2", "key Enter"] if self._must_review else []
        self._must_review = False
        self._prompted(terminal, prompt)
        return terminal

    def _gemini(self, name, script, prompt):
        terminal, _ = gemini_terminal(self.lab, name, script, by_setup=True)
        # Before its servers are connected, a prompt goes out without their tools.
        if self._is_set_up:
            terminal.shows(r"1 MCP server", 60)
        self._prompted(terminal, prompt)
        return terminal

    def _opencode(self, name, script, prompt):
        # The prompt is a word of the command.
        opencode(self.lab, name, script, prompt, by_setup=True)

    def _prompted(self, terminal, prompt):
        if prompt:
            self.actions.append("prompt")
            terminal.type(prompt)

    def answerer(self, client, name):
        """A window whose agent answers: it is woken where its client allows that, and else told to wait."""
        if client == "claude":
            return self.open(client, name, answers())
        if client == "codex":
            window = self.open(client, name, answers(), "You are on the junction.")
            actor = self.lab.model.actors[name]
            actor.asked(2, 60)
            actor.at_rest()
            return window
        window = self.open(client, name, waits(), "Wait for messages.")
        self.lab.model.actors[name].asked(1, 120)
        return window

    def asker(self, client, name):
        """A window whose agent asks the one other session, and waits for its answer."""
        return self.open(client, name, asks(), "Ask the other session which port it uses.")


def waits():
    """Waits for one message, for less time than any client allows a call, and answers it."""
    yield
    turn = yield call("read_messages", wait_seconds=50)
    for message in turn.result["messages"]:
        yield call("send_message", target_alias=message["from"], reply_to=message["id"],
                   message="answer to: " + message["message"])
    yield say("Answered.")


def asks():
    """Asks the other session, in a call that waits for the answer."""
    yield
    turn = yield call("list_peers")
    to = turn.result["peers"][0]["alias"]
    turn = yield call("send_message", target_alias=to, message="Which port?", wait_seconds=50)
    yield say("Heard: " + turn.result["reply"]["message"])


def heard(lab, name, seconds=90):
    """Waits until the asker has its answer, and returns when."""
    actor = lab.model.actors[name]

    def answered():
        assert not actor.broken, actor.broken
        return any(act.text == "Heard: answer to: Which port?" for act in actor.acts)

    until(f"The answer that {name} waits for", answered, seconds)
    return time.monotonic()
