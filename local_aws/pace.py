"""How fast time passes where AWS waits for minutes: the baking of an update, and scaling.

A minute there is a second here, so that a deployment that bakes for five minutes can be tried.
Alarms keep their own time: what they look back on is real.
"""

FASTER = 60


def here(seconds: float) -> float:
    """What `seconds` on AWS take here."""
    return seconds / FASTER
