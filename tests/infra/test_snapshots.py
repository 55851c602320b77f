"""Every word of the templates: a change that nobody meant shows up here.

`pytest tests/infra/test_snapshots.py --snapshot-update` accepts a change; read the difference.
"""

import json
import re

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from .conftest import Synthesize

DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


@pytest.mark.parametrize("stack", ["storage", "preparation", "training", "serving"])
def test_template_is_unchanged(
    stack: str, synthesize: Synthesize, snapshot: SnapshotAssertion
) -> None:
    given = {"preparation.source": "s3://corpora/news"} if stack == "preparation" else {}
    template = json.dumps(synthesize(**given)[stack].to_json())
    readable = json.loads(DIGEST.sub("DIGEST", template))
    assert readable == snapshot(extension_class=JSONSnapshotExtension)


def test_template_without_account_and_region_is_unchanged(
    synthesize: Synthesize, snapshot: SnapshotAssertion
) -> None:
    template = json.dumps(synthesize(region=None)["training"].to_json())
    readable = json.loads(DIGEST.sub("DIGEST", template))
    assert readable == snapshot(extension_class=JSONSnapshotExtension)
