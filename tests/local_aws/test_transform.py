"""Transform jobs: what they read and write, how they end, and who may start them."""

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError
from scipy.sparse import csr_array

from data_prep import recordio
from tests.support.waiting import wait_for

from .conftest import TOPICS, WORDS, Cloud, allow, have_struck
from .hosting import broken_model, model
from .test_hosting import make_model

GROUP = "/aws/sagemaker/TransformJobs"
RECORDIO = "application/x-recordio-protobuf"
SEE_LOGS = "See job logs for more information"
_numbers = itertools.count()


def documents(number: int, first: int = 0) -> bytes:
    """RecordIO of documents, each with another count of its word."""
    counts = np.zeros((number, WORDS), np.float32)
    counts[np.arange(number), np.arange(first, first + number) % WORDS] = 3
    return b"".join(recordio.encode(csr_array(counts)))


@pytest.fixture(scope="module")
def served(cloud: Cloud, role: str, bucket: str) -> str:
    """A model that jobs use; its name."""
    return model(cloud, role, bucket, TOPICS)


@pytest.fixture
def folder(cloud: Cloud, bucket: str) -> str:
    """A prefix with three objects: two below it, one in a folder."""
    prefix = f"batches/{next(_numbers)}"
    for number, name in enumerate(["a.recordio", "b.recordio", "deep/c.recordio"]):
        put(cloud, bucket, f"{prefix}/{name}", documents(2 + number))
    return prefix


def put(cloud: Cloud, bucket: str, key: str, body: bytes) -> None:
    cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=body)


def request(served: str, bucket: str, folder: str, **changes: Any) -> dict[str, Any]:
    name = f"transform-{next(_numbers)}"
    return {
        "TransformJobName": name,
        "ModelName": served,
        "BatchStrategy": "MultiRecord",
        "TransformInput": source(f"s3://{bucket}/{folder}/"),
        "TransformOutput": {
            "S3OutputPath": f"s3://{bucket}/predictions/{name}",
            "Accept": RECORDIO,
        },
        "TransformResources": {"InstanceType": "ml.m4.xlarge", "InstanceCount": 1},
        **changes,
    }


def source(address: str, **changes: Any) -> dict[str, Any]:
    return {
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": address}},
        "ContentType": RECORDIO,
        "SplitType": "RecordIO",
        **changes,
    }


def output(job: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A request's output with other members."""
    return dict(job["TransformOutput"]) | changes


def end_of(cloud: Cloud, name: str) -> dict[str, Any]:
    """The job when it has ended."""

    def ended() -> dict[str, Any] | None:
        job: dict[str, Any] = cloud.client("sagemaker").describe_transform_job(
            TransformJobName=name
        )
        return job if job["TransformJobStatus"] not in ("InProgress", "Stopping") else None

    job: dict[str, Any] = wait_for(ended)
    return job


def transformed(cloud: Cloud, job: dict[str, Any]) -> dict[str, Any]:
    cloud.client("sagemaker").create_transform_job(**job)
    return end_of(cloud, job["TransformJobName"])


def completed(cloud: Cloud, job: dict[str, Any]) -> dict[str, bytes]:
    """The outputs of a job, which must complete, by their paths."""
    ended = transformed(cloud, job)
    assert ended["TransformJobStatus"] == "Completed", log_of(cloud, job)
    return outputs(cloud, job)


def failure(cloud: Cloud, job: dict[str, Any]) -> str:
    """Why a job fails."""
    ended = transformed(cloud, job)
    assert ended["TransformJobStatus"] == "Failed"
    return str(ended["FailureReason"])


def outputs(cloud: Cloud, job: dict[str, Any]) -> dict[str, bytes]:
    """What a job has stored, by paths below its output."""
    s3 = cloud.client("s3")
    address = job["TransformOutput"]["S3OutputPath"]
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/").get("Contents", [])
    return {
        entry["Key"].removeprefix(f"{prefix}/"): s3.get_object(Bucket=bucket, Key=entry["Key"])[
            "Body"
        ].read()
        for entry in listed
    }


def log_of(cloud: Cloud, job: dict[str, Any]) -> list[str]:
    """The lines of a job's streams: what its containers write, and what they were asked."""
    logs, prefix = cloud.client("logs"), f"{job['TransformJobName']}/"
    streams = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=prefix)
    return [
        event["message"]
        for stream in streams["logStreams"]
        for event in logs.get_log_events(
            logGroupName=GROUP, logStreamName=stream["logStreamName"], startFromHead=True
        )["events"]
    ]


