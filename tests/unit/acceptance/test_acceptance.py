"""The acceptance: it says first what it bills, and destroys whatever happens."""

import datetime
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from acceptance import __main__ as acceptance
from acceptance import cleanup, estimate, life, waiting
from acceptance import stage as stage_module
from acceptance.interruptions import SIGNALS, Interruptions
from acceptance.life import Step, steps
from acceptance.report import AS_EXPECTED, NOT_ASKED, NOT_REACHED, OTHERWISE, Outcome, Report
from acceptance.stage import Done, Stage, Unexpected, make_stage
from operations.cost.prices import PriceList
from operations.cost.quantities import Item, Product, items
from operations.leftovers import Resource
from stacks.settings import Settings, load
from stacks.settings.model import ModelSettings
from tests.support.waiting import wait_for

SETTINGS = Settings(env="acc-1", region="eu-west-1")
DAY = datetime.date(2026, 7, 1)


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Take all signals, which whoever started the tests may ignore."""
    before = {one: signal.signal(one, signal.default_int_handler) for one in SIGNALS}
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


def stage(folder: Path) -> Stage:
    return Stage(folder, SETTINGS)


def report() -> Report:
    return Report("topic-model-acc-1", "eu-west-1 of AWS", "123456789012", {"commit": "a1b2"}, {})


def step(title: str, do: Callable[[Stage], str]) -> Step:
    return Step(title, "it works", 1, do)


def works(_: Stage) -> str:
    return "it worked"


def raising(error: BaseException) -> Callable[[Stage], str]:
    def do(_: Stage) -> str:
        raise error

    return do


@pytest.fixture
def destroyed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Names of the environments that were destroyed."""
    names: list[str] = []

    def clean_up(stage: Stage) -> list[Resource]:
        names.append(stage.settings.name)
        return []

    monkeypatch.setattr(acceptance, "clean_up", clean_up)
    monkeypatch.setattr(acceptance, "REPORT", tmp_path / "acceptance.md")
    return names


