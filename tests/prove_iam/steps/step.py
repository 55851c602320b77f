"""A step of the flow: a principal acts, and a user sees the effect.

A step puts in place what it needs, as the account's root, and looks at the effect: also where the
code goes on without a permission, as it does when a job's log can't be read.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ..stage import Stage


@dataclass(frozen=True)
class Step:
    """A step of the flow.

    Attributes:
        title: What it is called in the table.
        act: Takes it; raises when a user would not see what they should.
        logs: Whether it is about a function's own log, and nothing else is.
    """

    title: str
    act: Callable[[Stage], None]
    logs: bool = False

    def take(self, stage: Stage) -> None:
        """Take it, with no job and no fault left of the steps before."""
        stage.stop_all()
        self.act(stage)
