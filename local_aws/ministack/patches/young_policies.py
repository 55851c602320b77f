"""Let a role keep its former policies for a time after a change, as IAM does.

With MiniStack a change counts at once. The switch is `iam.young`.

Also let no thread see a change half done: MiniStack replaces a stack's policy by removing it first.
"""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iam
from ministack.services.cloudformation import provisioners

from local_aws import switches
from local_aws.ministack.bridge import current_scope


def apply() -> None:
    """Change MiniStack."""
    gather = iam_evaluator._gather_role_policies
    former: dict[tuple[str, str], tuple[float, list[Any]]] = {}
    lock = threading.RLock()

    def gather_known(role: str, account: str) -> list[Any]:
        with lock:
            since, policies = former.get((account, role), (0.0, []))
            young = time.time() - since < switches.seconds("iam.young")
            return policies if young else list(gather(role, account))

    def noting(change: Callable[..., Any], roles: Callable[..., list[str]]) -> Callable[..., Any]:
        def act(*arguments: Any, **more: Any) -> Any:
            account = current_scope().account
            with lock:
                before = {role: gather_known(role, account) for role in roles(*arguments)}
                answer = change(*arguments, **more)
                for role, policies in before.items():
                    former[account, role] = (time.time(), policies)
            return answer

        return act

    iam_evaluator._gather_role_policies = gather_known
    for name in ("PutRolePolicy", "DeleteRolePolicy"):
        change = iam._IAM_HANDLERS[name]
        iam._IAM_HANDLERS[name] = noting(change, lambda r: [str(iam._p(r, "RoleName"))])
    of_policy = provisioners._RESOURCE_HANDLERS["AWS::IAM::Policy"]
    # The last properties are those of the policy as it is to be, or was.
    for name, place in (("create", 1), ("update", 2), ("delete", 1)):
        of_policy[name] = noting(of_policy[name], partial(_roles_of, place))
    of_role = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]
    of_role["update"] = noting(of_role["update"], lambda role, *_: [role])


def _roles_of(place: int, *arguments: Any) -> list[str]:
    """Return the roles of an inline policy whose properties are the argument at `place`."""
    return list(arguments[place].get("Roles", []))