def refusal(cloud: Cloud, job: dict[str, Any]) -> str:
    with pytest.raises(ClientError) as caught:
        cloud.client("sagemaker").create_transform_job(**job)
    return str(caught.value)


def records(content: bytes) -> int:
    """How many answers a RecordIO output has."""
    return content.count((0xCED7230A).to_bytes(4, "little"))


def test_each_object_has_an_output_with_an_answer_for_each_record(
    cloud: Cloud, served: str, bucket: str, folder: str
) -> None:
    job = request(served, bucket, folder)
    found = completed(cloud, job)
    assert {path: records(body) for path, body in found.items()} == {
        "a.recordio.out": 2,
        "b.recordio.out": 3,
        "deep/c.recordio.out": 4,
    }
    described = cloud.client("sagemaker").describe_transform_job(
        TransformJobName=job["TransformJobName"]
    )
    assert described["CreationTime"] <= described["TransformStartTime"]
    assert described["TransformStartTime"] <= described["TransformEndTime"]
    assert described["ModelName"] == served


def test_several_instances_give_the_same_outputs_as_one(
    cloud: Cloud, served: str, bucket: str, folder: str
) -> None:
    one = completed(cloud, request(served, bucket, folder))
    resources = {"InstanceType": "ml.m4.xlarge", "InstanceCount": 2}
    two = request(served, bucket, folder, TransformResources=resources, MaxConcurrentTransforms=2)
    assert completed(cloud, two) == one
    starts = [line for line in log_of(cloud, two) if "BatchStrategy=MULTI_RECORD" in line]
    assert len(starts) == 2
    assert "MaxConcurrentTransforms=2, MaxPayloadInMB=6" in starts[0]


def test_lines_are_split_and_answers_assembled_with_line_ends(
    cloud: Cloud, served: str, bucket: str
) -> None:
    row = ",".join(["1"] * WORDS)
    put(cloud, bucket, "lines/x.csv", f"{row}\n{row}\n".encode())
    job = request(served, bucket, "lines", BatchStrategy="SingleRecord")
    job["TransformInput"] = source(
        f"s3://{bucket}/lines/x", ContentType="text/csv", SplitType="Line"
    )
    job["TransformOutput"] = output(job, Accept="application/json", AssembleWith="Line")
    (body,) = completed(cloud, job).values()
    answers = [json.loads(line) for line in body.splitlines()]
    assert [len(answer["predictions"]) for answer in answers] == [1, 1]


def test_keys_that_differ_in_slashes_alone_have_outputs_of_their_own(
    cloud: Cloud, served: str, bucket: str
) -> None:
    for key in ("slashes/a", "slashes//a"):
        put(cloud, bucket, key, documents(1))
    assert completed(cloud, request(served, bucket, "slashes")).keys() == {"a.out", "/a.out"}


def test_a_manifest_names_the_objects(cloud: Cloud, served: str, bucket: str, folder: str) -> None:
    listed = [{"prefix": f"s3://{bucket}/{folder}/"}, "deep/c.recordio"]
    put(cloud, bucket, f"{folder}-manifest", json.dumps(listed).encode())
    job = request(served, bucket, folder)
    address = f"s3://{bucket}/{folder}-manifest"
    job["TransformInput"]["DataSource"]["S3DataSource"] = {
        "S3DataType": "ManifestFile",
        "S3Uri": address,
    }
    assert completed(cloud, job).keys() == {"deep/c.recordio.out"}


def test_single_records_of_recordio_come_without_frames_which_lda_can_not_read(
    cloud: Cloud, served: str, bucket: str, folder: str
) -> None:
    """As users report of AWS: https://github.com/aws/sagemaker-python-sdk/issues/1075."""
    job = request(served, bucket, folder, BatchStrategy="SingleRecord")
    assert failure(cloud, job) == f"ClientError: {SEE_LOGS}"
    assert any("a.recordio: ClientError: 400" in line for line in log_of(cloud, job))


