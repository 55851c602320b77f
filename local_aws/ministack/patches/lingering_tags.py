"""Let the Resource Groups Tagging API go on listing what it listed, and what deleted stacks had.

MiniStack lists what is there. The switch is `tags.linger`.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

from ministack.services import tagging
from ministack.services.cloudformation import handlers as requests

from local_aws import switches
from local_aws.ministack import bridge
from local_aws.ministack.bridge import Scope

Listed = tuple[str, list[dict[str, str]]]  # an ARN and its tags
Collector = Callable[[], Iterator[Listed]]


def apply() -> None:
    """Change MiniStack."""
    for name, collector in list(tagging._COLLECTORS.items()):
        tagging._COLLECTORS[name] = _lingering(collector)
    original = requests._delete_stack_async

    async def delete(*arguments: Any, **more: Any) -> None:
        for collector in list(tagging._COLLECTORS.values()):
            list(collector())
        await original(*arguments, **more)

    requests._delete_stack_async = delete


def _lingering(collector: Collector) -> Collector:
    own: dict[Scope, dict[str, tuple[float, list[dict[str, str]]]]] = {}

    def collect() -> Iterator[Listed]:
        listed, now = own.setdefault(bridge.current_scope(), {}), time.time()
        present = dict(collector())
        yield from present.items()
        for arn, (seen, pairs) in list(listed.items()):
            if arn in present:
                continue
            if now - seen < switches.seconds("tags.linger"):
                yield arn, pairs
            else:
                del listed[arn]
        listed.update({arn: (now, pairs) for arn, pairs in present.items()})

    return collect
