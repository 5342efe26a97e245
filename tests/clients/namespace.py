"""The place a case runs in: no network but its own loopback, no processes but its own.

Real clients phone home; without any other interface they cannot. And whatever a client left behind, a daemon or a
hub, ends with the namespace: the kernel ends what the case started, and nothing else.
"""
import fcntl
import os
import socket
import struct
import subprocess

SKIPPED = 77


def command(inner):
    """The command that runs `inner` in a new namespace, or None where this system allows none."""
    enter = ["--net", "--pid", "--fork", "--mount-proc", "--kill-child"]
    for flags in (enter, ["--map-root-user", *enter]):
        try:
            if subprocess.run(["unshare", *flags, "true"], capture_output=True).returncode == 0:
                # The shell is process 1 there: it reaps what a client orphans, which Python would not.
                return ["unshare", *flags, "sh", "-c", '"$@"; exit $?', "sh", *inner]
        except FileNotFoundError:
            break
    return None


def loopback_up():
    """A new network namespace has its loopback, but down."""
    siocsifflags, iff_up_running = 0x8914, 0x41
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, siocsifflags, struct.pack("16sh14x", b"lo", iff_up_running))


def processes(name):
    """The ids of the namespace's processes whose program is called `name`."""
    every = map(int, filter(str.isdigit, os.listdir("/proc")))
    return [pid for pid in every if os.path.basename(command_line(pid).split(b"\0")[0]) == name.encode()]


def command_line(pid):
    """A process's program and its arguments, or nothing if it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def parent(pid):
    """The id of a process's parent."""
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rsplit(")", 1)[1].split()[1])