def test_a_bad_object_fails_the_job_and_the_others_have_their_outputs(
    cloud: Cloud, served: str, bucket: str, folder: str
) -> None:
    put(cloud, bucket, f"{folder}/b.recordio", documents(3)[:-1])
    job = request(served, bucket, folder)
    assert failure(cloud, job) == f"ClientError: {SEE_LOGS}"
    assert outputs(cloud, job).keys() == {"a.recordio.out", "deep/c.recordio.out"}
    assert any(f"{bucket}/{folder}/b.recordio: byte " in line for line in log_of(cloud, job))


def test_a_record_that_is_larger_than_a_payload_fails_the_job(
    cloud: Cloud, role: str, served: str, bucket: str
) -> None:
    put(cloud, bucket, "large/x", b"1" * (1 << 20) + b"1")
    job = request(served, bucket, "large", MaxPayloadInMB=1)
    job["TransformInput"] |= {"SplitType": "None"}
    assert failure(cloud, job) == f"ClientError: {SEE_LOGS}"
    assert any("record 1 has 1048577 bytes" in line for line in log_of(cloud, job))


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"ContentType": "text/plain"}, 415), ({"ContentType": "text/csv"}, 400)],
)
def test_what_the_container_refuses_fails_the_job_with_its_status(
    cloud: Cloud, served: str, bucket: str, folder: str, changes: dict[str, str], status: int
) -> None:
    job = request(served, bucket, folder)
    job["TransformInput"] |= changes
    assert failure(cloud, job) == f"ClientError: {SEE_LOGS}"
    assert any(f"ClientError: {status}" in line for line in log_of(cloud, job))
    assert outputs(cloud, job) == {}


def test_an_input_without_objects_is_refused(cloud: Cloud, served: str, bucket: str) -> None:
    message = refusal(cloud, request(served, bucket, "nothing"))
    assert "when calling the CreateTransformJob operation: No S3 objects found under" in message
    assert 'has "s3:ListBucket" permissions on bucket' in message


def test_a_model_that_can_not_be_served_fails_the_job(
    cloud: Cloud, role: str, bucket: str, folder: str
) -> None:
    broken = broken_model(cloud, role, bucket)
    reason = failure(cloud, request(broken, bucket, folder))
    assert reason.startswith("AlgorithmError: Failed to download model data from s3://")


def test_a_container_that_fails_is_asked_again(
    cloud: Cloud, served: str, bucket: str, folder: str, arm: Callable[..., None]
) -> None:
    arm("invoke.model-error", times=3)
    assert len(completed(cloud, request(served, bucket, folder))) == 3
    assert have_struck()
    arm("invoke.model-error", reason="out of memory", times=2)
    job = request(served, bucket, folder, ModelClientConfig={"InvocationsMaxRetries": 1})
    assert failure(cloud, job) == f"AlgorithmError: {SEE_LOGS}"
    assert any(line.endswith("a.recordio: out of memory") for line in log_of(cloud, job))


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "reason", "line"),
        [
            ("transform.fail", f"AlgorithmError: {SEE_LOGS}", "bad data"),
            ("transform.payload", f"ClientError: {SEE_LOGS}", "a.recordio: ClientError: 413"),
        ],
    )
    def test_a_fault_of_an_object_fails_the_job_and_is_in_its_log(
        self,
        cloud: Cloud,
        served: str,
        bucket: str,
        folder: str,
        arm: Callable[..., None],
        fault: str,
        reason: str,
        line: str,
    ) -> None:
        arm(fault, reason="bad data")
        job = request(served, bucket, folder)
        assert failure(cloud, job) == reason
        assert any(line in found for found in log_of(cloud, job))
        assert outputs(cloud, job).keys() == {"b.recordio.out", "deep/c.recordio.out"}

    def test_without_capacity_there_is_no_job(
        self, cloud: Cloud, served: str, bucket: str, folder: str, arm: Callable[..., None]
    ) -> None:
        arm("transform.capacity")
        job = request(served, bucket, folder)
        assert failure(cloud, job).startswith("CapacityError: ")
        assert outputs(cloud, job) == {}


