"""A failing update of a healthy environment: whoever asks the endpoint notices nothing."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from .conftest import Lab

pytestmark = pytest.mark.faults

PROJECT = "served"
ENDPOINT = f"{PROJECT}-dev"


@contextmanager
def asking(lab: Lab) -> Iterator[Counter[Any]]:
    """Ask the endpoint again and again: how many topics it answered with, or what error."""
    answers: Counter[Any] = Counter()
    end = threading.Event()
    runtime = lab.client("sagemaker-runtime")
    words = json.loads((lab.corpus / "manifest.json").read_text())["vocabulary"]["size"]
    body = json.dumps({"instances": [{"features": [1] * words}]})

    def ask() -> None:
        while not end.is_set():
            try:
                answer = runtime.invoke_endpoint(
                    EndpointName=ENDPOINT, ContentType="application/json", Body=body
                )
                (prediction,) = json.load(answer["Body"])["predictions"]
                answers[len(prediction["topic_mixture"])] += 1
            except Exception as error:  # whatever it is, it is what this test looks for
                answers[repr(error)] += 1
            end.wait(0.1)

    asker = threading.Thread(target=ask)
    asker.start()
    yield answers
    end.set()
    asker.join()


def test_a_failed_update_leaves_the_endpoint_answering_from_the_old_model(
    lab: Lab, table: list[tuple[str, str, str]]
) -> None:
    five = lab.assembly(PROJECT)
    three = lab.assembly(PROJECT, num_topics="3")
    done = lab.deploy("--app", str(five))
    assert done.returncode == 0, done.stdout
    lab.arm("training.fail", "--reason", "bad data")
    with asking(lab) as answers:
        done = lab.deploy("--app", str(three))
    assert done.returncode == 1
    assert "AlgorithmError: bad data" in done.stdout
    assert answers.keys() == {5}
    assert answers[5] > 10
    table.append(
        ("an update fails while the endpoint is asked", "every answer is the old model's", "")
    )

    with asking(lab) as answers:
        done = lab.deploy("--app", str(three))
    assert done.returncode == 0, done.stdout
    assert answers.keys() == {3, 5}, "a question went unanswered while the model changed"
    done = lab.cdk("destroy", "--force", "--app", str(three))
    assert done.returncode == 0, done.stdout
