"""The steps of an environment's life in their order: what each does, and what it expects."""

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from acceptance import probes
from acceptance.stage import TOPICS, Done, Stage, Unexpected
from topics.endpoint.payload import CONTENT_TYPES
from topics.endpoint.state import model_address

OTHER_TOPICS = 3
TOLERANCE = 1e-4  # between the answers to two formats: CSV and JSON write rounded decimals
REASON_CHARACTERS = 60  # of a failed job's reason, which CloudFormation may cut
ALARM_PAUSE = 0.5  # seconds: DescribeAlarms and SetAlarmState are throttled at a few a second
# The end of a logical id: the configuration's digest, if an alarm has one, and the CDK's digest.
DIGESTS = re.compile(r"([0-9a-f]{8})?[0-9A-F]{8}$")


@dataclass(frozen=True)
class Step:
    """A step of the life.

    Attributes:
        title: The step's name.
        expected: What AWS is expected to do.
        minutes: About how long that takes on AWS.
        do: Runs the step, and returns what AWS did. Raises `Unexpected`, or an error of a client.
        jobs: How many training jobs the step starts.
    """

    title: str
    expected: str
    minutes: int
    do: Callable[[Stage], str]
    jobs: int = 0


def steps(*, canary: bool) -> list[Step]:
    """Return all steps; `canary` adds those that need two instances and updates in steps."""
    return [
        Step("preflight", "no check fails", 1, preflight),
        Step(
            "deploy",
            f"one job; the endpoint answers with {TOPICS} topics",
            14,
            deploy_first,
            jobs=1,
        ),
        Step("deploy again", "no job, the same outputs", 1, deploy_first_model),
        Step("predict", f"the same mixtures in {_formats()}", 1, predict_in_all_formats),
        Step("watch", "alarms on the endpoint, none of them in ALARM", 8, watch),
        Step(
            f"model.num_topics {OTHER_TOPICS}",
            f"one job; the endpoint is updated to {OTHER_TOPICS} topics",
            14 + 10 * canary,
            deploy_other,
            jobs=1,
        ),
        Step(
            f"model.num_topics {TOPICS} again",
            "no job; the first model and the first outputs",
            8 + 10 * canary,
            deploy_first_model,
        ),
        Step("other tags alone", "no job, the first model", 4, deploy_tags),
        Step(
            "a model that fails",
            "the deployment fails with the job's reason and rolls back; the first model answers",
            6,
            deploy_broken,
            jobs=1,
        ),
        *([_rolled_back_by_alarm()] if canary else []),
        Step("sleep", "the endpoint goes, its model stays", 4, sleep),
        Step(
            "probe a job and an endpoint",
            "none: these are questions",
            12 + 20 * canary,
            probe_canary if canary else probe,
            jobs=1,
        ),
        Step("wake", "no job; the first model answers", 8, deploy_first_model),
        Step("destroy", "the stacks go", 6, destroy),
        Step("leftovers", "nothing is left", 1, leftovers),
        Step(
            "deploy after destroy",
            f"one job; the endpoint answers with {TOPICS} topics",
            14,
            deploy_first,
            jobs=1,
        ),
        Step("destroy again", "the stacks go, nothing is left", 7, destroy_again),
    ]


def _rolled_back_by_alarm() -> Step:
    return Step(
        "an update that an alarm rolls back",
        "SageMaker rolls back, the deployment fails and says so; the first model answers",
        30,
        deploy_in_alarm,
        jobs=1,
    )


def _formats() -> str:
    return ", ".join(CONTENT_TYPES)


def preflight(stage: Stage) -> str:
    """Run preflight."""
    done = stage.ask("preflight")
    lines = [line for line in done.output.splitlines() if line.startswith(("fail", "warn"))]
    if done.code:
        raise Unexpected("\n".join(lines) or done.last())
    return "; ".join(["nothing fails", *lines])


def deploy_first(stage: Stage) -> str:
    """Deploy for the first time, or for the first time after a `destroy`."""
    jobs = stage.jobs()
    outputs = stage.deployed()
    stage.kept["first"] = outputs
    return f"{_started(stage, jobs, 1)}; {_answers(stage, outputs, TOPICS)}"


def predict_in_all_formats(stage: Stage) -> str:
    """Ask for every test document, in every format of requests."""
    answers = {form: _predict(stage, form) for form in CONTENT_TYPES}
    first = next(iter(answers.values()))
    if first.shape[1] != TOPICS:
        raise Unexpected(f"the endpoint answers with {first.shape[1]} topics, not {TOPICS}")
    difference = max(float(np.abs(one - first).max()) for one in answers.values())
    told = f"{len(first)} documents each; the largest difference is {difference:.1g}"
    if difference > TOLERANCE:
        raise Unexpected(told)
    return told