def test_a_stopped_job_leaves_nothing(
    cloud: Cloud, served: str, bucket: str, folder: str, arm: Callable[..., None]
) -> None:
    sagemaker = cloud.client("sagemaker")
    arm("invoke.slow", seconds=1)
    job = request(served, bucket, folder)
    name = job["TransformJobName"]
    sagemaker.create_transform_job(**job)
    wait_for(have_struck)  # the first object is being asked about
    sagemaker.stop_transform_job(TransformJobName=name)
    assert end_of(cloud, name)["TransformJobStatus"] == "Stopped"
    assert outputs(cloud, job) == {}
    with pytest.raises(ClientError, match="transform job is in status Stopped"):
        sagemaker.stop_transform_job(TransformJobName=name)


def test_jobs_are_listed_by_part_of_name_and_status(
    cloud: Cloud, role: str, served: str, bucket: str, folder: str
) -> None:
    good = request(served, bucket, folder)
    bad = request(broken_model(cloud, role, bucket), bucket, folder)
    completed(cloud, good)
    failure(cloud, bad)
    sagemaker = cloud.client("sagemaker")

    def listed(job: dict[str, Any], status: str) -> list[str]:
        found = sagemaker.list_transform_jobs(
            NameContains=job["TransformJobName"], StatusEquals=status
        )
        return [one["TransformJobStatus"] for one in found["TransformJobSummaries"]]

    assert listed(good, "Completed") == ["Completed"]
    assert listed(good, "Failed") == []
    assert listed(bad, "Failed") == ["Failed"]


