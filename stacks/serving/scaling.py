"""Fit the number of instances to the number of requests.

While SageMaker updates an endpoint it blocks scaling, and the endpoint keeps its number of
instances (`retain_all_variant_properties`). So an update never loses capacity.
"""

from aws_cdk import Stack
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_sagemaker as sagemaker

from stacks.serving.metrics import VARIANT
from stacks.settings import ScalingSettings

Policy = autoscaling.CfnScalingPolicy


def add_scaling(
    endpoint: sagemaker.CfnEndpoint, scaling: ScalingSettings, max_instances: int
) -> None:
    """Scale between the fewest and the most instances, with a target of invocations an instance."""
    stack = Stack.of(endpoint)
    # Not the CDK's own construct, which adds a role although the service has its own.
    target = autoscaling.CfnScalableTarget(
        stack,
        "Instances",
        service_namespace="sagemaker",
        scalable_dimension="sagemaker:variant:DesiredInstanceCount",
        resource_id=f"endpoint/{endpoint.attr_endpoint_name}/variant/{VARIANT}",
        min_capacity=scaling.min_instances,
        max_capacity=max_instances,
    )
    Policy(
        stack,
        "FollowInvocations",
        policy_name="invocations",
        policy_type="TargetTrackingScaling",
        scaling_target_id=target.ref,
        target_tracking_scaling_policy_configuration=(
            Policy.TargetTrackingScalingPolicyConfigurationProperty(
                predefined_metric_specification=Policy.PredefinedMetricSpecificationProperty(
                    predefined_metric_type="SageMakerVariantInvocationsPerInstance"
                ),
                target_value=scaling.invocations_per_minute,
                scale_in_cooldown=scaling.scale_in_seconds,
                scale_out_cooldown=scaling.scale_out_seconds,
            )
        ),
    )
