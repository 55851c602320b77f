"""How an update moves traffic, and which alarms roll it back.

A rollback alarm watches only instances with the new configuration. An alarm on the whole endpoint
would be in ALARM while a broken model serves, and SageMaker would then reject the update that
repairs it, even CloudFormation's own rollback.

An alarm that is changed keeps its state (PutMetricAlarm, API reference), and the alarms of a failed
model may still be in ALARM. So each configuration has its own alarms, which start without a state.

Source: SageMaker Developer Guide, "Auto-Rollback Configuration and Monitoring".
"""

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk import aws_sns as sns

from stacks.serving.alarms import add_alarm
from stacks.serving.gate import failures
from stacks.serving.metrics import metric
from stacks.settings import Settings

Deployment = sagemaker.CfnEndpoint
MINUTE = Duration.minutes(1)


def deployment_configuration(
    stack: Stack,
    settings: Settings,
    configuration: sagemaker.CfnEndpointConfig,
    digest: str,
    topic: sns.ITopic,
) -> Deployment.DeploymentConfigProperty | None:
    """Return how the endpoint is updated to `configuration`; its `digest` is in the alarms' ids.

    None without a wait: SageMaker then moves all traffic as soon as the new instances answer pings,
    and ends the old ones.
    """
    wait = settings.wait_seconds
    if not wait:
        return None
    watching = _rollback_alarms(
        stack, settings, configuration.attr_endpoint_config_name, digest, topic
    )
    rollback = Deployment.AutoRollbackConfigProperty(
        # The names are references, so that the alarms are created before the endpoint.
        alarms=[Deployment.AlarmProperty(alarm_name=alarm.alarm_name) for alarm in watching]
    )
    step = Deployment.CapacitySizeProperty(
        type="CAPACITY_PERCENT", value=settings.updates.step_percent
    )
    if settings.updates.strategy == "rolling":
        return Deployment.DeploymentConfigProperty(
            auto_rollback_configuration=rollback,
            rolling_update_policy=Deployment.RollingUpdatePolicyProperty(
                maximum_batch_size=step, wait_interval_in_seconds=wait
            ),
        )
    canary, linear = settings.updates.strategy == "canary", settings.updates.strategy == "linear"
    return Deployment.DeploymentConfigProperty(
        auto_rollback_configuration=rollback,
        blue_green_update_policy=Deployment.BlueGreenUpdatePolicyProperty(
            traffic_routing_configuration=Deployment.TrafficRoutingConfigProperty(
                type=settings.updates.strategy.upper(),
                wait_interval_in_seconds=wait,
                canary_size=step if canary else None,
                linear_step_size=step if linear else None,
            ),
            termination_wait_in_seconds=wait,
        ),
    )


def _rollback_alarms(
    stack: Stack, settings: Settings, configuration: str, digest: str, topic: sns.ITopic
) -> list[cloudwatch.Alarm]:
    name, limits = settings.name, settings.alarms
    return [
        add_alarm(
            stack,
            f"NewServerErrors{digest}",
            topic,
            metric(
                name,
                "Invocation5XXErrors",
                configuration=configuration,
                statistic="Sum",
                period=MINUTE,
            ),
            limits.server_errors,
            f"An update of {name} is turned back: the new model fails",
        ),
        add_alarm(
            stack,
            f"NewLatency{digest}",
            topic,
            metric(
                name, "ModelLatency", configuration=configuration, statistic="p99", period=MINUTE
            ),
            limits.latency_ms * 1000,
            f"An update of {name} is turned back: 1 % of the new model's answers take more than "
            f"{limits.latency_ms:g} ms",
            periods=2,
        ),
        add_alarm(
            stack,
            f"GateFailed{digest}",
            topic,
            failures(name, configuration, statistic="Sum", period=MINUTE),
            1,
            f"An update of {name} is turned back: its answers to golden documents are wrong",
        ),
    ]
