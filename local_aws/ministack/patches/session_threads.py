"""Let several threads make sessions at the same time.

With each new session MiniStack looks at all others, and fails if another thread adds one meanwhile.
"""

from ministack.services import sts


def apply() -> None:
    """Change MiniStack."""
    sts._evict_expired_sessions = _evict


def _evict() -> None:
    for key, session in sts._sessions.copy().items():
        if sts._session_expired(session):
            sts._sessions.pop(key, None)
