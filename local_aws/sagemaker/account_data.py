"""The part of an account that its endpoints and training jobs need."""

import threading
from dataclasses import dataclass, field
from typing import Any

from local_aws.ministack.bridge import Scope


@dataclass
class AccountData:
    """An account's models and endpoint configurations in one Region, and all tags there.

    Attributes:
        scope: The account and the Region.
        lock: Guards every dictionary here and in `Account`.
        models: As DescribeModel answers, by name.
        endpoint_configs: As DescribeEndpointConfig answers, by name.
        tags: The tags of a resource by its ARN.
    """

    scope: Scope
    lock: threading.RLock = field(default_factory=threading.RLock)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    endpoint_configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)

    def tag(self, arn: str, tags: list[dict[str, str]]) -> None:
        """Add `tags` (Key, Value) to a resource."""
        if tags:
            with self.lock:
                self.tags.setdefault(arn, {}).update({t["Key"]: t["Value"] for t in tags})

    def tags_of(self, arn: str) -> dict[str, str]:
        """Return a copy of the tags of a resource."""
        with self.lock:
            return dict(self.tags.get(arn, {}))
