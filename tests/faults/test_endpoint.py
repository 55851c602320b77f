"""A failing update of a healthy environment: whoever asks the endpoint notices nothing."""

import pytest

from tests.support.cloud import ONCE, topics_of
from tests.support.load import constant

from .conftest import Lab

pytestmark = pytest.mark.faults

PROJECT = "served"


def test_a_failed_update_leaves_the_endpoint_answering_from_the_old_model(
    lab: Lab, table: list[tuple[str, str, str]]
) -> None:
    five, three = lab.assembly(PROJECT), lab.assembly(PROJECT, model__num_topics="3")
    done = lab.deploy("--app", str(five))
    assert done.returncode == 0, done.stdout
    ask = topics_of(lab.client("sagemaker-runtime", ONCE), f"{PROJECT}-dev", lab.corpus)
    with (
        lab.armed("training.fail", "--reason", "bad data"),
        constant(ask, per_second=50) as load,
    ):
        done = lab.deploy("--app", str(three))
    assert done.returncode == 1
    assert "AlgorithmError: bad data" in done.stdout
    assert load.seen() == {5}
    table.append(
        ("an update fails while the endpoint is asked", "every answer is the old model's", "")
    )

    with constant(ask, per_second=50) as load:
        done = lab.deploy("--app", str(three))
        the_end = load.now()
    assert done.returncode == 0, done.stdout
    assert load.seen() == {5, 3}, "a question went unanswered while the model changed"
    assert load.seen(after=the_end) == {3}
    done = lab.cdk("destroy", "--force", "--app", str(three))
    assert done.returncode == 0, done.stdout