@pytest.fixture
def heard(cloud: Cloud) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Returns the details of the events of transform jobs that have come."""
    url, arn = cloud.make_queue(f"transform-{next(_numbers)}", "events")
    events, sqs = cloud.client("events"), cloud.client("sqs")
    pattern = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Transform Job State Change"]}
    events.put_rule(Name="transform", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="transform", Targets=[{"Id": "queue", "Arn": arn}])
    details: list[dict[str, Any]] = []

    def receive() -> list[dict[str, Any]]:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        details.extend(json.loads(message["Body"])["detail"] for message in found)
        return details

    yield receive
    events.remove_targets(Rule="transform", Ids=["queue"])
    events.delete_rule(Name="transform")


def test_a_job_tells_its_states_by_events_with_its_tags(
    cloud: Cloud,
    served: str,
    bucket: str,
    folder: str,
    heard: Callable[[], list[dict[str, Any]]],
) -> None:
    job = request(served, bucket, folder, Tags=[{"Key": "project", "Value": "x"}])
    completed(cloud, job)
    wait_for(lambda: any(one["TransformJobStatus"] == "Completed" for one in heard()))
    assert {one["TransformJobStatus"] for one in heard()} == {"InProgress", "Completed"}
    last = next(one for one in heard() if one["TransformJobStatus"] == "Completed")
    assert last["TransformJobName"] == job["TransformJobName"]
    assert last["Tags"] == {"project": "x"}
    assert last["TransformEndTime"] > 1e12  # milliseconds
    listed = cloud.client("sagemaker").list_tags(ResourceArn=last["TransformJobArn"])["Tags"]
    assert listed == [{"Key": "project", "Value": "x"}]


class TestRequests:
    def test_a_name_is_taken_once(
        self, cloud: Cloud, served: str, bucket: str, folder: str
    ) -> None:
        job = request(served, bucket, folder)
        completed(cloud, job)
        message = refusal(cloud, job)
        assert "ResourceInUse" in message
        assert "a transform job with this name already exists (arn:aws:sagemaker" in message

    def test_a_model_that_does_not_exist_is_refused(
        self, cloud: Cloud, bucket: str, folder: str
    ) -> None:
        message = refusal(cloud, request("no-model", bucket, folder))
        assert 'Could not find model "arn:aws:sagemaker:us-east-1:' in message
        assert 'model/no-model"' in message

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"MaxPayloadInMB": 101}, "MaxPayloadInMB of 101 must be less than or equal to 100"),
            (
                {"MaxPayloadInMB": 26, "MaxConcurrentTransforms": 4},
                "product of MaxPayloadInMB of 26 and MaxConcurrentTransforms of 4 must be less",
            ),
            ({"MaxPayloadInMB": 0}, "is not supported by built-in algorithms"),
            ({"BatchStrategy": "Both"}, "satisfy enum value set: [MultiRecord, SingleRecord]"),
            (
                {"TransformResources": {"InstanceType": "ml.x", "InstanceCount": 1}},
                "'transformResources.instanceType' failed to satisfy constraint",
            ),
            ({"DataProcessing": {"JoinSource": "Input"}}, "DataProcessing is not supported here"),
        ],
    )
    def test_a_limit_that_is_broken_is_told(
        self,
        cloud: Cloud,
        served: str,
        bucket: str,
        folder: str,
        changes: dict[str, Any],
        problem: str,
    ) -> None:
        job = request(served, bucket, folder, **changes)
        assert problem in refusal(cloud, job)

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"SplitType": "TFRecord"}, "SplitType TFRecord is not supported here"),
            ({"SplitType": "Word"}, "satisfy enum value set: [None, Line, RecordIO, TFRecord]"),
            ({"CompressionType": "Gzip"}, "CompressionType Gzip is not supported here"),
        ],
    )
    def test_an_input_that_can_not_be_followed_is_refused(
        self,
        cloud: Cloud,
        served: str,
        bucket: str,
        folder: str,
        changes: dict[str, Any],
        problem: str,
    ) -> None:
        job = request(served, bucket, folder)
        job["TransformInput"] |= changes
        assert problem in refusal(cloud, job)

    def test_a_job_that_is_not_there_is_not_found(self, cloud: Cloud) -> None:
        with pytest.raises(ClientError, match="Requested resource not found"):
            cloud.client("sagemaker").describe_transform_job(TransformJobName="no-job")


class TestPermissions:
    def test_the_job_reads_and_writes_as_the_models_role(
        self, cloud: Cloud, role: str, bucket: str, folder: str
    ) -> None:
        weak = cloud.make_role(
            "WeakTransform",
            allow("s3:GetObject", resource=f"arn:aws:s3:::{bucket}/*"),
            allow("s3:ListBucket", resource=f"arn:aws:s3:::{bucket}"),
            allow("logs:*"),
        )
        name = f"weak-{next(_numbers)}"
        strong = model(cloud, role, bucket, 1)
        described = cloud.client("sagemaker").describe_model(ModelName=strong)
        make_model(cloud, name, weak, described["PrimaryContainer"]["ModelDataUrl"])
        reason = failure(cloud, request(name, bucket, folder))
        assert "Failed to upload s3://data/predictions/" in reason
        assert "AccessDenied" in reason

    def test_the_condition_on_the_model_decides(
        self, cloud: Cloud, role: str, served: str, bucket: str, folder: str
    ) -> None:
        """SageMaker gives IAM the key `sagemaker:ModelArn`."""
        scope = f"arn:aws:sagemaker:{cloud.environment['AWS_REGION']}:000000000000"
        other = model(cloud, role, bucket, 1)
        condition = {"StringEqualsIgnoreCase": {"sagemaker:ModelArn": f"{scope}:model/{served}"}}
        create = allow("sagemaker:CreateTransformJob") | {"Condition": condition}
        caller = cloud.assume(cloud.make_role("OneModel", create))
        sagemaker = cloud.client("sagemaker", caller)
        job = request(served, bucket, folder)
        sagemaker.create_transform_job(**job)
        assert end_of(cloud, job["TransformJobName"])["TransformJobStatus"] == "Completed"
        with pytest.raises(ClientError, match="not authorized to perform: sagemaker:CreateTransf"):
            sagemaker.create_transform_job(**request(other, bucket, folder))

    def test_whoever_gives_tags_must_be_allowed_to_add_them(
        self, cloud: Cloud, served: str, bucket: str, folder: str
    ) -> None:
        caller = cloud.assume(cloud.make_role("NoTags", allow("sagemaker:CreateTransformJob")))
        job = request(served, bucket, folder, Tags=[{"Key": "project", "Value": "x"}])
        with pytest.raises(ClientError, match="not authorized to perform: sagemaker:AddTags"):
            cloud.client("sagemaker", caller).create_transform_job(**job)
