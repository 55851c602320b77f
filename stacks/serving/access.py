"""How clients get access to the model: policies to attach, and parameters to look up."""

from collections.abc import Mapping

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk import aws_ssm as ssm

from stacks.parts.policies import arn
from stacks.settings import Settings
from stacks.training import TRANSFORM_LOG_GROUP
from stacks.training_job import TrainingJob
from stacks.training_job.permissions import USE_KEY

Parameters = Mapping[str, ssm.StringParameter]


def endpoint_arn(stack: Stack, name: str) -> str:
    """Return the endpoint's ARN, whether the endpoint exists or not."""
    return arn(stack, "sagemaker", f"endpoint/{name}")


def add_invoke_policy(stack: Stack, name: str) -> None:
    """Add a policy that allows calls of the endpoint; it stays while the endpoint is asleep."""
    policy = iam.ManagedPolicy(
        stack,
        "InvokePolicy",
        description=f"Invoke the endpoint {name}",
        statements=[
            iam.PolicyStatement(
                actions=["sagemaker:InvokeEndpoint"], resources=[endpoint_arn(stack, name)]
            )
        ],
    )
    CfnOutput(stack, "InvokePolicyArn", value=policy.managed_policy_arn)


def add_parameters(
    stack: Stack, settings: Settings, job: TrainingJob, model: sagemaker.CfnModel
) -> Parameters:
    """Add the parameters `/<project>/<env>/...`, which say what is served; return them by name."""
    values = {
        "endpoint-name": settings.name,
        "model-name": model.attr_model_name,
        "model-artifact": job.model_artifact,
        "fingerprint": job.fingerprint,
    }
    return {
        name: ssm.StringParameter(
            stack,
            "".join(word.capitalize() for word in name.split("-")) + "Parameter",
            parameter_name=f"/{settings.project}/{settings.env}/{name}",
            string_value=value,
        )
        for name, value in values.items()
    }


def add_transform_policy(
    stack: Stack,
    settings: Settings,
    model: sagemaker.CfnModel,
    parameters: Parameters,
    bucket: s3.IBucket,
    key: kms.IKey | None,
) -> iam.ManagedPolicy:
    """Add a policy that allows `topics transform` with this model, and with no other."""
    job = f"{settings.name}-{'?' * 8}"  # the exact length excludes jobs of other environments
    jobs = [arn(stack, "sagemaker", f"transform-job/{job}")]
    documents, predictions = (
        bucket.arn_for_objects(f"{settings.prefix}/{folder}/*")
        for folder in ("batches", "predictions")
    )
    statements = [
        iam.PolicyStatement(
            sid="TransformWithThisModel",
            actions=["sagemaker:CreateTransformJob"],
            resources=jobs,
            conditions={
                # SageMaker's ARNs have names in lower case; whether this key has is not documented.
                "StringEqualsIgnoreCase": {
                    "sagemaker:ModelArn": arn(stack, "sagemaker", f"model/{model.attr_model_name}")
                }
            },
        ),
        iam.PolicyStatement(sid="TagJobs", actions=["sagemaker:AddTags"], resources=jobs),
        iam.PolicyStatement(
            sid="FollowAndStopJobs",
            actions=["sagemaker:DescribeTransformJob", "sagemaker:StopTransformJob"],
            resources=jobs,
        ),
        iam.PolicyStatement(
            sid="FindModel",
            actions=["ssm:GetParameter"],
            resources=[parameters[name].parameter_arn for name in ("model-name", "model-artifact")],
        ),
        iam.PolicyStatement(sid="UploadDocuments", actions=["s3:PutObject"], resources=[documents]),
        iam.PolicyStatement(
            sid="ReadPredictions", actions=["s3:GetObject"], resources=[predictions]
        ),
        iam.PolicyStatement(
            sid="FindPredictions",
            actions=["s3:ListBucket"],
            resources=[bucket.bucket_arn],
            conditions={"StringLike": {"s3:prefix": [f"{settings.prefix}/predictions/*"]}},
        ),
        iam.PolicyStatement(
            sid="TidyUp", actions=["s3:DeleteObject"], resources=[documents, predictions]
        ),
        iam.PolicyStatement(
            sid="SeeKeyOfBucket",
            actions=["s3:GetEncryptionConfiguration"],
            resources=[bucket.bucket_arn],
        ),
        iam.PolicyStatement(
            sid="FindJobLogs",
            actions=["logs:DescribeLogStreams"],
            resources=[arn(stack, "logs", f"log-group:{TRANSFORM_LOG_GROUP}:*")],
        ),
        iam.PolicyStatement(
            sid="ReadJobLogs",
            actions=["logs:GetLogEvents"],
            resources=[arn(stack, "logs", f"log-group:{TRANSFORM_LOG_GROUP}:log-stream:{job}/*")],
        ),
    ]
    if key is not None:
        statements.append(
            iam.PolicyStatement(sid="UseKey", actions=list(USE_KEY), resources=[key.key_arn])
        )
    policy = iam.ManagedPolicy(
        stack,
        "TransformPolicy",
        description=f"Run transform jobs with the model of {settings.name}",
        statements=statements,
    )
    CfnOutput(stack, "TransformPolicyArn", value=policy.managed_policy_arn)
    return policy