class TestDestroy:
    @pytest.mark.parametrize("number", range(len(steps(canary=True))))
    @pytest.mark.parametrize(
        "error", [Unexpected("other"), RuntimeError("a bug"), KeyboardInterrupt(), SystemExit(1)]
    )
    def test_everything_is_destroyed_and_told_whichever_step_fails_and_how(
        self, destroyed: list[str], tmp_path: Path, number: int, error: BaseException
    ) -> None:
        taken = [step(one.title, works) for one in steps(canary=True)]
        taken[number] = step(taken[number].title, raising(error))
        told = report()
        raised: AbstractContextManager[Any] = nullcontext()
        if not isinstance(error, Unexpected):
            raised = pytest.raises(type(error))
        with raised:
            acceptance.play(stage(tmp_path), taken, told, Interruptions())
        assert destroyed == ["topic-model-acc-1"]
        assert not told.is_good
        assert [one.state for one in told.outcomes[:number]] == [AS_EXPECTED] * number
        later = told.outcomes[number + 1 :]
        assert [one.state for one in later] == [NOT_REACHED] * (len(taken) - number - 1)
        assert (tmp_path / "acceptance.md").read_text() == told.text()

    def test_a_run_as_expected_is_destroyed_too(self, destroyed: list[str], tmp_path: Path) -> None:
        told = report()
        acceptance.play(stage(tmp_path), [step("a", works)], told, Interruptions())
        assert destroyed == ["topic-model-acc-1"]
        assert told.is_good

    @pytest.mark.parametrize("number", SIGNALS)
    def test_a_signal_ends_the_steps_and_no_second_one_ends_the_destruction(
        self,
        destroyed: list[str],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        number: signal.Signals,
    ) -> None:
        def clean_up(_: Stage) -> list[Resource]:
            os.kill(os.getpid(), number)
            destroyed.append("whole")
            return []

        monkeypatch.setattr(acceptance, "clean_up", clean_up)

        def killed(_: Stage) -> str:
            os.kill(os.getpid(), number)
            return "not interrupted"

        told = report()
        taken = [step("a", killed), step("b", works)]
        with Interruptions() as interruptions, pytest.raises(KeyboardInterrupt):
            acceptance.play(stage(tmp_path), taken, told, interruptions)
        assert destroyed == ["whole"]
        assert [one.state for one in told.outcomes] == ["interrupted", NOT_REACHED]

    def test_a_destruction_that_is_not_interrupted_by_a_first_signal_either(
        self, destroyed: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        def clean_up(_: Stage) -> list[Resource]:
            os.kill(os.getpid(), signal.SIGINT)
            destroyed.append("whole")
            return []

        monkeypatch.setattr(acceptance, "clean_up", clean_up)
        with Interruptions() as interruptions:
            acceptance.play(stage(tmp_path), [step("a", works)], report(), interruptions)
        assert destroyed == ["whole"]

    def test_a_command_and_what_it_started_end_when_the_run_is_interrupted(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        def interrupt(text: str = "", **_: Any) -> None:
            if text.startswith("begun"):
                os.kill(os.getpid(), signal.SIGTERM)

        monkeypatch.setattr("builtins.print", interrupt)
        os.mkfifo(tmp_path / "held")
        held = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
        script = "exec 3> held; sleep 1000 & echo begun; wait"  # which holds it as well
        with Interruptions(), pytest.raises(KeyboardInterrupt):
            stage(tmp_path).run("bash", "-c", script)
        assert (tmp_path / "log.txt").read_text().endswith("begun\n")
        wait_for(lambda: has_ended(held), "somebody still holds it")
        os.close(held)


def has_ended(pipe: int) -> bool:
    """Whether nobody has the other end of a pipe open."""
    try:
        return os.read(pipe, 1) == b""
    except BlockingIOError:
        return False


def refused(message: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "Operation")


@dataclass
class CloudFormation:
    """Stacks with the states that they go through, one at each look; the last one stays.

    A deletion ends them, unless a stack is one of `stubborn`.
    """

    states: dict[str, list[str]]
    stubborn: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)

    def list_training_jobs(self, **asked: str) -> dict[str, Any]:
        assert asked == {"NameContains": "topic-model-acc-1-", "StatusEquals": "InProgress"}
        return {"TrainingJobSummaries": [{"TrainingJobName": name} for name in self.jobs]}

    def stop_training_job(self, TrainingJobName: str) -> None:  # noqa: N803
        self.calls.append(f"stop {TrainingJobName}")

    @property
    def exceptions(self) -> Any:
        return SimpleNamespace(ClientError=ClientError)

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        if StackName not in self.states:
            raise refused(f"Stack with id {StackName} does not exist")
        states = self.states[StackName]
        status = states.pop(0) if len(states) > 1 else states[0]
        return {"Stacks": [{"StackStatus": status}]}

    def cancel_update_stack(self, StackName: str) -> None:  # noqa: N803
        self.calls.append(f"cancel {StackName}")

    def delete_stack(self, StackName: str) -> None:  # noqa: N803
        self.calls.append(f"delete {StackName} {self.states[StackName][0]}")
        if StackName in self.stubborn:
            raise refused("it has a mind of its own")
        del self.states[StackName]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PAUSE", 0)
    monkeypatch.setattr(cleanup, "LATE_MINUTES", 0)
    monkeypatch.setattr(cleanup, "remove", lambda _: None)


def cleaned(cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch) -> list[Resource]:
    """Clean up an environment of these stacks."""
    there = stage(Path())
    there.client = lambda _: cloudformation

    def left_of(*_: Any) -> list[Resource]:
        return [Resource("stack", name) for name in cloudformation.states]

    monkeypatch.setattr(cleanup, "left_of", left_of)
    return cleanup.clean_up(there)


STORAGE, PREPARATION, TRAINING, SERVING = SETTINGS.stacks


@pytest.mark.usefixtures("at_once")
class TestCleanUp:
    def test_the_latest_stack_goes_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made = CloudFormation({name: ["CREATE_COMPLETE"] for name in SETTINGS.stacks})
        assert cleaned(made, monkeypatch) == []
        assert made.calls == [
            f"delete {name} CREATE_COMPLETE" for name in (SERVING, TRAINING, PREPARATION, STORAGE)
        ]

    def test_a_stack_that_trains_is_deleted_at_once_which_stops_its_job(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = CloudFormation({TRAINING: ["CREATE_IN_PROGRESS"]})
        assert cleaned(made, monkeypatch) == []
        assert made.calls == [f"delete {TRAINING} CREATE_IN_PROGRESS"]

    def test_an_endpoint_that_is_being_created_is_waited_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = CloudFormation({SERVING: ["CREATE_IN_PROGRESS"] * 9 + ["CREATE_COMPLETE"]})
        assert cleaned(made, monkeypatch) == []
        assert made.calls == [f"delete {SERVING} CREATE_COMPLETE"]

    def test_an_update_is_cancelled_and_its_rollback_waited_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        states = ["UPDATE_IN_PROGRESS"] * 2 + ["UPDATE_ROLLBACK_IN_PROGRESS"] * 3
        made = CloudFormation({TRAINING: [*states, "UPDATE_ROLLBACK_COMPLETE"]})
        assert cleaned(made, monkeypatch) == []
        assert made.calls == [
            f"cancel {TRAINING}",
            f"delete {TRAINING} UPDATE_ROLLBACK_COMPLETE",
        ]

    def test_a_job_that_an_update_waits_for_is_stopped_first(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = CloudFormation({TRAINING: ["UPDATE_IN_PROGRESS"] * 2 + ["UPDATE_ROLLBACK_COMPLETE"]})
        made.jobs = ["topic-model-acc-1-abc"]
        assert cleaned(made, monkeypatch) == []
        assert made.calls[:2] == ["stop topic-model-acc-1-abc", f"cancel {TRAINING}"]

    def test_what_cant_be_deleted_keeps_nothing_else_and_is_told(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = CloudFormation(
            {name: ["CREATE_COMPLETE"] for name in SETTINGS.stacks}, stubborn={SERVING}
        )
        assert cleaned(made, monkeypatch) == [Resource("stack", SERVING)]
        assert made.calls.count(f"delete {SERVING} CREATE_COMPLETE") == cleanup.TIMES


def test_an_environment_of_its_own_takes_the_account_of_another_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not what `cdk.json` says of all environments, either."""
    flag = "@aws-cdk/core:checkSecretUsage"
    context = {
        flag: True,
        "model": {"num_topics": 7},
        "defaults": {"bucket": "theirs"},
        "environments": {},
    }
    (tmp_path / "cdk.json").write_text(json.dumps({"context": context}))
    monkeypatch.setattr(stage_module, "PROJECT", tmp_path)
    monkeypatch.setattr(stage_module, "_prepare", lambda _: None)
    of = Settings(
        env="prod",
        account="123456789012",
        owner="Search",
        tags={"team": "a"},
        bucket="theirs",
        retain_data=True,
        termination_protection=True,
        model=ModelSettings(num_topics=9),
    )
    extra = {"endpoint": {"instance_count": 2}}
    made = make_stage(tmp_path / "own", of, "eu-west-1", "acc-1", extra).settings
    assert made.name == "topic-model-acc-1"
    assert (made.account, made.region) == ("123456789012", "eu-west-1")
    assert made.all_tags == {
        "project": "topic-model",
        "environment": "acc-1",
        "owner": "Search",
        "team": "a",
    }
    assert (made.bucket, made.retain_data, made.termination_protection) == (None, False, False)
    assert (made.model.num_topics, made.endpoint.instance_count) == (5, 2)
    assert made.endpoint.instance_type == "ml.t2.medium"
    written = json.loads((tmp_path / "own/cdk.json").read_text())["context"]
    assert written[flag]
    assert load(written) == made


class TestAsking:
    @pytest.fixture
    def played(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
        """The environments that a run would have gone through."""
        names: list[str] = []

        class Sts:
            def get_caller_identity(self) -> dict[str, str]:
                return {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/me"}

        def make_stage(_: Any) -> Stage:
            there = stage(tmp_path)
            there.client = lambda _: Sts()
            return there

        def play(stage: Stage, *_: Any) -> None:
            names.append(stage.settings.name)

        monkeypatch.setattr(acceptance, "_make_stage", make_stage)
        monkeypatch.setattr(acceptance, "_facts", lambda _: {})
        monkeypatch.setattr(acceptance, "_estimate", lambda *_: ["It bills 1 USD"])
        monkeypatch.setattr(acceptance, "play", play)
        return names

    @pytest.mark.parametrize("answer", ["n\n", "\n", "", "yeah\n"])
    def test_no_answer_but_yes_begins_and_the_cost_is_said_before(
        self,
        played: list[str],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        answer: str,
    ) -> None:
        monkeypatch.setattr("sys.stdin.readline", lambda: answer, raising=False)
        assert acceptance.main([]) == 1
        assert played == []
        told = capsys.readouterr().out
        assert told.index("It bills 1 USD") < told.index("Go on? [y/N]")
        assert told.endswith("acceptance: nothing was done\n")

    def test_yes_begins(self, played: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin.readline", lambda: "y\n", raising=False)
        assert acceptance.main([]) == 1  # the report has no steps, and nobody has looked
        assert played == ["topic-model-acc-1"]

    def test_with_yes_nobody_is_asked_and_the_cost_is_said(
        self, played: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        acceptance.main(["--yes"])
        assert played == ["topic-model-acc-1"]
        told = capsys.readouterr().out
        assert "It bills 1 USD" in told
        assert "Go on?" not in told

    @pytest.mark.parametrize("subnets", ["subnet-1", "vpc-1,vpc-2", "subnet-1,", ""])
    def test_subnets_that_are_none_are_wrong_use(self, subnets: str) -> None:
        with pytest.raises(SystemExit) as ended:
            acceptance.main(["--vpc", subnets])
        assert ended.value.code == 2


def item(name: str, usage: str, amount: float, per: str) -> Item:
    return Item(name, amount, "hours", per, Product("AmazonSageMaker", usage, "a", "b"))


class TestEstimate:
    LIFE = (
        Step("a", "", 50, works, jobs=1),
        Step("b", "", 40, works, jobs=1),
    )

    def test_it_is_the_share_of_a_month_and_all_jobs(self) -> None:
        billed = [
            item("endpoint", "Host:x", 730, "a month"),
            item("training", "Train:x", 0.25, "a training run"),
        ]
        prices = PriceList(DAY, {"Host:x": Decimal("0.10"), "Train:x": Decimal("0.40")})
        assert list(estimate.lines(billed, prices, self.LIFE))[:-1] == [
            "It takes about 90 minutes on AWS, and costs at most 0.35 USD:",
            "  endpoint  1.5  hours  0.15 USD",
            "  training  0.5  hours  0.20 USD",
            "Prices on demand, from the AWS Price List of 2026-07-01.",
        ]

    def test_what_has_no_price_is_told(self) -> None:
        billed = [
            item("endpoint", "Host:x", 730, "a month"),
            item("training", "Train:x", 0.25, "a training run"),
        ]
        some = list(estimate.lines(billed, PriceList(DAY, {"Host:x": Decimal(1)}), self.LIFE))
        none = list(estimate.lines(billed, PriceList(DAY, {}), self.LIFE))
        assert some[0].endswith("costs 1.50 USD, without the items that have no price here:")
        assert some[2].endswith("no price")
        assert none[0].endswith("AWS gave no prices of what it uses:")

    def test_each_item_of_an_environment_is_in_it_but_transform_jobs_which_no_step_runs(
        self,
    ) -> None:
        billed = list(items(SETTINGS, None, requests=0, request_ms=1))
        told = "\n".join(estimate.lines(billed, PriceList(DAY, {}), self.LIFE))
        assert {one.name for one in billed if one.name not in told} == {"transform: ml.m4.xlarge"}


def test_the_report_reads_so() -> None:
    told = Report(
        "topic-model-acc-1",
        "eu-west-1 of AWS",
        "123456789012",
        {"commit": "a1b2", "options": "none"},
        {"Has ModelLatency p50, p90 and p99?": "yes: p50 1 µs"},
        [
            Outcome("preflight", "no check fails", "nothing fails", AS_EXPECTED, 4.6),
            Outcome("deploy", "one job", "arn:aws:x:123456789012:a|b\n<failed>", OTHERWISE, 60),
            Outcome("sleep", "the endpoint goes", "", NOT_REACHED),
        ],
        ["stack topic-model-acc-1-storage"],
    )
    assert (
        told.text()
        == f"""\
# Acceptance of topic-model-acc-1 in eu-west-1 of AWS

1 of 3 steps went as expected; 1 is left.

- commit: a1b2
- options: none

## Steps

| step | expected | what AWS did | as expected | seconds |
| --- | --- | --- | --- | --- |
| preflight | no check fails | nothing fails | yes | 5 |
| deploy | one job | arn:aws:x:ACCOUNT:a\\|b<br>&lt;failed> | NO | 60 |
| sleep | the endpoint goes |  | not reached |  |
| all |  |  |  | 65 |

## Questions that AWS's documentation leaves open

| question | answer |
| --- | --- |
| Does UpdateEndpoint refuse while a rollback alarm is in ALARM? | {NOT_ASKED} |
| What does CloudFormation do when SageMaker has rolled an update back? | {NOT_ASKED} |
| What does CloudFormation do with the endpoint for a change of tags alone? | {NOT_ASKED} |
| Can an endpoint in `Creating` be deleted? | {NOT_ASKED} |
| How long does a job that is still starting take to stop? | {NOT_ASKED} |
| Has ModelLatency p50, p90 and p99? | yes: p50 1 µs |
| Does SageMaker log to a group that exists, when it may not create groups? | {NOT_ASKED} |
| How many resources does the tagging API still list after `destroy`? | {NOT_ASKED} |

## Left at the end

- stack topic-model-acc-1-storage
"""
    )


OUTPUTS = {"EndpointName": "topic-model-acc-1", "ModelArtifact": "s3://a/first"}


class Played(Stage):
    """A stage on which everything is as expected, but for what a test sets."""

    code = 0
    output = ""
    outputs = OUTPUTS
    started: tuple[str, ...] = ()

    def run(self, *argv: str) -> Done:
        return Done(self.code, self.output)

    def jobs(self) -> list[str]:
        """As of the first question; from then on those that were started are there too."""
        there = list(self.kept.get("jobs", ()))
        self.kept["jobs"] = self.started
        return there

    def deployed(self, **settings: str) -> dict[str, str]:
        return self.outputs

    def stack_status(self, name: str) -> str | None:
        return "CREATE_COMPLETE"


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Played:
    made = Played(tmp_path, SETTINGS, kept={"first": OUTPUTS})
    monkeypatch.setattr(life, "model_address", lambda _: made.outputs["ModelArtifact"])
    monkeypatch.setattr(life, "_predict", lambda *_: np.full((2, 5), 0.2))
    return made


class TestSteps:
    def test_what_is_as_expected_is_told(self, played: Played) -> None:
        assert life.deploy_first_model(played) == "no job; the first outputs; 5 topics"

    def test_a_job_that_nothing_needs_is_unexpected(self, played: Played) -> None:
        played.started = ("job",)
        with pytest.raises(Unexpected, match="1 job started"):
            life.deploy_first_model(played)

    def test_a_deployment_that_trains_nothing_new_is_unexpected(self, played: Played) -> None:
        with pytest.raises(Unexpected, match="0 jobs started"):
            life.deploy_first(played)

    def test_another_model_than_the_first_is_unexpected(self, played: Played) -> None:
        played.outputs = OUTPUTS | {"ModelArtifact": "s3://a/other"}
        with pytest.raises(Unexpected, match="other outputs than the first: ModelArtifact"):
            life.deploy_first_model(played)

    def test_an_endpoint_with_another_model_than_deployed_is_unexpected(
        self, played: Played, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(life, "model_address", lambda _: "s3://a/old")
        with pytest.raises(Unexpected, match="the endpoint runs s3://a/old, not s3://a/first"):
            life.deploy_first_model(played)

    def test_formats_with_other_answers_are_unexpected(
        self, played: Played, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers = {"csv": np.full((2, 5), 0.2), "recordio": np.full((2, 5), 0.3)}
        monkeypatch.setattr(life, "_predict", lambda _, form: answers.get(form, answers["csv"]))
        with pytest.raises(Unexpected, match=r"the largest difference is 0\.1"):
            life.predict_in_all_formats(played)

    def test_a_deletion_that_leaves_stacks_is_unexpected(self, played: Played) -> None:
        with pytest.raises(Unexpected, match="topic-model-acc-1-storage is CREATE_COMPLETE"):
            life.destroy(played)

    @pytest.mark.parametrize("do", [life.preflight, life.leftovers])
    def test_a_check_that_fails_is_unexpected_in_its_words(
        self, played: Played, do: Callable[[Stage], str]
    ) -> None:
        played.code, played.output = 1, "fail  quotas: none\n"
        with pytest.raises(Unexpected, match="fail  quotas: none"):
            do(played)