def watch(stage: Stage) -> str:
    """Look at the alarms, metrics and logs of an endpoint that has answered requests."""
    percentiles = probes.ask(stage, probes.PERCENTILES, probes.read_percentiles)
    logs = probes.ask(stage, probes.LOGS, probes.read_logs)
    found = stage.client("cloudwatch").describe_alarms(
        AlarmNamePrefix=f"{stage.settings.name}-serving-"
    )["MetricAlarms"]
    states = {
        DIGESTS.sub("", alarm["AlarmName"].split("-")[-2]): alarm["StateValue"] for alarm in found
    }
    told = ", ".join(f"{name} {state}" for name, state in sorted(states.items()))
    if not found or "ALARM" in states.values():
        raise Unexpected(f"alarms: {told or 'none'}")
    return f"alarms: {told}; percentiles: {percentiles}; logs: {logs}"


def deploy_other(stage: Stage) -> str:
    """Deploy another number of topics."""
    jobs = stage.jobs()
    outputs = stage.deployed(model__num_topics=str(OTHER_TOPICS))
    if outputs["ModelArtifact"] == stage.kept["first"]["ModelArtifact"]:
        raise Unexpected("the model is the first one")
    return f"{_started(stage, jobs, 1)}; {_answers(stage, outputs, OTHER_TOPICS)}"


def deploy_tags(stage: Stage) -> str:
    """Deploy with one more tag, and check whether the endpoint was updated."""
    sagemaker, name = stage.client("sagemaker"), stage.settings.name
    before = sagemaker.describe_endpoint(EndpointName=name)
    told = deploy_first_model(stage, tags__acceptance="tags")
    after = sagemaker.describe_endpoint(EndpointName=name)
    same = before["EndpointConfigName"] == after["EndpointConfigName"]
    touched = before["LastModifiedTime"] != after["LastModifiedTime"]
    tags = sagemaker.list_tags(ResourceArn=after["EndpointArn"])["Tags"]
    stage.answers[probes.TAGS_ALONE] = (
        f"{'the same' if same else 'another'} configuration; "
        f"{'it was updated' if touched else 'it was not updated'}; "
        f"{'it has the tag' if 'acceptance' in [tag['Key'] for tag in tags] else 'no new tag'}"
    )
    return f"{told}; {stage.answers[probes.TAGS_ALONE]}"


def deploy_broken(stage: Stage) -> str:
    """Deploy data that LDA can't read."""
    jobs = stage.jobs()
    done = stage.deploy(prepared=str((stage.folder / "broken").absolute()))
    _started(stage, jobs, 1)
    described = stage.client("sagemaker").describe_training_job(TrainingJobName=stage.jobs()[0])
    reason = _in_one_line(described.get("FailureReason", ""))
    if not done.code:
        raise Unexpected("the deployment succeeded")
    if not reason or reason[:REASON_CHARACTERS] not in _in_one_line(done.output):
        raise Unexpected(
            f"the deployment did not show the job's reason {reason!r}, but:\n{done.last()}"
        )
    return f"reason shown: {reason}; {_rolled_back(stage, 'training')}; {_still_first(stage)}"


def deploy_in_alarm(stage: Stage) -> str:
    """Deploy a good model, and set a rollback alarm of its update to ALARM."""
    name = stage.settings.name
    with _alarms_of_updates(stage):
        done = stage.deploy(model__num_topics=str(OTHER_TOPICS), model__revision="turned back")
    described = stage.client("sagemaker").describe_endpoint(EndpointName=name)
    status = stage.stack_status(f"{name}-serving")
    stage.answers[probes.TURNED_BACK] = (
        f"the deployment ends with exit code {done.code}, the stack is {status}, the endpoint "
        f"{described['EndpointStatus']}; reason shown: {_reason(done)}"
    )
    if not done.code:
        raise Unexpected(f"the deployment succeeded; the stack is {status}")
    return f"{_rolled_back(stage, 'serving')}; {_still_first(stage)}; reason: {_reason(done)}"


def sleep(stage: Stage) -> str:
    """Put the endpoint to sleep."""
    outputs = stage.deployed(endpoint__enabled="false")
    found = stage.client("sagemaker").list_endpoints(NameContains=stage.settings.name)["Endpoints"]
    if found:
        raise Unexpected(f"there is an endpoint, {found[0]['EndpointStatus']}")
    if outputs["ModelArtifact"] != stage.kept["first"]["ModelArtifact"]:
        raise Unexpected(f"the model is {outputs['ModelArtifact']}")
    return "no endpoint; the first model stays"


def probe(stage: Stage) -> str:
    """Run the probes that do not need the stack's endpoint."""
    asked = {
        "the job": probes.ask(stage, probes.STOPPING, probes.stop_a_starting_job),
        "the endpoint": probes.ask(stage, probes.CREATING, probes.delete_while_creating),
    }
    probes.remove(stage)
    return "; ".join(f"{what}: {answer}" for what, answer in asked.items())


