"""What the embedded AWS asks besides the operation itself: of a function's role, of a policy."""

import json
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws import instance
from tests.support.waiting import wait_for

from .conftest import Cloud, allow
from .test_stacks import zipped

REGION = instance.REGION
SAYS = """
def handler(event, context):
    print("said")
    if "fail" in event:
        raise ValueError(event["fail"])
"""


def unique(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:8]}"


def make_function(cloud: Cloud, role: str) -> str:
    """A function that says a word; its name."""
    name = unique("function")
    cloud.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.11",
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": zipped("index.py", SAYS)},
    )
    return name


def said(cloud: Cloud, function: str) -> bool:
    logs = cloud.client("logs")
    group = f"/aws/lambda/{function}"
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        return False
    events = logs.filter_log_events(logGroupName=group)["events"]
    return any(event["message"] == "said" for event in events)


def function_arn(name: str) -> str:
    return f"arn:aws:lambda:{REGION}:{instance.ACCOUNT}:function:{name}"


@pytest.fixture(scope="module")
def logger(cloud: Cloud) -> str:
    """A function's role that may write logs."""
    return cloud.make_role("PermissionsLogger", allow("logs:*"), service="lambda")


@pytest.mark.parametrize(
    ("actions", "kept"),
    [
        (["CreateLogGroup", "CreateLogStream", "PutLogEvents"], True),
        (["CreateLogStream", "PutLogEvents"], False),
        (["CreateLogGroup", "PutLogEvents"], False),
        (["CreateLogGroup", "CreateLogStream"], False),
    ],
)
def test_a_function_has_a_log_only_if_its_role_may_write_it(
    cloud: Cloud, actions: list[str], kept: bool
) -> None:
    may = allow(*(f"logs:{action}" for action in actions))
    name = make_function(cloud, cloud.make_role(unique("Role"), may, service="lambda"))
    answer = cloud.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()
    # The answer comes after the log.
    assert said(cloud, name) is kept


def test_a_failure_goes_to_the_destination_only_if_the_functions_role_may_call_it(
    cloud: Cloud, logger: str
) -> None:
    functions = cloud.client("lambda")
    caller = cloud.make_role(
        unique("Role"), allow("logs:*"), allow("lambda:InvokeFunction"), service="lambda"
    )
    allowed, refused = (make_function(cloud, logger) for _ in range(2))
    for role, destination in ((logger, refused), (caller, allowed)):
        failing = make_function(cloud, role)
        functions.put_function_event_invoke_config(
            FunctionName=failing,
            MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": function_arn(destination)}},
        )
        functions.invoke(FunctionName=failing, InvocationType="Event", Payload=b'{"fail": "it"}')
        assert wait_for(partial(said, cloud, failing))
    assert wait_for(lambda: said(cloud, allowed))
    assert not said(cloud, refused)


def put_rule(cloud: Cloud, target: str, **role: str) -> str:
    """A rule for events of `tests` that tells `target`; its ARN."""
    events, name = cloud.client("events"), unique("rule")
    arn = events.put_rule(Name=name, EventPattern=json.dumps({"source": ["tests"]}))["RuleArn"]
    events.put_targets(Rule=name, Targets=[{"Id": "it", "Arn": target, **role}])
    return str(arn)


def put_event(cloud: Cloud) -> None:
    entry = {"Source": "tests", "DetailType": "it", "Detail": "{}"}
    assert cloud.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_a_rule_calls_a_function_only_if_the_functions_policy_names_the_rule(
    cloud: Cloud, logger: str
) -> None:
    named, unnamed, other = (make_function(cloud, logger) for _ in range(3))
    rules = {name: put_rule(cloud, function_arn(name)) for name in (unnamed, other, named)}
    for function, rule in ((named, rules[named]), (other, rules[named])):
        cloud.client("lambda").add_permission(
            FunctionName=function,
            StatementId="it",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=rule,
        )
    put_event(cloud)
    assert wait_for(lambda: said(cloud, named))
    assert not said(cloud, unnamed)
    assert not said(cloud, other), "its policy names another rule"


Reader = Callable[[], list[str]]


