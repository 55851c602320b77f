"""Find an account's models, endpoint configurations and endpoints by name."""

from collections.abc import Mapping
from typing import Any

from local_aws.api.errors import invalid
from local_aws.sagemaker.account_data import AccountData


def found(account: AccountData, kind: str, table: Mapping[str, Any], name: str) -> Any:
    """Return `table[name]`.

    Raises:
        ApiError: There is no such resource; it is SageMaker's error.
    """
    with account.lock:
        if name not in table:
            raise invalid(f'Could not find {kind} "{arn(account, kind, name)}".')
        return table[name]


def arn(account: AccountData, kind: str, name: str) -> str:
    """Return the ARN of a resource of a `kind`, as SageMaker's errors name kinds."""
    resource = {"endpoint configuration": "endpoint-config"}.get(kind, kind)
    return account.scope.arn(f"{resource}/{name.lower()}")


def is_taken(table: Mapping[str, Any], name: str) -> bool:
    """Return whether a resource has this name, in any case: their ARNs would be the same."""
    return name.lower() in {other.lower() for other in table}
