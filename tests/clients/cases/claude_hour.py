"""Claude Code sessions with the plugin that sit idle for long: what that costs, and whether they can still be woken."""
import contextlib
import os
import time

import namespace
from claude import Claude
from hub import hub
from peer import Peer
from plugins import install, opened, waits
from script import NOTICE, answers
from until import until

NAMES = ("alice", "bella", "carol", "doris", "erica")
SECONDS = int(os.environ.get("JUNCTION_IDLE_SECONDS", "3600"))
LOOK = 5  # seconds between two looks at the processes
SHORTEST = 580  # seconds that a wait lasts at least, if nothing comes
OFF = '{"enabledPlugins": {"junction@agent-junction": false}}'


def five_sessions_with_the_plugin_idle_for_an_hour(lab):
    """Five sessions with the plugin cost no request in an hour, and one waiting process each, replaced every ten minutes.

    After it each is woken by its mod. A session without the plugin shows what Claude Code itself uses meanwhile.
    JUNCTION_IDLE_SECONDS sets another time than an hour.
    """
    install(lab, inbox=True)
    bob = Peer(lab, "bob")
    sessions = [opened(lab, name, answers()) for name in NAMES]
    plain = Claude(lab, "zoe", answers(), by_setup=True, ready=False, more=["--settings", OFF])
    for session in sessions:
        until(f"The wait of {session.name}", lambda session=session: len(waits(session)) == 1)
    assert plain.bridge() is None and not waits(plain), "The session without the plugin has it."
    # What they do at their start is over.
    time.sleep(min(60, SECONDS))

    requests = lab.model.requests
    watch = Watch(sessions, plain)
    watch.looks(SECONDS)
    asked = lab.model.requests - requests
    lab.figure("requests to the model", asked)
    watch.figures(lab)
    assert asked == 0, f"The model was asked {asked} times."
    assert watch.most == 1, f"{watch.most} processes waited in one session."
    assert watch.longest_gap <= 2 * LOOK, f"Nothing waited for {watch.longest_gap:.0f} s."
    assert all(lasted >= SHORTEST for lasted in watch.lasted), f"A wait ended after {min(watch.lasted):.0f} s."
    assert watch.bridges == {session.name: session.bridge() for session in sessions}, "A bridge was replaced."
    _each_wakes(lab, bob, sessions)


def _each_wakes(lab, bob, sessions):
    peers = bob.others()
    assert len(peers) == len(sessions), f"Others are there: {peers}"
    assert all(peer["reach"] == "push" for peer in peers.values()), f"Some cannot be woken: {peers}"
    sent = [bob.send(alias, f"To {alias}.") for alias in peers]
    ends = [bob.end(one["id"]) for one in sent]
    assert all(status == "read" for status, _ in ends), f"Some messages were not read: {ends}"
    lab.figure("all read after s", max(at for _, at in ends) - sent[0]["at"])
    slowest = 0
    for session in sessions:
        turn = session.actor.shown(NOTICE)
        assert "The junction plugin sent a message" in turn.text, f"Something else woke it: {turn.text[-600:]}"
        assert turn is session.actor.turns[0], f"{session.name} was asked before."
        slowest = max(slowest, turn.at - sent[0]["at"])
    lab.figure("last of five asked after s", slowest)


class Watch:
    """What a look at the processes shows, again and again."""

    def __init__(self, sessions, plain):
        self.sessions = sessions
        self.bridges = {session.name: session.bridge() for session in sessions}
        self.plain = plain
        self.most = 0
        self.longest_gap = 0
        self.lasted = []  # how long each wait lasted that began and ended while we looked
        self._began = {}  # when a wait began, by its process
        self._used = {}  # the processor time of each wait, as last seen
        self._last = {session.name: time.monotonic() for session in sessions}
        self._at_first = set()

    def looks(self, seconds):
        start = time.monotonic()
        self._start = self._times()
        self._at_first = {pid for session in self.sessions for pid in waits(session)}
        while time.monotonic() < start + seconds:
            for session in self.sessions:
                self._look(session)
            time.sleep(LOOK)
        self._end = self._times()
        self._seconds = time.monotonic() - start

    def _look(self, session):
        now = time.monotonic()
        waiting = waits(session)
        self.most = max(self.most, len(waiting))
        for pid in waiting:
            with contextlib.suppress(OSError):  # it may end just now
                self._used[pid] = _processor(pid)
                self._began.setdefault(pid, now)
                self._last[session.name] = now
        self.longest_gap = max(self.longest_gap, now - self._last[session.name])
        gone = [pid for pid, began in self._began.items() if pid not in self._at_first and not namespace.command_line(pid)]
        for pid in gone:
            self.lasted.append(now - self._began.pop(pid))

    def _times(self):
        """Processor seconds of the bridges, the hub, Claude Code with the plugin, and without it."""
        clients = [_processor(session.pid) for session in self.sessions]
        return sum(map(_processor, self.bridges.values())), _processor(hub()), sum(clients) / len(clients), \
            _processor(self.plain.pid)

    def figures(self, lab):
        of_bridges, of_hub, of_client, of_plain = (end - start for start, end in zip(self._start, self._end))
        hour = 3600 / self._seconds
        lab.figure("watched s", round(self._seconds))
        lab.figure("waits begun", len(self._used))
        lab.figure("waits replaced per session and hour", (len(self._used) - len(self.sessions)) / 5 * hour)
        lab.figure("longest gap s", self.longest_gap)
        lab.figure("a bridge's processor s per hour", of_bridges / 5 * hour)
        lab.figure("its waits' processor s per hour", sum(self._used.values()) / 5 * hour)
        lab.figure("the hub's processor s per hour", of_hub * hour)
        lab.figure("Claude Code's processor s per hour", of_client * hour)
        lab.figure("without the plugin", of_plain * hour)
        lab.figure("a bridge's RSS KiB", max(map(_resident, self.bridges.values())))
        first = until("A wait", lambda: waits(self.sessions[0]))[0]
        lab.figure("a wait's RSS KiB", _resident(first))


def _stat(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()


def _processor(pid):
    """Processor seconds that a process has used, without its children's."""
    return sum(map(int, _stat(pid)[11:13])) / os.sysconf("SC_CLK_TCK")


def _resident(pid):
    """Its resident memory in KiB."""
    return int(_stat(pid)[21]) * os.sysconf("SC_PAGE_SIZE") // 1024


five_sessions_with_the_plugin_idle_for_an_hour.longest = SECONDS + 600
