"""Waiting: always for a condition, always with a deadline."""
import time


class TooLate(AssertionError):
    """What was waited for did not come."""


def until(what, condition, seconds=20):
    """Returns the first true value of `condition`; `what` says in the error what never came."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TooLate(f"{what} did not come within {seconds} s. The files of this case show what came instead.")
        time.sleep(0.05)
    return value
