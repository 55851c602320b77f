"""How much faster the embedded AWS is where AWS waits for minutes: updates and scaling.

A minute on AWS is a second here, so an update that bakes for five minutes can be tried. The periods
of alarms are not shortened.
"""

FASTER = 60


def here(seconds: float) -> float:
    """Return how many seconds `seconds` on AWS take here."""
    return seconds / FASTER
