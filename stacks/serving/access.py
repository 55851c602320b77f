"""How clients get access to the endpoint: a policy to attach, and parameters to look up."""

from aws_cdk import Aws, CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm

from stacks.settings import Settings
from stacks.training_job import TrainingJob


def endpoint_arn(stack: Stack, name: str) -> str:
    """Return the endpoint's ARN, whether the endpoint exists or not."""
    return f"arn:{Aws.PARTITION}:sagemaker:{stack.region}:{stack.account}:endpoint/{name}"


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


def add_parameters(stack: Stack, settings: Settings, job: TrainingJob) -> list[ssm.StringParameter]:
    """Add the parameters `/<project>/<env>/...`: endpoint name, model artifact, fingerprint."""
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
