"""What the bridge does with MiniStack's tables."""

import pytest
from ministack.core import responses
from ministack.services import cloudwatch

from local_aws.ministack import bridge
from local_aws.ministack.bridge import Scope


def test_alarms_are_evaluated_wherever_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nobody has asked SageMaker yet."""
    evaluated: list[Scope] = []
    monkeypatch.setattr(
        cloudwatch, "_evaluate_all_alarms", lambda: evaluated.append(bridge.current_scope())
    )
    monkeypatch.setattr(cloudwatch, "_alarms", responses.AccountRegionScopedDict())
    scopes = [Scope("1" * 12, "eu-west-1"), Scope("2" * 12, "us-east-1")]
    for scope in scopes:
        with responses.request_scope(scope.account, scope.region):
            for name in ("one", "other"):
                cloudwatch._alarms[name] = {}
    bridge.evaluate_alarms()
    assert sorted(evaluated, key=lambda scope: scope.account) == scopes
