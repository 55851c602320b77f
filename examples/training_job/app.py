"""Train another algorithm, SageMaker's k-means, with the same construct.

From the project's folder, with a prepared corpus in build/prepared:

  make prepare
  PYTHONPATH=. cdk deploy --app "python3 examples/training_job/app.py" --output build/clusters
"""

from pathlib import Path

from aws_cdk import App, CfnOutput, Duration, Environment, Size, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from data_prep.manifest import Manifest
from stacks.training_job import Channel, TrainingJob

PREPARED = Path("build/prepared")
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"

corpus = Manifest.load(PREPARED)
files = {PREPARED / file.file: file.sha256 for file in corpus.train.files}
app = App()
stack = Stack(app, "clusters", env=Environment(region="us-east-1"))
bucket = s3.Bucket(stack, "Bucket", enforce_ssl=True)
role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
bucket.grant_read_write(role)
logs = ["CreateLogGroup", "CreateLogStream", "DescribeLogStreams", "PutLogEvents"]
role.add_to_policy(
    iam.PolicyStatement(actions=[f"logs:{action}" for action in logs], resources=["*"])
)
job = TrainingJob(
    stack,
    "Clusters",
    name="clusters",
    image=IMAGE,
    role=role,
    bucket=bucket,
    prefix="clusters",
    channels={
        "train": Channel(files, corpus.train.sha256, "application/x-recordio-protobuf"),
    },
    hyperparameters={"k": "10", "feature_dim": str(corpus.vocabulary.size)},
    instance_type="ml.m5.large",
    volume_size=Size.gibibytes(1),
    max_runtime=Duration.minutes(30),
)
CfnOutput(stack, "Model", value=job.model_artifact)
app.synth()
