"""The hub, which the first bridge starts by itself."""
import os
import signal

import namespace
from until import until


def hub():
    """The process id of the hub, once there is one."""
    return until("A hub", lambda: namespace.processes("junction-hub"))[0]


def kill_hub():
    """Ends it without a goodbye."""
    old = hub()
    os.kill(old, signal.SIGKILL)
    until("The end of the hub", lambda: old not in namespace.processes("junction-hub"))
