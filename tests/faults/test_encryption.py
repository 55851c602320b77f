"""The construct with a key of its own, as another project would use it."""

from pathlib import Path

import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Size, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from data_prep.manifest import Manifest
from local_aws import instance
from stacks import lda
from stacks.training_job import TrainingJob
from tests.infra.conftest import flags

from .conftest import BUCKET, Edit, Lab, change, without

pytestmark = pytest.mark.faults

STACK = "encrypted-dev-training"


def synthesize(lab: Lab, name: str, edit: Edit | None = None) -> Path:
    """A stack of one job whose data, volume and model a key encrypts."""
    app = App(outdir=str(lab.out / name), context=flags())
    stack = Stack(app, STACK, env=Environment(account=instance.ACCOUNT, region=instance.REGION))
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", BUCKET)
    role = iam.Role(
        stack, "ExecutionRole", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com")
    )
    bucket.grant_read(role)
    bucket.grant_put(role)
    corpus = Manifest.load(lab.corpus)
    TrainingJob(
        stack,
        "Job",
        name="encrypted-dev",
        image=lda.image_uri(stack),
        role=role,
        bucket=bucket,
        prefix="encrypted",
        channels=lda.channels(lab.corpus, corpus),
        hyperparameters={
            "num_topics": "5",
            "feature_dim": str(corpus.vocabulary.size),
            "mini_batch_size": str(corpus.train.documents),
        },
        instance_type="ml.c5.xlarge",
        volume_size=Size.gibibytes(1),
        max_runtime=Duration.minutes(5),
        encryption_key=kms.Key(stack, "Key", removal_policy=RemovalPolicy.DESTROY),
    )
    app.synth()
    if edit is not None:
        change(lab.out / name, STACK, edit)
    return lab.out / name


def test_a_key_that_the_role_may_not_use(lab: Lab, table: list[tuple[str, str, str]]) -> None:
    denied = without("kms:GenerateDataKey*", "ExecutionRole")
    done = lab.training("deploy", synthesize(lab, "key-denied", denied))
    assert done.returncode == 1, done.stdout
    assert "not authorized to perform: kms:GenerateDataKey" in done.stdout, done.stdout
    assert lab.stack(STACK)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert lab.running() == []

    good = synthesize(lab, "key-granted")
    done = lab.training("deploy", good)
    assert done.returncode == 0, done.stdout
    objects = lab.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="encrypted/")["Contents"]
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
    assert lab.training("destroy", good).returncode == 0
