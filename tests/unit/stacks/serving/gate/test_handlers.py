"""The gate's functions against stand-ins of S3, SageMaker and CloudFormation."""

import io
import json
import time
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local_aws.ministack import embedded_metrics
from stacks.serving.gate.handlers import check, during_update, golden
from stacks.serving.gate.handlers.golden import GateError

DOCUMENTS = {
    "feature_dim": 4,
    "documents": [{"keys": [0, 3], "values": [1, 2]}, {"keys": [1], "values": [1]}],
}
STACK = "arn:aws:cloudformation:us-east-1:111122223333:stack/serving/id"


def predictions(*mixtures: Any) -> bytes:
    return json.dumps({"predictions": [{"topic_mixture": m} for m in mixtures]}).encode()


GOOD = predictions([0.25, 0.75], [1.0, 0.0])


@dataclass
class World:
    """What AWS answers; statuses and answers come one after the other, the last for ever."""

    endpoints: list[dict[str, Any]] = field(default_factory=lambda: [endpoint()])
    answers: list[bytes | Exception] = field(default_factory=lambda: [GOOD])
    objects: dict[tuple[str, str], bytes] = field(
        default_factory=lambda: {("assets", "golden.json"): json.dumps(DOCUMENTS).encode()}
    )
    stack_status: str = "UPDATE_IN_PROGRESS"
    asked: list[dict[str, Any]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def client(self, service: str, **_: Any) -> "World":
        return self

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return {"Body": io.BytesIO(self.objects[Bucket, Key])}

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:  # noqa: N803
        assert EndpointName == "topics-dev"
        return self.endpoints.pop(0) if len(self.endpoints) > 1 else self.endpoints[0]

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        assert StackName == STACK
        return {"Stacks": [{"StackStatus": self.stack_status}]}

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {"Body": io.BytesIO(answer)}


def endpoint(
    status: str = "InService", configuration: str = "new", **details: Any
) -> dict[str, Any]:
    return {"EndpointStatus": status, "EndpointConfigName": configuration, **details}


def event(kind: str) -> dict[str, Any]:
    """A request as the CDK's provider passes it on: every property is text."""
    return {
        "RequestType": kind,
        "StackId": STACK,
        "ResourceProperties": {
            "EndpointName": "topics-dev",
            "EndpointConfigName": "new",
            "GoldenBucket": "assets",
            "GoldenKey": "golden.json",
            "Topics": "2",
        },
    }


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    clock = iter(range(0, 100_000, 10))
    monkeypatch.setattr(boto3, "client", world.client)
    monkeypatch.setattr(time, "sleep", world.slept.append)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    monkeypatch.setenv("AWS_LAMBDA_LOG_GROUP_NAME", "check-logs")
    monkeypatch.setenv("GOLDEN_BUCKET", "assets")
    monkeypatch.setenv("GOLDEN_KEY", "golden.json")
    return world


class TestCheck:
    @pytest.mark.parametrize("kind", ["Create", "Update"])
    def test_a_good_endpoint_passes_and_is_asked_in_the_documented_format(
        self, world: World, kind: str
    ) -> None:
        assert check.handler(event(kind), None) == {"PhysicalResourceId": "topics-dev-gate"}
        (asked,) = world.asked
        assert asked["EndpointName"] == "topics-dev"
        assert asked["ContentType"] == "application/json"
        first, second = json.loads(asked["Body"])["instances"]
        assert first == {"data": {"features": {"keys": [0, 3], "values": [1, 2], "shape": [4]}}}
        assert second == {"data": {"features": {"keys": [1], "values": [1], "shape": [4]}}}

    @pytest.mark.parametrize(
        ("answer", "problem"),
        [
            (predictions([0.5, 0.5]), "it answered 2 documents with 1 mixtures"),
            (predictions([1.0], [1.0]), "golden document 1 has 1 numbers; the model has 2 topics"),
            (predictions([0.5, 0.5], [0.2, 0.3, 0.5]), "golden document 2 has 3 numbers"),
            (predictions([0.5, 0.5], "ab"), "golden document 2 is 'ab', not a list of numbers"),
            (predictions([0.5, 0.5], [0.5, None]), "2 has an item that is not a finite number"),
            (predictions([0.5, 0.5], [0.5, True]), "2 has an item that is not a finite number"),
            (predictions([float("nan"), 0.5], [1, 0]), "1 has an item that is not a finite number"),
            (predictions([float("inf"), 0], [1, 0]), "1 has an item that is not a finite number"),
            (predictions([10**400, 0], [1, 0]), "1 has an item that is not a finite number"),
            (predictions([0.5, 0.4], [1, 0]), "1 is no mixture: its sum is 0.9"),
            (predictions([1.5, -0.5], [1, 0]), "1 is no mixture: its sum is 1, its least share"),
            (b"not JSON", "it answered without predictions: b'not JSON'"),
            (b"[]", "it answered without predictions"),
            (b'{"predictions": [1, 2]}', "it answered without predictions"),
            (b'{"predictions": 5}', "it answered without predictions"),
            (b"[" * 100_000, "it answered without predictions"),
        ],
    )
    def test_an_answer_that_is_no_mixture_fails_the_deployment(
        self, world: World, answer: bytes, problem: str
    ) -> None:
        world.answers = [answer]
        with pytest.raises(GateError) as caught:
            check.handler(event("Update"), None)
        assert problem in str(caught.value)
        assert str(caught.value).endswith("\nThe log is in the group check-logs")
        assert str(caught.value).startswith("The endpoint topics-dev did not pass its gate: ")

    def test_an_error_of_the_model_fails_the_deployment(self, world: World) -> None:
        error: Any = {"Error": {"Code": "ModelError", "Message": "status 500 from primary"}}
        world.answers = [ClientError(error, "InvokeEndpoint")]
        with pytest.raises(GateError, match=r"did not answer golden documents: .*status 500"):
            check.handler(event("Create"), None)

    def test_rounding_of_float32_is_no_failure(self, world: World) -> None:
        world.answers = [predictions([0.2500001, 0.7500003], [1, 0])]
        check.handler(event("Create"), None)

    def test_an_endpoint_that_sagemaker_has_rolled_back_in_silence_fails(
        self, world: World
    ) -> None:
        world.endpoints = [endpoint(configuration="old", FailureReason="alarm NewLatency")]
        with pytest.raises(
            GateError, match=r"runs old, not new, .* has rolled .* back: alarm NewLatency"
        ):
            check.handler(event("Update"), None)
        assert world.asked == []

    def test_an_endpoint_that_is_not_in_service_fails_with_its_reason(self, world: World) -> None:
        world.endpoints = [endpoint("Failed", FailureReason="no ping")]
        with pytest.raises(GateError, match="it is Failed: no ping"):
            check.handler(event("Update"), None)

    def test_an_endpoint_that_is_scaled_just_now_is_waited_for(self, world: World) -> None:
        world.endpoints = [endpoint("Updating"), endpoint("SystemUpdating"), endpoint()]
        check.handler(event("Update"), None)
        assert len(world.slept) == 2

    def test_it_is_not_waited_for_without_end(self, world: World) -> None:
        world.endpoints = [endpoint("SystemUpdating")]
        with pytest.raises(GateError, match="it is still SystemUpdating after 300 s"):
            check.handler(event("Update"), None)

    @pytest.mark.parametrize(
        "status", ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED", "ROLLBACK_IN_PROGRESS"]
    )
    def test_a_rollback_is_never_stopped(self, world: World, status: str) -> None:
        """CloudFormation sends an Update with the old properties; an error would leave it stuck."""
        world.stack_status = status
        world.endpoints = [endpoint("Failed")]
        world.answers = [b"nonsense"]
        assert check.handler(event("Update"), None) == {"PhysicalResourceId": "topics-dev-gate"}
        assert world.asked == []

    def test_delete_looks_at_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The endpoint may be gone, be asleep, or never have come."""
        monkeypatch.delattr(boto3, "client")
        assert check.handler(event("Delete"), None) == {}

    def test_an_answer_is_read_within_bounds(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(golden, "ANSWER_BYTES", 10)
        with pytest.raises(GateError, match="without predictions"):
            check.handler(event("Create"), None)


class TestDuringUpdate:
    EVENT = {"detail": {"EndpointName": "topics-dev", "EndpointStatus": "UPDATING"}}  # noqa: RUF012
    PENDING = endpoint("Updating", "old", PendingDeploymentSummary={"EndpointConfigName": "new"})

    def test_wrong_answers_are_counted_for_the_new_configuration(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        world.endpoints = [self.PENDING]
        world.answers = [predictions([0.5, 0.1], [1, 0]), b"", GOOD]
        during_update.handler(self.EVENT, None)
        *_, line = capsys.readouterr().out.splitlines()
        metric = json.loads(line)
        assert metric["Failed"] == 2
        assert metric["EndpointName"] == "topics-dev"
        assert metric["EndpointConfigName"] == "new"
        (described,) = metric["_aws"]["CloudWatchMetrics"]
        assert described["Dimensions"] == [["EndpointName", "EndpointConfigName"]]
        assert len(world.asked) == during_update.ASKED

    def test_models_of_different_sizes_may_answer_by_turns(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        world.endpoints = [self.PENDING]
        world.answers = [GOOD, predictions([0.2, 0.3, 0.5], [1, 0, 0])]
        during_update.handler(self.EVENT, None)
        assert json.loads(capsys.readouterr().out)["Failed"] == 0

    def test_without_a_new_configuration_nothing_is_asked(self, world: World) -> None:
        during_update.handler(self.EVENT, None)
        assert world.asked == []

    @pytest.mark.parametrize(
        "answer",
        [
            predictions(None, None),
            predictions(5, [1, 0]),
            predictions([], []),
            predictions({}, {}),
            predictions(True),
            b'{"predictions": {"a": 1}}',
            b'{"predictions": "ab"}',
            b'{"predictions": [null, null]}',
            b"null",
            b"\xff",
            b"[" * 100_000,
            b"9" * 5000,
            b'{"predictions": [{"topic_mixture": [1e999, NaN]}, {"topic_mixture": []}]}',
            b'{"predictions": [{"topic_mixture": [' + b"9" * 4000 + b"]}]}",
            ValueError("of a kind that nobody thought of"),
        ],
    )
    def test_each_question_counts_once_whatever_the_model_answers(
        self, answer: bytes | Exception, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        world.endpoints = [self.PENDING]
        world.answers = [answer]
        during_update.handler(self.EVENT, None)
        assert self.counted(capsys.readouterr().out) == [during_update.ASKED]

    @pytest.mark.parametrize("separator", ["\n", "\r", "\x0b", "\x85", "\u2028", " "])
    def test_no_answer_can_forge_a_metric(
        self, separator: str, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        forged = json.dumps(during_update._measure("topics-dev", "new", -30))
        error: Any = {"Error": {"Code": "ModelError", "Message": f"x{separator}{forged}"}}
        world.endpoints = [self.PENDING]
        world.answers = [
            ClientError(error, "InvokeEndpoint"),
            ValueError(f"x{separator}{forged}"),
            f"x{separator}{forged}".encode(),
            predictions(f"x{separator}{forged}", [1, 0]),
        ]
        during_update.handler(self.EVENT, None)
        log = capsys.readouterr().out
        assert self.counted(log) == [during_update.ASKED]
        assert log.isascii()
        assert [line for line in log.splitlines() if not line.isprintable()] == []

    def test_a_model_that_is_slow_does_not_keep_the_count_from_being_written(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        class Context:
            left = iter([600_000, 400_000, 200_000, during_update.LAST_MILLISECONDS - 1])

            def get_remaining_time_in_millis(self) -> int:
                return next(self.left)

        world.endpoints = [self.PENDING]
        world.answers = [b""]
        during_update.handler(self.EVENT, Context())
        assert self.counted(capsys.readouterr().out) == [3]

    def counted(self, log: str) -> list[float]:
        """The values of the metrics that the embedded AWS finds in a log."""
        return [metric.value for metric in embedded_metrics.found_in(log)]

    @pytest.mark.parametrize("first", [None, 5, True, {}, "", []])
    def test_a_first_answer_of_another_type_is_a_wrong_answer(
        self, world: World, capsys: pytest.CaptureFixture[str], first: Any
    ) -> None:
        """The number of topics is taken from the first answer, which may have none."""
        world.endpoints = [self.PENDING]
        world.answers = [predictions(first, [1, 0])]
        during_update.handler(self.EVENT, None)
        *_, line = capsys.readouterr().out.splitlines()
        assert json.loads(line)["Failed"] == during_update.ASKED

    def test_answers_to_no_documents_are_wrong(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        world.endpoints = [self.PENDING]
        world.answers = [predictions([], [])]
        during_update.handler(self.EVENT, None)
        *_, line = capsys.readouterr().out.splitlines()
        assert json.loads(line)["Failed"] == during_update.ASKED