@pytest.fixture
def topic(cloud: Cloud) -> tuple[str, Reader]:
    """A topic, and what it has told since."""
    sns, sqs = cloud.client("sns"), cloud.client("sqs")
    topic = sns.create_topic(Name=unique("topic"))["TopicArn"]
    queue = sqs.create_queue(QueueName=unique("queue"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    policy = document(allow_service("sns", "sqs:SendMessage", arn))
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def told() -> list[str]:
        return [m["Body"] for m in sqs.receive_message(QueueUrl=queue).get("Messages", [])]

    return topic, told


def allow_service(service: str, action: str, resource: str, **condition: Any) -> dict[str, Any]:
    principal = {"Principal": {"Service": f"{service}.amazonaws.com"}}
    return allow(action, resource=resource) | principal | condition


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def set_policy(cloud: Cloud, topic: str, *statements: dict[str, Any]) -> None:
    cloud.client("sns").set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=document(*statements)
    )


def test_a_rule_tells_a_topic_only_if_the_topics_policy_lets_it(
    cloud: Cloud, topic: tuple[str, Reader]
) -> None:
    arn, told = topic
    put_rule(cloud, arn)
    set_policy(cloud, arn, allow_service("cloudwatch", "sns:Publish", arn))
    put_event(cloud)
    assert told() == []
    set_policy(cloud, arn, allow_service("events", "sns:Publish", arn))
    put_event(cloud)
    assert wait_for(told)


@pytest.mark.parametrize("denied", ["sns:Publish", "kms:Decrypt", "kms:GenerateDataKey", None])
def test_a_rule_that_has_a_role_tells_an_encrypted_topic_only_as_the_role_may(
    cloud: Cloud, topic: tuple[str, Reader], denied: str | None
) -> None:
    arn, told = topic
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    cloud.client("sns").set_topic_attributes(
        TopicArn=arn, AttributeName="KmsMasterKeyId", AttributeValue=key
    )
    by_tls = allow("sns:Publish", resource=arn) | {
        "Effect": "Deny",
        "Principal": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    set_policy(cloud, arn, by_tls)
    needed = {"sns:Publish": arn, "kms:Decrypt": key, "kms:GenerateDataKey": key}
    allowed = [allow(does, resource=on) for does, on in needed.items() if does != denied]
    role = cloud.make_role(unique("Rule"), *allowed, service="events")
    put_rule(cloud, arn, RoleArn=role)
    put_event(cloud)
    assert bool(told()) is (denied is None)


@pytest.mark.parametrize(("account", "heard"), [(instance.ACCOUNT, True), ("999999999999", False)])
def test_an_alarm_tells_a_topic_only_if_the_topics_policy_lets_it(
    cloud: Cloud, topic: tuple[str, Reader], account: str, heard: bool
) -> None:
    arn, told = topic
    condition = {"StringEquals": {"aws:SourceAccount": account}}
    publish = allow_service("cloudwatch", "sns:Publish", arn, Condition=condition)
    set_policy(cloud, arn, publish)
    cloudwatch, name = cloud.client("cloudwatch"), unique("alarm")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="tests",
        MetricName="it",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[arn],
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
    cloudwatch.delete_alarms(AlarmNames=[name])
    assert bool(told()) is heard


def test_whoever_reads_writes_and_copies_encrypted_objects_must_be_let_use_the_key(
    cloud: Cloud,
) -> None:
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    bucket = unique("encrypted")
    root = cloud.client("s3")
    root.create_bucket(Bucket=bucket)
    rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    root.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": rule}]},
    )
    root.put_object(Bucket=bucket, Key="a key/there", Body=b"it")

    def denied(uses: list[str], operation: str, **request: Any) -> str | None:
        """What a role that may use the key for `uses` is denied."""
        use = [allow(*uses, resource=key)] if uses else []
        role = cloud.make_role(unique("Role"), allow("s3:*"), *use)
        call = getattr(cloud.client("s3", cloud.assume(role)), operation)
        try:
            call(Bucket=bucket, **request)
        except ClientError as error:
            return str(error.response["Error"]["Message"])
        return None

    read = {"Key": "a key/there"}
    write = {"Key": "new", "Body": b"it"}
    copy = {"Key": "copy", "CopySource": {"Bucket": bucket, "Key": "a key/there"}}
    both = ["kms:Decrypt", "kms:GenerateDataKey"]
    assert "kms:Decrypt" in str(denied(["kms:GenerateDataKey"], "get_object", **read))
    assert denied(["kms:Decrypt"], "get_object", **read) is None
    assert "kms:GenerateDataKey" in str(denied(["kms:Decrypt"], "put_object", **write))
    assert denied(["kms:GenerateDataKey"], "put_object", **write) is None
    assert "kms:GenerateDataKey" in str(denied(["kms:Decrypt"], "copy_object", **copy))
    assert "kms:Decrypt" in str(denied(["kms:GenerateDataKey"], "copy_object", **copy))
    assert denied(both, "copy_object", **copy) is None
    assert denied([], "head_object", **read) is None


def test_objects_without_a_key_of_their_own_are_encrypted_by_that_of_aws_for_s3(
    cloud: Cloud,
) -> None:
    """In every way to write one, by callers who may use no key."""
    kms, root, bucket = cloud.client("kms"), cloud.client("s3"), unique("default")
    key = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
    assert key["KeyManager"] == "AWS"
    root.create_bucket(Bucket=bucket)
    s3 = cloud.client("s3", cloud.assume(cloud.make_role(unique("Role"), allow("s3:*"))))
    encrypted = {"ServerSideEncryption": "aws:kms"}
    s3.put_object(Bucket=bucket, Key="put", Body=b"it", **encrypted)
    source = {"Bucket": bucket, "Key": "put"}
    s3.copy_object(Bucket=bucket, Key="copied", CopySource=source, **encrypted)
    upload = {"Bucket": bucket, "Key": "uploaded"}
    upload["UploadId"] = s3.create_multipart_upload(**upload, **encrypted)["UploadId"]
    part = {"ETag": s3.upload_part(**upload, PartNumber=1, Body=b"it")["ETag"], "PartNumber": 1}
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [part]})
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    root.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.put_object(Bucket=bucket, Key="by the bucket", Body=b"it")
    for name in ("put", "copied", "uploaded", "by the bucket"):
        answer = s3.get_object(Bucket=bucket, Key=name)
        assert answer["Body"].read() == b"it"
        assert (answer["ServerSideEncryption"], answer["SSEKMSKeyId"]) == ("aws:kms", key["Arn"])


def test_without_a_key_a_write_does_not_take_the_buckets_own_key(cloud: Cloud) -> None:
    kms, s3, bucket = cloud.client("kms"), cloud.client("s3"), unique("own")
    s3.create_bucket(Bucket=bucket)
    own = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": kms.create_key()["KeyMetadata"]["Arn"]}
    rule = {"ApplyServerSideEncryptionByDefault": own}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    role = cloud.make_role(unique("Role"), allow("s3:*"))
    user = cloud.client("s3", cloud.assume(role))
    user.put_object(Bucket=bucket, Key="k", Body=b"it", ServerSideEncryption="aws:kms")
    default = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["Arn"]
    assert s3.head_object(Bucket=bucket, Key="k")["SSEKMSKeyId"] == default
