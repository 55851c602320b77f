"""Choose the instance for each invocation, and know which instances are busy."""

import threading
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from local_aws.sagemaker.fleet import Instance


class NobodyError(Exception):
    """No instance takes traffic, or none of the variant that was asked for."""


class BusyError(Exception):
    """`instance` already handles its maximum number of concurrent invocations."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(instance.variant)
        self.instance = instance


class Traffic:
    """Spreads invocations over instances by their shares, evenly and in a fixed order.

    The order is nginx's smooth weighted round robin. For each invocation every instance earns its
    share; the one that has most serves, and pays what all have earned.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._shares: dict[Instance, float] = {}
        self._earned: dict[Instance, float] = {}
        self._busy: Counter[Instance] = Counter()

    def route(self, shares: Mapping[Instance, float]) -> None:
        """From now on, send each instance its share; an instance without one gets nothing new."""
        with self._changed:
            self._shares = {instance: share for instance, share in shares.items() if share > 0}
            self._earned = dict.fromkeys(self._shares, 0.0)

    @contextmanager
    def lease(self, variant: str | None) -> Iterator[Instance]:
        """Yield the instance for an invocation; it is busy while the block runs.

        Args:
            variant: The instance must be of this variant; None is any variant.

        Raises:
            NobodyError: There is no such instance.
            BusyError: The instance handles its maximum number of invocations.
        """
        with self._changed:
            instance = self._next(variant)
            if instance.concurrency is not None and self._busy[instance] >= instance.concurrency:
                raise BusyError(instance)
            self._busy[instance] += 1
        try:
            yield instance
        finally:
            with self._changed:
                self._busy[instance] -= 1
                if not self._busy[instance]:
                    del self._busy[instance]
                    self._changed.notify_all()

    def _next(self, variant: str | None) -> Instance:
        shares = {i: s for i, s in self._shares.items() if variant in (None, i.variant)}
        if not shares:
            raise NobodyError
        for instance, share in shares.items():
            self._earned[instance] += share
        richest = max(shares, key=lambda instance: self._earned[instance])
        self._earned[richest] -= sum(shares.values())
        return richest

    def drain(self, instances: Collection[Instance], seconds: float) -> None:
        """Wait until none of `instances` is busy, for `seconds` at most."""
        with self._changed:
            self._changed.wait_for(lambda: not any(i in self._busy for i in instances), seconds)
