"""The permissions of the construct's functions and of its execution role.

A statement has the resource `*` only where AWS offers no narrower one; `WILDCARDS` says why.
"""

from collections.abc import Iterable, Sequence

from aws_cdk import Aws, Stack
from aws_cdk import aws_iam as iam

from stacks.parts.policies import arn, read_folder
from stacks.training_job.data import Staged
from stacks.training_job.handlers import LOG_GROUP
from stacks.training_job.request import Store

# What S3 needs of a key to read and write objects, also in parts.
USE_KEY = ("kms:Decrypt", "kms:GenerateDataKey")
IN_PLACE = "DataInPlace"
_NO_RESOURCE = "EC2's Describe actions support no resource"
# Actions that are allowed on `*`, each with the reason.
WILDCARDS = {
    "sagemaker:ListTrainingJobs": "List actions support no resource",
    "ec2:DescribeDhcpOptions": _NO_RESOURCE,
    "ec2:DescribeNetworkInterfaces": _NO_RESOURCE,
    "ec2:DescribeSecurityGroups": _NO_RESOURCE,
    "ec2:DescribeSubnets": _NO_RESOURCE,
    "ec2:DescribeVpcs": _NO_RESOURCE,
}


def _jobs(stack: Stack, name: str, fingerprint: str = "?" * 12) -> str:
    """Return the ARN of all jobs of this name: 12 digits of a fingerprint and 8 more follow it."""
    return arn(stack, "sagemaker", f"training-job/{name}-{fingerprint[:12]}-{'?' * 8}")


def start_job(
    stack: Stack,
    store: Store,
    name: str,
    fingerprint: str,
    role: iam.IRole,
    data: Sequence[Staged],
    *,
    attached: bool,
) -> list[iam.PolicyStatement]:
    """Allow staging the data, running and stopping jobs, and publishing a model.

    `attached` says whether the jobs are attached to a VPC: the function then waits for interfaces.
    """
    seeing = iam.PolicyStatement(
        sid="SeeInterfaces", actions=["ec2:DescribeNetworkInterfaces"], resources=["*"]
    )
    return [
        *([seeing] if attached else []),
        iam.PolicyStatement(
            sid="ReadAssets",
            actions=["s3:GetObject"],
            resources=[source for staged in data for source in staged.sources],
        ),
        *_stage_data(data),
        iam.PolicyStatement(
            sid="RunJobs",
            actions=["sagemaker:AddTags", "sagemaker:CreateTrainingJob"],
            resources=[_jobs(stack, name, fingerprint)],
        ),
        iam.PolicyStatement(
            sid="LookAtAndStopJobs",
            actions=["sagemaker:DescribeTrainingJob", "sagemaker:StopTrainingJob"],
            resources=[_jobs(stack, name)],  # also those of earlier fingerprints
        ),
        iam.PolicyStatement(
            sid="FindJobs", actions=["sagemaker:ListTrainingJobs"], resources=["*"]
        ),
        iam.PolicyStatement(
            sid="SeeWhetherStackGoesBack",
            actions=["cloudformation:DescribeStacks"],
            resources=[Aws.STACK_ID],
        ),
        iam.PolicyStatement(
            sid="PassExecutionRole",
            actions=["iam:PassRole"],
            resources=[role.role_arn],
            conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        ),
        *_conclude_job(stack, store, name, fingerprint),
    ]


def _stage_data(data: Sequence[Staged]) -> list[iam.PolicyStatement]:
    copies = [staged.targets for staged in data if staged.targets is not None]
    folders = sorted({staged.in_place for staged in data if staged.in_place is not None})
    copying = iam.PolicyStatement(
        sid="StageData", actions=["s3:GetObject", "s3:PutObject"], resources=copies
    )
    return [
        *([copying] if copies else []),
        *(statement for folder in folders for statement in read_folder(folder, IN_PLACE)),
    ]


def finish_job(
    stack: Stack, store: Store, name: str, fingerprint: str
) -> list[iam.PolicyStatement]:
    """Allow reading an ended job and publishing its model."""
    return [
        iam.PolicyStatement(
            sid="LookAtJobs",
            actions=["sagemaker:DescribeTrainingJob"],
            resources=[_jobs(stack, name, fingerprint)],
        ),
        *_conclude_job(stack, store, name, fingerprint),
    ]


def _conclude_job(
    stack: Stack, store: Store, name: str, fingerprint: str
) -> list[iam.PolicyStatement]:
    """Allow reading a job's tags and log, and publishing its model."""
    streams = f"log-stream:{name}-{fingerprint[:12]}-*"
    return [
        iam.PolicyStatement(
            sid="ReadFinishedModel",
            actions=["s3:GetObject"],
            resources=[store.arn(f"jobs/{fingerprint}/*")],
        ),
        iam.PolicyStatement(
            sid="PublishModel",
            actions=["s3:GetObject", "s3:PutObject"],
            resources=[store.bucket.arn_for_objects(store.model_key(fingerprint))],
        ),
        iam.PolicyStatement(
            sid="FindDataAndModels",
            actions=["s3:ListBucket"],
            resources=[store.bucket.bucket_arn],
            conditions={"StringLike": {"s3:prefix": [f"{store.prefix}/*"]}},
        ),
        iam.PolicyStatement(
            sid="SeeJobTags",
            actions=["sagemaker:ListTags"],
            resources=[_jobs(stack, name, fingerprint)],
        ),
        iam.PolicyStatement(
            sid="FindJobLogs",
            actions=["logs:DescribeLogStreams"],
            resources=[arn(stack, "logs", f"log-group:{LOG_GROUP}:*")],
        ),
        iam.PolicyStatement(
            sid="ReadJobLogs",
            actions=["logs:GetLogEvents"],
            resources=[arn(stack, "logs", f"log-group:{LOG_GROUP}:{streams}")],
        ),
    ]


def train_in_vpc(
    stack: Stack, subnets: Iterable[str], security_groups: Iterable[str]
) -> list[iam.PolicyStatement]:
    """Allow the execution role to attach SageMaker's instance to subnets."""
    interfaces = arn(stack, "ec2", "network-interface/*")
    return [
        iam.PolicyStatement(
            sid="AttachToSubnets",
            actions=["ec2:CreateNetworkInterface"],
            resources=[
                interfaces,
                *(arn(stack, "ec2", f"subnet/{subnet}") for subnet in subnets),
                *(arn(stack, "ec2", f"security-group/{group}") for group in security_groups),
            ],
        ),
        iam.PolicyStatement(
            sid="ManageInterfaces",
            actions=[
                "ec2:CreateNetworkInterfacePermission",
                "ec2:DeleteNetworkInterface",
                "ec2:DeleteNetworkInterfacePermission",
            ],
            resources=[interfaces],
        ),
        iam.PolicyStatement(
            sid="LookAtNetwork",
            actions=sorted(action for action in WILDCARDS if action.startswith("ec2:")),
            resources=["*"],
        ),
    ]
