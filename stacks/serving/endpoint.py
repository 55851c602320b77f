"""Model, endpoint configuration and endpoint.

Model and configuration can't be changed, only replaced. CloudFormation gives them a new name each
time, since with a fixed name the replacement would fail. The endpoint keeps its name and is updated
in place.
"""

import hashlib
import json

from aws_cdk import Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker

from stacks.parts.network import Network
from stacks.serving.metrics import VARIANT
from stacks.settings import Settings
from stacks.training_job import TrainingJob

Configuration = sagemaker.CfnEndpointConfig


def add_model(
    stack: Stack, job: TrainingJob, network: Network | None, *, isolated: bool
) -> sagemaker.CfnModel:
    """Add the SageMaker model with the artifact that a training job publishes."""
    attached = (
        sagemaker.CfnModel.VpcConfigProperty(
            subnets=[subnet.subnet_id for subnet in network.subnets],
            security_group_ids=[group.security_group_id for group in network.security_groups],
        )
        if network
        else None
    )
    return sagemaker.CfnModel(
        stack,
        "Model",
        execution_role_arn=job.role.role_arn,
        enable_network_isolation=isolated,
        vpc_config=attached,
        primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
            image=job.image, model_data_url=job.model_artifact
        ),
    )


def add_configuration(
    stack: Stack,
    settings: Settings,
    model: sagemaker.CfnModel,
    bucket: s3.IBucket,
    key: kms.IKey | None,
) -> Configuration:
    """Add the endpoint configuration: what the endpoint runs the model on.

    SageMaker updates an endpoint only to a new configuration. So a change of the update settings
    must also make a new configuration; its id contains their hash.
    """
    key_id = key.key_arn if key else None
    return Configuration(
        stack,
        f"EndpointConfig{_hash_of_update_settings(settings)}",
        production_variants=[_variant(settings, model)],
        data_capture_config=_capture(settings, bucket, key_id),
        # It encrypts the volumes of instances, which a serverless endpoint does not have.
        kms_key_id=None if settings.is_serverless else key_id,
    )


def digest_of(model: sagemaker.CfnModel, configuration: Configuration) -> str:
    """Return a digest that changes if, and only if, the configuration is replaced.

    CloudFormation replaces a model or a configuration for any change, except of tags.
    """
    content = [
        configuration.node.id,
        model.execution_role_arn,
        model.enable_network_isolation,
        model.vpc_config,
        model.primary_container,
        configuration.production_variants,
        configuration.data_capture_config,
        configuration.kms_key_id,
    ]
    resolved = json.dumps(Stack.of(model).resolve(content), sort_keys=True)
    return hashlib.sha256(resolved.encode()).hexdigest()[:8]


def _hash_of_update_settings(settings: Settings) -> str:
    """Return a hash of the update settings; empty if there are none, which keeps the id stable."""
    if not settings.wait_seconds and not settings.scaled:
        return ""
    values = [settings.updates.model_dump(), settings.wait_seconds, settings.scaled]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:8]


def _variant(
    settings: Settings, model: sagemaker.CfnModel
) -> Configuration.ProductionVariantProperty:
    serverless, endpoint = settings.serverless, settings.endpoint
    return Configuration.ProductionVariantProperty(
        variant_name=VARIANT,
        model_name=model.attr_model_name,
        initial_variant_weight=1,
        instance_type=None if settings.is_serverless else endpoint.instance_type,
        initial_instance_count=None if settings.is_serverless else endpoint.instance_count,
        serverless_config=(
            None
            if serverless.memory_mb is None
            else Configuration.ServerlessConfigProperty(
                memory_size_in_mb=serverless.memory_mb, max_concurrency=serverless.max_concurrency
            )
        ),
    )


def _capture(
    settings: Settings, bucket: s3.IBucket, key_id: str | None
) -> Configuration.DataCaptureConfigProperty | None:
    if not settings.endpoint.capture_percent:
        return None
    return Configuration.DataCaptureConfigProperty(
        enable_capture=True,
        initial_sampling_percentage=settings.endpoint.capture_percent,
        destination_s3_uri=bucket.s3_url_for_object(f"{settings.prefix}/capture"),
        kms_key_id=key_id,
        capture_options=[
            Configuration.CaptureOptionProperty(capture_mode=mode) for mode in ("Input", "Output")
        ],
        # Other content types are captured in base64.
        capture_content_type_header=Configuration.CaptureContentTypeHeaderProperty(
            csv_content_types=["text/csv"], json_content_types=["application/json"]
        ),
    )


def add_endpoint(
    stack: Stack,
    settings: Settings,
    configuration: Configuration,
    deployment: sagemaker.CfnEndpoint.DeploymentConfigProperty | None,
) -> sagemaker.CfnEndpoint:
    """Add the endpoint `<project>-<env>`."""
    return sagemaker.CfnEndpoint(
        stack,
        "Endpoint",
        endpoint_name=settings.name,
        endpoint_config_name=configuration.attr_endpoint_config_name,
        deployment_config=deployment,
        # Without this, an update would reset the scaled number of instances to the initial one.
        retain_all_variant_properties=True if settings.scaled else None,
    )
