"""The alarms on the endpoint, and the SNS topic that they publish to."""

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions

from stacks.serving.metrics import metric
from stacks.settings import Settings


def add_topic(stack: Stack, address: str | None, key: kms.IKey | None) -> sns.Topic:
    """Add the alarms' topic; the owner of the mail `address` must confirm the subscription."""
    topic = sns.Topic(stack, "Alarms", master_key=key, enforce_ssl=True)
    # Adding a topic policy replaces SNS's default one, so allow CloudWatch explicitly.
    topic.grant_publish(
        iam.ServicePrincipal(
            "cloudwatch.amazonaws.com",
            conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
        )
    )
    if address is not None:
        topic.add_subscription(subscriptions.EmailSubscription(address))
    CfnOutput(stack, "AlarmTopicArn", value=topic.topic_arn)
    return topic


def add_alarms(stack: Stack, settings: Settings, topic: sns.ITopic) -> list[cloudwatch.Alarm]:
    """Add alarms on errors, latency and idle time of the endpoint."""
    name, limits = settings.name, settings.alarms
    five_minutes = Duration.minutes(5)
    added = [
        add_alarm(
            stack,
            "ServerErrors",
            topic,
            metric(name, "Invocation5XXErrors", statistic="Sum", period=five_minutes),
            limits.server_errors,
            f"{name}: requests failed in the model or the endpoint",
        ),
        add_alarm(
            stack,
            "Latency",
            topic,
            metric(name, "ModelLatency", statistic="p99", period=five_minutes),
            limits.latency_ms * 1000,  # the metric is in microseconds
            f"{name}: 1 % of the model's answers take more than {limits.latency_ms:g} ms",
            periods=2,
        ),
    ]
    if limits.idle_hours is not None:
        added.append(_add_idle_alarm(stack, name, limits.idle_hours, topic))
    return added


def _add_idle_alarm(stack: Stack, name: str, hours: int, topic: sns.ITopic) -> cloudwatch.Alarm:
    """Add the alarm on idle time. An alarm can look back seven days only in periods of an hour."""
    alarm = cloudwatch.Alarm(
        stack,
        "Idle",
        alarm_description=f"{name}: no request for {hours} h; endpoint.enabled=false puts it to "
        "sleep",
        metric=metric(name, "Invocations", statistic="Sum", period=Duration.hours(1)),
        comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        threshold=1,
        evaluation_periods=hours,
        treat_missing_data=cloudwatch.TreatMissingData.BREACHING,  # no requests, no data
    )
    alarm.add_alarm_action(actions.SnsAction(topic))
    return alarm


def add_alarm(
    stack: Stack,
    id: str,
    topic: sns.ITopic,
    watched: cloudwatch.IMetric,
    threshold: float,
    description: str,
    *,
    periods: int = 1,
) -> cloudwatch.Alarm:
    """Add an alarm that publishes when a metric reaches a threshold, and when it falls below."""
    alarm = cloudwatch.Alarm(
        stack,
        id,
        alarm_description=description,
        metric=watched,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        threshold=threshold,
        evaluation_periods=periods,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    alarm.add_alarm_action(actions.SnsAction(topic))
    alarm.add_ok_action(actions.SnsAction(topic))
    return alarm
