"""Questions about AWS that its documentation leaves open, asked with the environment's resources.

A probe does not change the stacks. Its own resources are called `probe_name`, and `remove` deletes
them. An error of AWS is an answer too, so no probe makes the acceptance fail.
"""

import datetime
import secrets
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from acceptance.stage import Stage
from acceptance.waiting import wait_until

STOPPING = "How long does a job that is still starting take to stop?"
CREATING = "Can an endpoint in `Creating` be deleted?"
IN_ALARM = "Does UpdateEndpoint refuse while a rollback alarm is in ALARM?"
TURNED_BACK = "What does CloudFormation do when SageMaker has rolled an update back?"
TAGS_ALONE = "What does CloudFormation do with the endpoint for a change of tags alone?"
PERCENTILES = "Has ModelLatency p50, p90 and p99?"
LOGS = "Does SageMaker log to a group that exists, when it may not create groups?"
STILL_LISTED = "How many resources does the tagging API still list after `destroy`?"
QUESTIONS = (
    IN_ALARM,
    TURNED_BACK,
    TAGS_ALONE,
    CREATING,
    STOPPING,
    PERCENTILES,
    LOGS,
    STILL_LISTED,
)
STATISTICS = ["p50", "p90", "p99"]
METRIC_MINUTES = 5
ENDPOINT_MINUTES = 20
JOB_MINUTES = 20
# The members that CreateTrainingJob's request shares with DescribeTrainingJob's answer.
JOB_MEMBERS = (
    "HyperParameters",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "VpcConfig",
)


def probe_name(stage: Stage) -> str:
    """Return a probe's name; with it `operations leftovers` finds the probe's resources."""
    return f"{stage.settings.name}-serving-probe"


def ask(stage: Stage, question: str, probe: Callable[[Stage], str]) -> str:
    """Run a probe, and keep its answer, or the error if there is none."""
    try:
        answer = probe(stage)
    except (ClientError, BotoCoreError) as error:
        answer = f"not answered: {error}"
    stage.answers[question] = answer
    return answer


def stop_a_starting_job(stage: Stage) -> str:
    """Start a job like the newest one, and stop it at once."""
    sagemaker = stage.client("sagemaker")
    described = sagemaker.describe_training_job(TrainingJobName=stage.jobs()[0])
    algorithm = described["AlgorithmSpecification"]
    wanted = ("TrainingImage", "TrainingInputMode")
    name = f"{stage.settings.name}-{secrets.token_hex(6)}-probe"
    sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={key: algorithm[key] for key in wanted},
        **{key: described[key] for key in JOB_MEMBERS if key in described},
    )
    started = time.monotonic()
    sagemaker.stop_training_job(TrainingJobName=name)

    def status() -> str:
        return str(sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"])

    wait_until(lambda: status() not in ("InProgress", "Stopping"), JOB_MINUTES)
    return f"{status()} after {time.monotonic() - started:.0f} s"


def delete_while_creating(stage: Stage) -> str:
    """Create an endpoint of the stack's configuration, and delete it at once."""
    sagemaker, name = stage.client("sagemaker"), probe_name(stage)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=_configuration(stage))
    try:
        sagemaker.delete_endpoint(EndpointName=name)
    except ClientError as error:
        started = time.monotonic()
        wait_until(lambda: _endpoint_status(stage, name) != "Creating", ENDPOINT_MINUTES)
        seconds = time.monotonic() - started
        return (
            f"no: {error}; it was {_endpoint_status(stage, name)} {seconds:.0f} s later, and could "
            "be deleted then"
        )
    started = time.monotonic()
    wait_until(lambda: _endpoint_status(stage, name) is None, ENDPOINT_MINUTES)
    return f"yes: it was gone {time.monotonic() - started:.0f} s later"


def update_while_in_alarm(stage: Stage) -> str:
    """Update the probe's own endpoint, with a rollback alarm that is in ALARM."""
    sagemaker, cloudwatch = stage.client("sagemaker"), stage.client("cloudwatch")
    name = probe_name(stage)
    stacks = sagemaker.describe_endpoint_config(EndpointConfigName=_configuration(stage))
    if _endpoint_status(stage, name) is None:
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=_configuration(stage))
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=stacks["ProductionVariants"]
    )
    wait_until(lambda: _endpoint_status(stage, name) != "Creating", ENDPOINT_MINUTES)
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="Probe",
        MetricName="Nothing",
        Statistic="Sum",
        Period=3600,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="LessThanOrEqualToThreshold",
        TreatMissingData="breaching",
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="probe")
    try:
        sagemaker.update_endpoint(
            EndpointName=name,
            EndpointConfigName=name,
            DeploymentConfig={
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {
                        "Type": "ALL_AT_ONCE",
                        "WaitIntervalInSeconds": 60,
                    }
                },
                "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name}]},
            },
        )
    except ClientError as error:
        return f"yes: {error}"
    wait_until(lambda: _endpoint_status(stage, name) == "InService", ENDPOINT_MINUTES)
    described = sagemaker.describe_endpoint(EndpointName=name)
    runs = "the new" if described["EndpointConfigName"] == name else "the old"
    reason = described.get("FailureReason", "none is given")
    return (
        f"no: it accepts the update; then the endpoint is {described['EndpointStatus']} with "
        f"{runs} configuration (reason: {reason})"
    )


