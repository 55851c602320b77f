"""The model, and the real-time endpoint that serves it."""

from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from stacks.functions import add_log_group
from stacks.settings import Settings
from stacks.training_job import TrainingJob

VARIANT = "AllTraffic"


class ServingStack(Stack):
    """A real-time endpoint named `<project>-<env>`, on the model of a training job.

    Model and endpoint configuration can only be replaced, never changed, so CloudFormation names
    them: a fixed name would make the replacement fail. The endpoint keeps its name and is updated
    in place.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings, **props: Any) -> None:
        super().__init__(scope, id, description="Endpoint of the topic model", **props)
        self._settings = settings

    def serve(self, job: TrainingJob) -> None:
        """Add model, configuration and endpoint for the artifact of `job`."""
        name = self._settings.name
        endpoint_settings = self._settings.endpoint
        # SageMaker would make this group itself, and leave it when the endpoint goes.
        logs = add_log_group(self, "EndpointLogs", name=f"/aws/sagemaker/Endpoints/{name}")
        model = sagemaker.CfnModel(
            self,
            "Model",
            execution_role_arn=job.role.role_arn,
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
                image=job.image, model_data_url=job.model_artifact
            ),
        )
        config = sagemaker.CfnEndpointConfig(
            self,
            "EndpointConfig",
            production_variants=[
                sagemaker.CfnEndpointConfig.ProductionVariantProperty(
                    variant_name=VARIANT,
                    model_name=model.attr_model_name,
                    instance_type=endpoint_settings.instance_type,
                    initial_instance_count=endpoint_settings.instance_count,
                    initial_variant_weight=1,
                )
            ],
        )
        endpoint = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=name,
            endpoint_config_name=config.attr_endpoint_config_name,
        )
        endpoint.node.add_dependency(logs)
        CfnOutput(self, "EndpointName", value=endpoint.attr_endpoint_name)
        CfnOutput(self, "ModelArtifact", value=job.model_artifact)
