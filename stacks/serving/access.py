"""How others reach the endpoint: a policy to attach, and parameters to look up."""

from aws_cdk import Aws, CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm

from stacks.settings import Settings
from stacks.training_job import TrainingJob


def endpoint_arn(stack: Stack, name: str) -> str:
    """The endpoint's ARN, whether it is there or not."""
    return f"arn:{Aws.PARTITION}:sagemaker:{stack.region}:{stack.account}:endpoint/{name}"


def add_invoke_policy(stack: Stack, name: str) -> None:
    """A policy for whoever is to ask the endpoint; it stays while the endpoint is asleep."""
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


def add_parameters(stack: Stack, settings: Settings, job: TrainingJob) -> list[ssm.StringParameter]:
    """Parameters `/<project>/<env>/...` about what is served."""
    values = {
        "endpoint-name": settings.name,
        "model-artifact": job.model_artifact,
        "fingerprint": job.fingerprint,
    }
    return [
        ssm.StringParameter(
            stack,
            "".join(word.capitalize() for word in name.split("-")) + "Parameter",
            parameter_name=f"/{settings.project}/{settings.env}/{name}",
            string_value=value,
        )
        for name, value in values.items()
    ]
