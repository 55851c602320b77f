"""The number of instances follows the requests.

While SageMaker updates an endpoint it blocks scaling, in and out, and the endpoint keeps the number
of instances that it had (`retain_all_variant_properties`): so an update never loses capacity.
"""

from aws_cdk import Duration
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_sagemaker as sagemaker

from stacks.serving.metrics import VARIANT
from stacks.settings import ScalingSettings


def add_scaling(
    endpoint: sagemaker.CfnEndpoint, scaling: ScalingSettings, max_instances: int
) -> None:
    """Keep the invocations of an instance at a target, between a fewest and a most instances."""
    target = autoscaling.ScalableTarget(
        endpoint.stack,
        "Instances",
        service_namespace=autoscaling.ServiceNamespace.SAGEMAKER,
        scalable_dimension="sagemaker:variant:DesiredInstanceCount",
        resource_id=f"endpoint/{endpoint.attr_endpoint_name}/variant/{VARIANT}",
        min_capacity=scaling.min_instances,
        max_capacity=max_instances,
    )
    target.scale_to_track_metric(
        "Invocations",
        predefined_metric=autoscaling.PredefinedMetric.SAGEMAKER_VARIANT_INVOCATIONS_PER_INSTANCE,
        target_value=scaling.invocations_per_minute,
        scale_in_cooldown=Duration.seconds(scaling.scale_in_seconds),
        scale_out_cooldown=Duration.seconds(scaling.scale_out_seconds),
    )
