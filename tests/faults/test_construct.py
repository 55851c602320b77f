"""The construct with all that it offers - key, VPC, spot, notices - as another project's stack."""

import json
from pathlib import Path

import pytest
from aws_cdk import App, CfnOutput, Duration, Environment, RemovalPolicy, Size, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs

from data_prep.manifest import Manifest
from local_aws import instance
from stacks import lda
from stacks.parts.notices import add_notices
from stacks.training_job import Network, TrainingJob
from tests.support.synthesis import flags
from tests.support.templates import Edit, change, without
from tests.support.waiting import wait_for

from .conftest import BUCKET, Lab

pytestmark = pytest.mark.faults

NAME = "everything-dev"
STACK = f"{NAME}-training"
Table = list[tuple[str, str, str]]


def synthesize(lab: Lab, name: str, edit: Edit | None = None) -> Path:
    """A stack of one job: on spot capacity, in a VPC, its data, volume and model encrypted.

    A queue gets what is mailed.
    """
    app = App(outdir=str(lab.out / name), context=flags())
    stack = Stack(app, STACK, env=Environment(account=instance.ACCOUNT, region=instance.REGION))
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", BUCKET)
    role = iam.Role(
        stack, "ExecutionRole", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com")
    )
    bucket.grant_read(role)
    bucket.grant_put(role)
    corpus = Manifest.load(lab.corpus)
    job = TrainingJob(
        stack,
        "Job",
        name=NAME,
        image=lda.image_uri(stack),
        role=role,
        bucket=bucket,
        prefix=NAME,
        channels=lda.channels(lab.corpus, corpus),
        hyperparameters={
            "num_topics": "5",
            "feature_dim": str(corpus.vocabulary.size),
            "mini_batch_size": str(corpus.train.documents),
        },
        instance_type="ml.c5.xlarge",
        volume_size=Size.gibibytes(1),
        max_runtime=Duration.minutes(5),
        spot=True,
        encryption_key=kms.Key(stack, "Key", removal_policy=RemovalPolicy.DESTROY),
        network=Network(
            ec2.Vpc(
                stack,
                "Vpc",
                availability_zones=["us-east-1a"],
                subnet_configuration=[
                    ec2.SubnetConfiguration(name="a", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
                ],
            )
        ),
    )
    add_notices(stack, job, "me@example.com", None)
    topic = stack.node.find_child("Notices")
    assert isinstance(topic, sns.Topic)
    queue = sqs.Queue(stack, "Queue", removal_policy=RemovalPolicy.DESTROY)
    topic.add_subscription(subscriptions.SqsSubscription(queue))
    CfnOutput(stack, "QueueUrl", value=queue.queue_url)
    app.synth()
    if edit is not None:
        change(lab.out / name, STACK, edit)
    return lab.out / name


def test_a_key_that_the_role_may_not_use_and_then_may(lab: Lab, table: Table) -> None:
    denied = without("kms:GenerateDataKey", "ExecutionRole")
    done = lab.training("deploy", synthesize(lab, "key-denied", denied))
    assert done.returncode == 1, done.stdout
    assert "not authorized to perform: kms:GenerateDataKey" in done.stdout, done.stdout
    assert lab.stack(STACK)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert lab.running() == []

    good = synthesize(lab, "key-granted")
    done = lab.training("deploy", good)
    assert done.returncode == 0, done.stdout
    objects = lab.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"{NAME}/")["Contents"]
    for entry in objects:
        head = lab.client("s3").head_object(Bucket=BUCKET, Key=entry["Key"])
        assert head["ServerSideEncryption"] == "aws:kms", entry["Key"]
    table.append(
        (
            "the role may not use the key",
            "fails, rolled back",
            "`not authorized to perform: kms:GenerateDataKey`",
        )
    )
    name = lab.job_names()[0]
    job = lab.client("sagemaker").describe_training_job(TrainingJobName=name)
    assert job["EnableManagedSpotTraining"] is True
    assert job["StoppingCondition"]["MaxWaitTimeInSeconds"] == 300
    ec2_client = lab.client("ec2")
    (subnet,) = ec2_client.describe_subnets(SubnetIds=job["VpcConfig"]["Subnets"])["Subnets"]
    groups = ec2_client.describe_security_groups(GroupIds=job["VpcConfig"]["SecurityGroupIds"])
    assert [group["VpcId"] for group in groups["SecurityGroups"]] == [subnet["VpcId"]]

    queue = lab.outputs(STACK)["QueueUrl"]
    sqs_client = lab.client("sqs")
    (message,) = wait_for(
        lambda: sqs_client.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages")
    )
    notice = json.loads(message["Body"])["Message"]
    said = f"Training job {name} ended as Completed (Completed) in us-east-1, account 000000000000."
    assert said in notice
    assert lab.training("destroy", good).returncode == 0
