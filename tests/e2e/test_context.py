"""The context that our command lines read is the one that the real CDK CLI hands over."""

import json
from pathlib import Path
from typing import Any

import pytest

from stacks.settings import read_context
from tests.support.cloud import run

pytestmark = pytest.mark.e2e

HAND_OVER = "printenv CDK_CONTEXT_JSON > handed-over.json"
OF_CDK = ("aws:cdk:", "@aws-cdk/core:failSynthOnValidationErrors")
FILES: dict[str, Any] = {
    ".cdk.json": {"context": {"owner": "a", "from home": 1, "tags": {"home": 1}}},
    "cdk.context.json": {
        "environments": {"qa": {"model": {"num_topics": 3}, "notices": "x"}, "other": {}},
        "owner": {"an": "object"},
        "kept": None,
        "ssm:account=1:region=2": "found",
    },
    "cdk.json": {
        "app": HAND_OVER,
        "context": {
            "defaults": {"notices": "a@b.cc", "tags": {"a": "1", "x": None}, "list": [1, None]},
            "environments": {"qa": {"notices": None, "alarms": {}}},
            "tags": {"own": 1.0},
            "kept": 5,
            "numbers": [1e400, -1e400, 9007199254740993, 12345678901234567890, 5.0, 1e-7, 1e21],
        },
    },
}


@pytest.mark.parametrize(
    ("options", "variable"),
    [
        ([], None),
        (["endpoint.enabled =false", "a=b=c", "empty=", "tags=flat", "owner=1", "owner=2"], None),
        ([], "model.num_topics=7"),
        (["owner=1"], "model.num_topics=7"),
    ],
)
def test_it_is_the_same_to_the_last_null(
    options: list[str], variable: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in FILES.items():
        text = json.dumps(content).replace("Infinity", "1e400")  # which JSON can't write
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    environment = {"AWS_EC2_METADATA_DISABLED": "true"}
    if variable is not None:
        monkeypatch.setenv("CDK_CONTEXT", variable)
        environment["CDK_CONTEXT"] = variable
    given = [word for option in options for word in ("-c", option)]
    run("cdk", "synth", "--no-notices", *given, environment=environment, folder=tmp_path)
    handed_over = json.loads((tmp_path / "handed-over.json").read_text())
    own = {key: value for key, value in handed_over.items() if not key.startswith(OF_CDK)}
    assert read_context(None, options) == own
