"""A failing update of a healthy environment: whoever asks the endpoint notices nothing."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from .conftest import Lab

pytestmark = pytest.mark.faults

PROJECT = "served"
ENDPOINT = f"{PROJECT}-dev"


@contextmanager
def asking(lab: Lab) -> Iterator[list[Any]]:
    """Ask the endpoint again and again: each answer, or what went wrong, as it came."""
    answers: list[Any] = []
    end = threading.Event()

    def ask_on() -> None:
        while not end.is_set():
            try:
                answers.append(ask(lab))
            except Exception as error:  # whatever it is, it is what this test looks for
                answers.append(repr(error))
            end.wait(0.1)

    asker = threading.Thread(target=ask_on)
    asker.start()
    yield answers
    end.set()
    asker.join()


def ask(lab: Lab) -> tuple[float, ...]:
    """The topic mixture of one document."""
    words = json.loads((lab.corpus / "manifest.json").read_text())["vocabulary"]["size"]
    answer = lab.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=ENDPOINT,
        ContentType="application/json",
        Body=json.dumps({"instances": [{"features": [*range(words)]}]}),
    )
    (prediction,) = json.load(answer["Body"])["predictions"]
    return tuple(prediction["topic_mixture"])


def test_a_failed_update_leaves_the_endpoint_answering_from_the_old_model(
    lab: Lab, table: list[tuple[str, str, str]]
) -> None:
    five = lab.assembly(PROJECT)
    again = lab.assembly(PROJECT, max_restarts="1", max_iterations="1")  # another model
    done = lab.deploy("--app", str(five))
    assert done.returncode == 0, done.stdout
    old = ask(lab)
    assert len(old) == 5
    lab.arm("training.fail", "--reason", "bad data")
    with asking(lab) as answers:
        done = lab.deploy("--app", str(again))
    assert done.returncode == 1
    assert "AlgorithmError: bad data" in done.stdout
    assert len(answers) > 10
    assert set(answers) == {old}
    table.append(
        ("an update fails while the endpoint is asked", "every answer is the old model's", "")
    )

    with asking(lab) as answers:
        done = lab.deploy("--app", str(again))
    assert done.returncode == 0, done.stdout
    new = ask(lab)
    assert new != old
    assert answers[0] == old
    assert answers[-1] == new
    assert set(answers) == {old, new}, "a question went unanswered while the model changed"
    done = lab.cdk("destroy", "--force", "--app", str(again))
    assert done.returncode == 0, done.stdout
