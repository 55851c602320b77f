"""What is left in an instance that should be empty but for AWS's own and the bootstrap's."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import boto3

BOOTSTRAP = ("CDKToolkit", "cdk-hnb659fds-", "/cdk-bootstrap/")
# SageMaker makes this group for an account's first training job, and it is never a stack's.
OWN_LOG_GROUPS = {"/aws/sagemaker/TrainingJobs"}
LIVING = ("InProgress", "Stopping")


def find(client: Callable[[str], Any]) -> list[str]:
    """A line for each thing there is, `kind name`; `client` makes a client of a service."""
    return [line for line in _all(client) if not line.split(" ", 1)[1].startswith(BOOTSTRAP)]


def _all(client: Callable[[str], Any]) -> Iterator[str]:
    for kind, service, operation, member, name in (
        ("stack", "cloudformation", "describe_stacks", "Stacks", "StackName"),
        ("endpoint", "sagemaker", "list_endpoints", "Endpoints", "EndpointName"),
        ("config", "sagemaker", "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
        ("model", "sagemaker", "list_models", "Models", "ModelName"),
        ("bucket", "s3", "list_buckets", "Buckets", "Name"),
        ("function", "lambda", "list_functions", "Functions", "FunctionName"),
        ("role", "iam", "list_roles", "Roles", "RoleName"),
        ("rule", "events", "list_rules", "Rules", "Name"),
        ("alarm", "cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        ("dashboard", "cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
        ("topic", "sns", "list_topics", "Topics", "TopicArn"),
        ("parameter", "ssm", "describe_parameters", "Parameters", "Name"),
    ):
        for entry in getattr(client(service), operation)()[member]:
            yield f"{kind} {entry[name]}"
    for policy in client("iam").list_policies(Scope="Local")["Policies"]:
        yield f"policy {policy['PolicyName']}"
    scaled = client("application-autoscaling").describe_scalable_targets
    for target in scaled(ServiceNamespace="sagemaker")["ScalableTargets"]:
        yield f"scalable-target {target['ResourceId']}"
    for group in client("logs").describe_log_groups()["logGroups"]:
        if group["logGroupName"] not in OWN_LOG_GROUPS:
            yield f"log-group {group['logGroupName']}"
    for job in client("sagemaker").list_training_jobs(MaxResults=100)["TrainingJobSummaries"]:
        if job["TrainingJobStatus"] in LIVING:
            yield f"running-job {job['TrainingJobName']}"


def main() -> int:
    """Print what is left; exit code 1 when anything is."""
    left = find(lambda service: boto3.client(service))  # type: ignore[call-overload]
    for line in left:
        print(f"left: {line}")
    if not left:
        print("nothing is left")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
