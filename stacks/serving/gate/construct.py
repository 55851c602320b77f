"""The construct: a custom resource whose function checks the endpoint after its deployment."""

from pathlib import Path
from typing import Any

from aws_cdk import AssetHashType, Aws, CustomResource, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from stacks.parts.functions import Function, add_provider
from stacks.serving.access import endpoint_arn
from stacks.serving.gate.handlers import METRICS

CODE = Path(__file__).parent
TIMEOUT = Duration.minutes(10)


def failures(endpoint: str, configuration: str, **options: Any) -> cloudwatch.Metric:
    """Return the metric of an endpoint's wrong answers during an update to a configuration.

    Args:
        endpoint: The endpoint's name.
        configuration: The new configuration's name.
        **options: Options of the metric.
    """
    return cloudwatch.Metric(
        namespace=METRICS,
        metric_name="Failed",
        dimensions_map={"EndpointName": endpoint, "EndpointConfigName": configuration},
        **options,
    )


class Gate(Construct):
    """Check an endpoint after each new configuration; if it does not pass, fail the deployment.

    The endpoint must be in service and run the configuration that was deployed. It must answer the
    golden documents with mixtures of finite numbers, one for each topic, that sum up to 1. The gate
    lets every rollback pass, since the earlier endpoint may not pass today's check.

    Attributes:
        passed: The resource that exists once the endpoint has passed.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        endpoint: sagemaker.CfnEndpoint,
        configuration: sagemaker.CfnEndpointConfig,
        golden_file: Path,
        golden_sha256: str,
        topics: int,
    ) -> None:
        """Build the resources.

        Args:
            scope: The stack.
            id: The construct's id.
            endpoint: The endpoint to check.
            configuration: The configuration that it must run.
            golden_file: The documents to send, as `data_prep` wrote them.
            golden_sha256: The file's SHA-256, in hexadecimal digits.
            topics: How many topics the model has.
        """
        super().__init__(scope, id)
        self._name = str(endpoint.endpoint_name)
        self._golden = assets.Asset(
            self,
            "Golden",
            path=str(golden_file),
            asset_hash=golden_sha256,
            asset_hash_type=AssetHashType.CUSTOM,
        )
        check = self._build_function("Check", "check", "Checks an endpoint after its deployment")
        check.add_to_role_policy(
            iam.PolicyStatement(
                sid="SeeWhetherThisIsARollback",
                actions=["cloudformation:DescribeStacks"],
                resources=[Aws.STACK_ID],
            )
        )
        self.passed = CustomResource(
            self,
            "Resource",
            resource_type="Custom::EndpointGate",
            service_token=add_provider(self, check),
            service_timeout=TIMEOUT.plus(Duration.minutes(1)),
            properties={
                "EndpointName": endpoint.attr_endpoint_name,
                "EndpointConfigName": configuration.attr_endpoint_config_name,
                "GoldenBucket": self._golden.s3_bucket_name,
                "GoldenKey": self._golden.s3_object_key,
                "Topics": topics,
            },
        )
        self.passed.node.add_dependency(check)  # includes the function's permissions

    def _build_function(
        self, id: str, handler: str, description: str, **environment: str
    ) -> Function:
        """Build a function that may read the golden documents and invoke the endpoint."""
        function = Function(
            self,
            id,
            description=description,
            code=CODE,
            handler=f"handlers.{handler}.handler",
            timeout=TIMEOUT,
            environment=environment,
        )
        for statement in (
            iam.PolicyStatement(
                sid="ReadGoldenDocuments",
                actions=["s3:GetObject"],
                resources=[self._golden.bucket.arn_for_objects(self._golden.s3_object_key)],
            ),
            iam.PolicyStatement(
                sid="AskEndpoint",
                actions=["sagemaker:DescribeEndpoint", "sagemaker:InvokeEndpoint"],
                resources=[endpoint_arn(Stack.of(self), self._name)],
            ),
        ):
            function.add_to_role_policy(statement)
        return function

    def ask_during_updates(self) -> None:
        """Ask the endpoint while an update moves traffic, and count wrong answers as `failures`.

        SageMaker sends an event for each step, and rolls back when the alarm on `failures` goes
        off.
        """
        function = self._build_function(
            "DuringUpdate",
            "during_update",
            "Asks an endpoint while it is updated",
            GOLDEN_BUCKET=self._golden.s3_bucket_name,
            GOLDEN_KEY=self._golden.s3_object_key,
        )
        events.Rule(
            self,
            "OnUpdate",
            description=f"Steps of the updates of {self._name}",
            event_pattern=events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Endpoint Deployment State Change"],
                detail={"EndpointName": [self._name], "EndpointStatus": ["UPDATING"]},
            ),
            targets=[targets.LambdaFunction(function)],
        )