def probe_canary(stage: Stage) -> str:
    """Run the same probes, and check whether AWS rejects an update while its alarm is in ALARM."""
    told = probe(stage)
    answer = probes.ask(stage, probes.IN_ALARM, probes.update_while_in_alarm)
    probes.remove(stage)
    return f"{told}; the update: {answer}"


def destroy(stage: Stage) -> str:
    """Destroy with the CDK's command line."""
    done = stage.cdk("destroy", "--force")
    there = {name: stage.stack_status(name) for name in stage.settings.stacks}
    left = [f"{name} is {status}" for name, status in there.items() if status]
    if done.code or left:
        raise Unexpected("; ".join([f"exit code {done.code}", *left]))
    listed = probes.ask(stage, probes.STILL_LISTED, probes.count_listed)
    return f"no stack is there; the tagging API lists {listed}"


def leftovers(stage: Stage) -> str:
    """Run leftovers."""
    done = stage.ask("leftovers")
    if done.code:
        raise Unexpected(done.last())
    return "nothing is left"


def destroy_again(stage: Stage) -> str:
    """Destroy for the second time, and look for leftovers."""
    return f"{destroy(stage)}; {leftovers(stage)}"


def deploy_first_model(stage: Stage, **settings: str) -> str:
    """Deploy what was deployed before: no job may start, and the outputs must be the first ones."""
    jobs = stage.jobs()
    outputs = stage.deployed(**settings)
    if outputs != stage.kept["first"]:
        changed = [key for key in outputs if outputs[key] != stage.kept["first"].get(key)]
        raise Unexpected(f"other outputs than the first: {', '.join(changed)}")
    return f"{_started(stage, jobs, 0)}; the first outputs; {_answers(stage, outputs, TOPICS)}"


def _started(stage: Stage, before: list[str], wanted: int) -> str:
    started = [job for job in stage.jobs() if job not in before]
    told = f"{len(started)} job{'' if len(started) == 1 else 's'} started"
    if len(started) != wanted:
        raise Unexpected(told)
    return told if wanted else "no job"


def _answers(stage: Stage, outputs: dict[str, str], topics: int) -> str:
    """Ask the endpoint, which must serve the model of the outputs."""
    served = model_address(outputs["EndpointName"])
    if served != outputs["ModelArtifact"]:
        raise Unexpected(f"the endpoint runs {served}, not {outputs['ModelArtifact']}")
    found = _predict(stage, "csv").shape[1]
    if found != topics:
        raise Unexpected(f"the endpoint answers with {found} topics, not {topics}")
    return f"{topics} topics"


def _still_first(stage: Stage) -> str:
    return f"the first model answers with {_answers(stage, stage.kept['first'], TOPICS)}"


def _predict(stage: Stage, form: str) -> Any:
    """Run `topics predict` on the test documents; return their (documents, K) mixtures."""
    out = f"predictions-{form}.jsonl"
    asked = ("--endpoint", stage.settings.name, "prepared/test.recordio", "--content-type", form)
    done = stage.run("python", "-m", "topics", "predict", *asked, "--out", out)
    if done.code:
        raise Unexpected(done.last())
    lines = (stage.folder / out).read_text(encoding="utf-8").splitlines()
    mixtures = [json.loads(line)["topic_mixture"] for line in lines]
    return np.array([mixture for mixture in mixtures if mixture is not None], np.float64)


def _rolled_back(stage: Stage, part: str) -> str:
    name = f"{stage.settings.name}-{part}"
    status = stage.stack_status(name)
    if status != "UPDATE_ROLLBACK_COMPLETE":
        raise Unexpected(f"{name} is {status}")
    return f"{name} is {status}"


@contextlib.contextmanager
def _alarms_of_updates(stage: Stage) -> Iterator[None]:
    """Within the block, keep every new alarm in ALARM: those of the new configuration.

    CloudWatch resets an alarm when it next reads the metric, so they are set again and again.
    """
    cloudwatch = stage.client("cloudwatch")
    prefix = f"{stage.settings.name}-serving-NewServerErrors"

    def names() -> set[str]:
        alarms = cloudwatch.describe_alarms(AlarmNamePrefix=prefix)["MetricAlarms"]
        return {alarm["AlarmName"] for alarm in alarms}

    before, over = names(), threading.Event()

    def set_new() -> None:
        while not over.wait(ALARM_PAUSE):
            with contextlib.suppress(cloudwatch.exceptions.ClientError):  # it was deleted again
                for name in names() - before:
                    cloudwatch.set_alarm_state(
                        AlarmName=name, StateValue="ALARM", StateReason="acceptance"
                    )

    thread = threading.Thread(target=set_new, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _reason(done: Done) -> str:
    """Return CloudFormation's reason for the first resource that failed."""
    failed = [line for line in done.output.splitlines() if "_FAILED " in line]
    return _in_one_line(failed[0].rpartition("|")[2] if failed else done.last(1))


def _in_one_line(text: str) -> str:
    return " ".join(text.split())
