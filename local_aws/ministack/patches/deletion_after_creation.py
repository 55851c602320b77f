"""End the creation of a stack before its deletion begins, and its wait conditions at once.

MiniStack does both at the same time. The deletion takes what is there so far, while the creation
waits for hours and then rolls back a stack that is gone.
"""

import asyncio
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import handlers as requests
from ministack.services.cloudformation import wait_conditions

CANCELLED = {
    "Status": "FAILURE",
    "Reason": "Resource creation cancelled",
    "UniqueId": "DeleteStack",
}


def apply() -> None:
    """Change MiniStack."""
    original = requests._delete_stack_async

    async def delete(name: str, stack_id: str, *options: Any, **more: Any) -> None:
        while _status(name) in ("CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"):
            for (waiting, _), condition in list(wait_conditions._waiting.items()):
                if waiting == stack_id:
                    wait_conditions.deliver_signal(condition["token"], CANCELLED)
            await asyncio.sleep(0.1)
        await original(name, stack_id, *options, **more)

    requests._delete_stack_async = delete


def _status(stack: str) -> str:
    return str((cloudformation._stacks.get(stack) or {}).get("StackStatus"))