def read_percentiles(stage: Stage) -> str:
    """Read the percentiles of the endpoint's latency, once the metric has any data."""

    def points() -> list[dict[str, Any]]:
        now = datetime.datetime.now(datetime.UTC)
        answer = stage.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName="ModelLatency",
            Dimensions=[
                {"Name": "EndpointName", "Value": stage.settings.name},
                {"Name": "VariantName", "Value": "AllTraffic"},
            ],
            StartTime=now - datetime.timedelta(hours=1),
            EndTime=now + datetime.timedelta(minutes=1),
            Period=60,
            ExtendedStatistics=STATISTICS,
        )
        return list(answer["Datapoints"])

    found = wait_until(points, METRIC_MINUTES)
    if not found:
        return f"not answered: {METRIC_MINUTES} minutes after the requests there was no data"
    given = found[0].get("ExtendedStatistics", {})
    values = [
        f"{name} {given[name]:.0f} µs" if name in given else f"no {name}" for name in STATISTICS
    ]
    return ("yes: " if set(STATISTICS) <= given.keys() else "no: ") + ", ".join(values)


def read_logs(stage: Stage) -> str:
    """Look for the endpoint's log streams."""
    group = f"/aws/sagemaker/Endpoints/{stage.settings.name}"
    logs = stage.client("logs")

    def streams() -> list[str]:
        found = logs.describe_log_streams(logGroupName=group)["logStreams"]
        return [stream["logStreamName"] for stream in found]

    found = wait_until(streams, METRIC_MINUTES)
    return f"yes: {len(found)} streams in {group}" if found else f"no: {group} has no stream"


def count_listed(stage: Stage) -> str:
    """Count the environment's resources that the Resource Groups Tagging API lists."""
    tags = {"project": stage.settings.project, "environment": stage.settings.env}
    pages = stage.client("resourcegroupstaggingapi").get_paginator("get_resources")
    listed = [
        resource["ResourceARN"].split(":")[2]
        for page in pages.paginate(TagFilters=[{"Key": k, "Values": [v]} for k, v in tags.items()])
        for resource in page["ResourceTagMappingList"]
    ]
    services = ", ".join(f"{name} {listed.count(name)}" for name in sorted(set(listed)))
    return f"{len(listed)}" + (f": {services}" if listed else "")


def remove(stage: Stage) -> None:
    """Delete the resources of the probes."""
    sagemaker, name = stage.client("sagemaker"), probe_name(stage)
    if (status := _endpoint_status(stage, name)) is not None:
        busy = ("Creating", "Updating", "RollingBack", "SystemUpdating")
        wait_until(lambda: _endpoint_status(stage, name) not in busy, ENDPOINT_MINUTES)
        if status != "Deleting":
            sagemaker.delete_endpoint(EndpointName=name)
        wait_until(lambda: _endpoint_status(stage, name) is None, ENDPOINT_MINUTES)
    found = sagemaker.list_endpoint_configs(NameContains=name)["EndpointConfigs"]
    if name in [one["EndpointConfigName"] for one in found]:
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
    stage.client("cloudwatch").delete_alarms(AlarmNames=[name])


def _configuration(stage: Stage) -> str:
    """Return the name of the stack's endpoint configuration, which stays while the endpoint sleeps.

    CloudFormation gives only its ARN, which has the name in lower case.
    """
    resources = stage.client("cloudformation").describe_stack_resources(
        StackName=f"{stage.settings.name}-serving"
    )["StackResources"]
    ids = {one["PhysicalResourceId"] for one in resources}
    pages = stage.client("sagemaker").get_paginator("list_endpoint_configs").paginate()
    (name,) = [
        one["EndpointConfigName"]
        for page in pages
        for one in page["EndpointConfigs"]
        if one["EndpointConfigArn"] in ids
    ]
    return str(name)


def _endpoint_status(stage: Stage, name: str) -> str | None:
    """Return the state of an endpoint; None if there is no such endpoint."""
    sagemaker = stage.client("sagemaker")
    try:
        return str(sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationException":
            return None
        raise
