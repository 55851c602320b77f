"""Mail about the end of each training job."""

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions

from stacks.training_job import TrainingJob
from stacks.training_job.construct import ENDS


def add_notices(stack: Stack, job: TrainingJob, address: str, key: kms.IKey | None) -> None:
    """Send a mail to `address` whenever a job ends; its owner must first confirm the subscription.

    The topic is encrypted with `key`, or with a new key if that is None.
    """
    topic = sns.Topic(stack, "Notices", master_key=key or _add_key(stack), enforce_ssl=True)
    topic.add_subscription(subscriptions.EmailSubscription(address))
    field = events.EventField.from_path
    message = events.RuleTargetInput.from_text(
        f"Training job {field('$.detail.TrainingJobName')} ended as "
        f"{field('$.detail.TrainingJobStatus')} ({field('$.detail.SecondaryStatus')}) "
        f"in {field('$.region')}, account {field('$.account')}."
    )
    # With the rule's own role: permission for the service EventBridge would let any rule publish.
    target = targets.SnsTopic(topic, message=message, authorize_using_role=True)
    job.on_state_change("Notify", target=target, states=ENDS)
    CfnOutput(stack, "NoticesTopicArn", value=topic.topic_arn)


def _add_key(stack: Stack) -> kms.Key:
    """Add a key: the policy of the key that AWS keeps for SNS allows no other service to use it."""
    return kms.Key(
        stack,
        "NoticesKey",
        description="Notices of training",
        enable_key_rotation=True,
        removal_policy=RemovalPolicy.DESTROY,  # it encrypts only mail on its way
    )
