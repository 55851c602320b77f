import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.waiting import wait_for

from .conftest import IMAGE, TOPICS, WORDS, Cloud, allow, disarm, training_data

STORING = ("s3:GetObject", "s3:ListBucket", "s3:PutObject")


def request(name: str, role: str, bucket: str, **changes: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/train/"}
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": {
            "num_topics": str(TOPICS),
            "feature_dim": str(WORDS),
            "mini_batch_size": "300",
        },
        "InputDataConfig": [
            {
                "ChannelName": channel,
                "ContentType": "application/x-recordio-protobuf",
                "DataSource": {"S3DataSource": source},
            }
            for channel in ("train", "test")
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/jobs"},
        "ResourceConfig": {
            "InstanceType": "ml.c4.2xlarge",
            "InstanceCount": 1,
            "VolumeSizeInGB": 10,
        },
        "RoleArn": role,
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        **changes,
    }


def hyperparameters(**changes: str) -> dict[str, str]:
    return {"num_topics": "3", "feature_dim": "30", "mini_batch_size": "300", **changes}


def end_of(cloud: Cloud, name: str) -> dict[str, Any]:
    """The job when it has ended."""
    sagemaker = cloud.client("sagemaker")

    def ended() -> dict[str, Any] | None:
        job: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=name)
        return job if job["TrainingJobStatus"] not in ("InProgress", "Stopping") else None

    job: dict[str, Any] = wait_for(ended)
    return job


def trained(cloud: Cloud, **job: Any) -> dict[str, Any]:
    cloud.client("sagemaker").create_training_job(**job)
    return end_of(cloud, job["TrainingJobName"])


def refusal(cloud: Cloud, **job: Any) -> str:
    with pytest.raises(ClientError) as caught:
        cloud.client("sagemaker").create_training_job(**job)
    return str(caught.value)


def missing(cloud: Cloud, name: str) -> str:
    """What is said of a job that does not exist."""
    with pytest.raises(ClientError) as caught:
        cloud.client("sagemaker").describe_training_job(TrainingJobName=name)
    return str(caught.value)


def test_a_job_ends_with_artifact_metric_times_log_and_tags(
    cloud: Cloud, role: str, bucket: str
) -> None:
    tags = [{"Key": "fingerprint", "Value": "abc"}]
    job = trained(cloud, **request("whole", role, bucket, Tags=tags))
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    artifact = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert artifact == "s3://data/jobs/whole/output/model.tar.gz"
    assert cloud.client("s3").head_object(Bucket=bucket, Key=artifact.removeprefix("s3://data/"))
    (metric,) = job["FinalMetricDataList"]
    assert metric["MetricName"] == "test:pwll"
    assert -3.5 < metric["Value"] < -1.5  # ten words a document: about ln 10
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"]
    passed = [transition["Status"] for transition in job["SecondaryStatusTransitions"]]
    assert passed == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    log = {"logGroupName": "/aws/sagemaker/TrainingJobs"}
    (stream,) = cloud.client("logs").describe_log_streams(logStreamNamePrefix="whole/", **log)[
        "logStreams"
    ]
    lines = cloud.client("logs").get_log_events(logStreamName=stream["logStreamName"], **log)
    assert any("test pwll <loss>=" in line["message"] for line in lines["events"])
    listed = cloud.client("sagemaker").list_tags(ResourceArn=job["TrainingJobArn"])
    assert listed["Tags"] == tags


def points(cloud: Cloud, job: str) -> list[float]:
    """What CloudWatch has of a job's metric."""
    now = datetime.now(UTC)
    answer = cloud.client("cloudwatch").get_metric_statistics(
        Namespace="/aws/sagemaker/TrainingJobs",
        MetricName="test:pwll",
        Dimensions=[{"Name": "TrainingJobName", "Value": job}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Average"],
    )
    return [point["Average"] for point in answer["Datapoints"]]


@pytest.mark.parametrize(
    ("namespace", "there"),
    [("/aws/sagemaker/TrainingJobs", True), ("AWS/Other", False), (None, False)],
)
def test_a_metric_is_in_cloudwatch_if_the_role_may_put_it_there(
    cloud: Cloud, bucket: str, namespace: str | None, there: bool
) -> None:
    condition = {"Condition": {"StringEquals": {"cloudwatch:namespace": namespace}}}
    put = [allow("cloudwatch:PutMetricData") | condition] if namespace else []
    role = cloud.make_role(f"Measured-{there}-{bool(put)}", allow("s3:*"), allow("logs:*"), *put)
    job = trained(cloud, **request(f"measured-{there}-{bool(put)}".lower(), role, bucket))
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    (metric,) = job["FinalMetricDataList"]
    found = points(cloud, job["TrainingJobName"])
    assert found == ([pytest.approx(metric["Value"])] if there else [])


def test_a_name_is_taken_once(cloud: Cloud, role: str, bucket: str) -> None:
    trained(cloud, **request("once", role, bucket))
    for name in ("once", "Once"):
        message = refusal(cloud, **request(name, role, bucket))
        assert "ResourceInUse" in message
        assert "training-job/once" in message


def test_a_bad_hyperparameter_fails_the_job_with_the_images_words(
    cloud: Cloud, role: str, bucket: str
) -> None:
    job = request("unknown", role, bucket, HyperParameters=hyperparameters(foo="1"))
    ended = trained(cloud, **job)
    assert ended["TrainingJobStatus"] == "Failed"
    assert ended["FailureReason"].startswith("ClientError: ")
    assert "foo" in ended["FailureReason"]
    assert "ModelArtifacts" not in ended


def test_a_job_that_has_ended_can_not_be_stopped(cloud: Cloud, role: str, bucket: str) -> None:
    trained(cloud, **request("ended", role, bucket))
    with pytest.raises(ClientError, match="is in status Completed"):
        cloud.client("sagemaker").stop_training_job(TrainingJobName="ended")


def test_jobs_are_listed_by_part_of_name_and_status(cloud: Cloud, role: str, bucket: str) -> None:
    for name in ("listed-a", "listed-b"):
        trained(cloud, **request(name, role, bucket))
    sagemaker = cloud.client("sagemaker")

    def names(**query: Any) -> list[str]:
        pages = sagemaker.get_paginator("list_training_jobs").paginate(**query)
        return [job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]]

    everything = {"NameContains": "listed-", "PaginationConfig": {"PageSize": 1}}
    assert names(**everything) == ["listed-b", "listed-a"]
    assert names(NameContains="listed-", StatusEquals="Completed", SortOrder="Ascending") == [
        "listed-a",
        "listed-b",
    ]
    assert names(NameContains="listed-", StatusEquals="Failed") == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"TrainingJobName": "under_score"}, "Member must satisfy regular expression pattern"),
        ({"OutputDataConfig": {"S3OutputPath": "no address"}}, "outputDataConfig.s3OutputPath"),
        (
            {"ResourceConfig": {"InstanceType": "ml.c4", "VolumeSizeInGB": 1}},
            "Member must satisfy enum value set",
        ),
        ({"HyperParameters": {"num_topics": "1" * 3000}}, "have length less than or equal to 2500"),
        (
            {
                "AlgorithmSpecification": {
                    "TrainingImage": IMAGE,
                    "TrainingInputMode": "File",
                    "MetricDefinitions": [{"Name": "a", "Regex": "b"}],
                }
            },
            "You can't override the metric definitions for Amazon SageMaker algorithms",
        ),
    ],
)
def test_a_request_that_breaks_the_model_is_refused(
    cloud: Cloud, role: str, bucket: str, changes: dict[str, Any], problem: str
) -> None:
    assert problem in refusal(cloud, **request("broken", role, bucket, **changes))


class TestPermissions:
    def test_a_caller_needs_create_training_job(self, cloud: Cloud, role: str, bucket: str) -> None:
        caller = cloud.make_role("NoCreate", allow("iam:PassRole"))
        sagemaker = cloud.client("sagemaker", cloud.assume(caller))
        with pytest.raises(ClientError, match="not authorized to perform: sagemaker:CreateTrain"):
            sagemaker.create_training_job(**request("denied", role, bucket))

    def test_a_caller_with_a_wrong_secret_is_refused(self, cloud: Cloud) -> None:
        """Signatures are checked for everybody but the account's root."""
        wrong = cloud.assume(cloud.make_role("Signer", allow("sagemaker:*")))
        wrong["aws_secret_access_key"] = "wrong"  # pragma: allowlist secret
        with pytest.raises(ClientError, match="signature"):
            cloud.client("sagemaker", wrong).list_training_jobs()

    def test_a_permission_for_other_names_does_not_do(
        self, cloud: Cloud, role: str, bucket: str
    ) -> None:
        others = "arn:aws:sagemaker:us-east-1:000000000000:training-job/other-*"
        statement = allow("sagemaker:CreateTrainingJob", resource=others)
        caller = cloud.make_role("OtherNames", statement, allow("iam:PassRole"))
        sagemaker = cloud.client("sagemaker", cloud.assume(caller))
        with pytest.raises(ClientError, match="AccessDenied"):
            sagemaker.create_training_job(**request("mine", role, bucket))
        sagemaker.create_training_job(**request("other-name", role, bucket))
        assert end_of(cloud, "other-name")["TrainingJobStatus"] == "Completed"

    def test_a_caller_must_be_allowed_to_pass_the_role_to_sagemaker(
        self, cloud: Cloud, role: str, bucket: str
    ) -> None:
        elsewhere = allow("iam:PassRole") | {
            "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
        }
        caller = cloud.make_role("NoPass", allow("sagemaker:*"), elsewhere)
        sagemaker = cloud.client("sagemaker", cloud.assume(caller))
        with pytest.raises(ClientError, match="not authorized to perform: iam:PassRole"):
            sagemaker.create_training_job(**request("denied", role, bucket))

    def test_a_role_that_trusts_another_service_is_refused(self, cloud: Cloud, bucket: str) -> None:
        role = cloud.make_role("ForLambda", allow("s3:*"), service="lambda")
        assert "Could not assume role" in refusal(cloud, **request("denied", role, bucket))

    @pytest.mark.parametrize(
        ("missing", "reason"),
        [
            ("s3:GetObject", "Data download failed"),
            ("s3:PutObject", "Artifact upload failed"),
        ],
    )
    def test_the_job_may_do_what_the_role_may_and_no_more(
        self, cloud: Cloud, bucket: str, missing: str, reason: str
    ) -> None:
        name = "without-" + missing.removeprefix("s3:")
        role = cloud.make_role(name, allow(*{*STORING} - {missing}))
        ended = trained(cloud, **request(name, role, bucket))
        assert ended["TrainingJobStatus"] == "Failed"
        assert reason in ended["FailureReason"]
        assert re.search("AccessDenied|Forbidden", ended["FailureReason"])

    def test_a_role_without_logs_costs_the_log_alone(self, cloud: Cloud, bucket: str) -> None:
        role = cloud.make_role("NoLogs", allow("s3:*"))
        assert trained(cloud, **request("silent", role, bucket))["TrainingJobStatus"] == "Completed"


class TestData:
    """What the role can't list is no data, and no job is made."""

    @pytest.mark.parametrize(
        "address",
        ["s3://data/nothing/", "s3://no-such-bucket-here/train/", "s3://No_Bucket/train/"],
    )
    @pytest.mark.parametrize("kind", ["S3Prefix", "ManifestFile"])
    def test_an_address_without_objects_is_refused(
        self, cloud: Cloud, role: str, bucket: str, address: str, kind: str
    ) -> None:
        message = refusal(cloud, **self.job("empty", role, bucket, address, kind))
        name = address.split("/")[2]
        assert message.startswith(
            "An error occurred (ValidationException) when calling the CreateTrainingJob operation: "
            f'No S3 objects found under S3 URL "{address}" given in input data source. Please '
            "ensure that the bucket exists in the selected region (us-east-1), that objects exist "
            f'under that S3 prefix, and that the role "{role}" has "s3:ListBucket" permissions on '
            f'bucket "{name}".'
        )
        assert "Requested resource not found" in missing(cloud, "empty")

    def test_a_role_that_may_not_list_the_bucket_is_refused(
        self, cloud: Cloud, bucket: str
    ) -> None:
        role = cloud.make_role("without-ListBucket", allow(*{*STORING} - {"s3:ListBucket"}))
        message = refusal(cloud, **request("unlisted", role, bucket))
        assert f'has "s3:ListBucket" permissions on bucket "{bucket}"' in message
        assert "Error message from S3: User: arn:aws:sts::" in message
        assert "no identity-based policy allows the s3:ListBucket action" in message

    def test_each_channel_is_looked_at(self, cloud: Cloud, role: str, bucket: str) -> None:
        job = request("half-empty", role, bucket)
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/nothing/"}
        job["InputDataConfig"][1]["DataSource"] = {"S3DataSource": source}
        assert "No S3 objects found" in refusal(cloud, **job)

    def job(
        self, name: str, role: str, bucket: str, address: str, kind: str = "S3Prefix"
    ) -> dict[str, Any]:
        """A job whose first channel is at an address."""
        job = request(name, role, bucket)
        source = {"S3DataType": kind, "S3Uri": address}
        job["InputDataConfig"][0]["DataSource"] = {"S3DataSource": source}
        return job

    @pytest.mark.parametrize("host", ["s3.us-east-1.amazonaws.com/data", "data.s3.amazonaws.com"])
    def test_an_https_address_of_s3_is_one_as_any(
        self, cloud: Cloud, role: str, bucket: str, host: str
    ) -> None:
        name = f"https-{len(host)}"
        job = self.job(name, role, bucket, f"https://{host}/train/")
        job["OutputDataConfig"] = {"S3OutputPath": f"https://{host}/jobs"}
        ended = trained(cloud, **job)
        assert ended["TrainingJobStatus"] == "Completed", ended.get("FailureReason")
        assert cloud.client("s3").head_object(Bucket=bucket, Key=f"jobs/{name}/output/model.tar.gz")


class TestChannels:
    @pytest.fixture
    def put(self, cloud: Cloud, bucket: str) -> Callable[[str, str | bytes], None]:
        def put_object(key: str, body: str | bytes) -> None:
            cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=body)

        return put_object

    def job(self, name: str, role: str, bucket: str, uri: str, **source: str) -> dict[str, Any]:
        """A job whose channel `train` has another source."""
        made = request(name, role, bucket)
        made["InputDataConfig"][0]["DataSource"] = {
            "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri, **source}
        }
        return made

    def test_objects_that_stand_for_folders_are_no_data(
        self,
        cloud: Cloud,
        role: str,
        bucket: str,
        put: Callable[[str, str | bytes], None],
    ) -> None:
        """The console makes one for each folder."""
        for key in ("folders/", "folders/empty/"):
            put(key, b"")
        uri = f"s3://{bucket}/folders/"
        ended = trained(cloud, **self.job("no-files", role, bucket, uri))
        assert "No S3 objects found" in ended["FailureReason"]
        put("folders/a/train.recordio", training_data())
        ended = trained(cloud, **self.job("folders", role, bucket, uri))
        assert ended["TrainingJobStatus"] == "Completed", ended.get("FailureReason")

    def test_a_manifest_names_the_objects_and_nothing_else_is_read(
        self,
        cloud: Cloud,
        role: str,
        bucket: str,
        put: Callable[[str, str | bytes], None],
    ) -> None:
        put("listed/parts/one#1.recordio", training_data())
        put("listed/parts/damaged.recordio", b"damaged")
        prefix = {"prefix": f"s3://{bucket}/listed/"}
        put("listed/list.manifest", json.dumps([prefix, "parts/one#1.recordio"]))
        uri = f"s3://{bucket}/listed/list.manifest"
        job = self.job("listed", role, bucket, uri, S3DataType="ManifestFile")
        ended = trained(cloud, **job)
        assert ended["TrainingJobStatus"] == "Completed", ended.get("FailureReason")

    @pytest.mark.parametrize(
        ("name", "content", "reason"),
        [
            ("no-json", "train/train.recordio", "must be ["),
            ("no-list", "{}", "must be ["),
            ("no-prefix", '["train/train.recordio"]', "must be ["),
            ("no-address", '[{"prefix": "train/"}, "train.recordio"]', "must be ["),
            ("no-text", '[{"prefix": "s3://data/"}, 1]', "must be ["),
            ("no-entry", '[{"prefix": "s3://data/"}]', "No S3 objects found"),
            ("no-object", '[{"prefix": "s3://data/"}, "gone"]', "Data download failed"),
            ("no-character", '[{"prefix": "s3://data/"}, "\\ud800"]', "must be ["),
            ("outside", '[{"prefix": "s3://data/"}, "../train"]', "Invalid S3 key"),
        ],
    )
    def test_a_manifest_that_names_no_object_fails_the_job_with_the_reason(
        self,
        cloud: Cloud,
        role: str,
        bucket: str,
        put: Callable[[str, str | bytes], None],
        name: str,
        content: str,
        reason: str,
    ) -> None:
        put(f"manifests/{name}", content)
        uri = f"s3://{bucket}/manifests/{name}"
        job = self.job(name, role, bucket, uri, S3DataType="ManifestFile")
        assert reason in trained(cloud, **job)["FailureReason"]

    def test_an_object_that_is_also_a_folder_fails_the_job_with_a_reason(
        self,
        cloud: Cloud,
        role: str,
        bucket: str,
        put: Callable[[str, str | bytes], None],
    ) -> None:
        put("both/a", training_data())
        put("both/a/b", training_data())
        ended = trained(cloud, **self.job("both", role, bucket, f"s3://{bucket}/both/"))
        assert "Data download failed" in ended["FailureReason"]

    @pytest.mark.parametrize(
        ("name", "keys", "uri"),
        [
            ("object-and-folder", ("one", "one/one"), "one"),
            ("two-slashes", ("a", "/a"), ""),
            ("dot", ("a", "./a"), ""),
        ],
    )
    def test_objects_that_would_be_the_same_file_fail_the_job_and_none_is_lost(
        self,
        cloud: Cloud,
        role: str,
        bucket: str,
        put: Callable[[str, str | bytes], None],
        name: str,
        keys: tuple[str, ...],
        uri: str,
    ) -> None:
        for key in keys:
            put(f"same-{name}/{key}", training_data())
        ended = trained(cloud, **self.job(name, role, bucket, f"s3://{bucket}/same-{name}/{uri}"))
        assert "would be the same file of channel train" in ended["FailureReason"]

    @pytest.mark.parametrize(
        ("channel", "problem"),
        [
            (
                {"DataSource": {"S3DataSource": {"AttributeNames": ["x"]}}},
                "Channel train: AttributeNames is not supported here",
            ),
            (
                {"DataSource": {"S3DataSource": {"InstanceGroupNames": ["x"]}}},
                "Channel train: InstanceGroupNames is not supported here",
            ),
            (
                {"DataSource": {"S3DataSource": {"S3DataType": "AugmentedManifestFile"}}},
                "S3DataType AugmentedManifestFile is not supported here; use S3Prefix or Manifest",
            ),
            (
                {"DataSource": {"S3DataSource": {"S3Uri": "https://host/data/train/"}}},
                "'inputDataConfig.1.member.dataSource.s3DataSource.s3Uri' failed to satisfy",
            ),
            (
                {
                    "DataSource": {
                        "FileSystemDataSource": {
                            "FileSystemId": "fs-00000001",
                            "FileSystemAccessMode": "ro",
                            "FileSystemType": "EFS",
                            "DirectoryPath": "/train",
                        }
                    }
                },
                "FileSystemDataSource is not supported here; use S3DataSource",
            ),
            ({"CompressionType": "Gzip"}, "CompressionType Gzip, which is for Pipe mode, is not"),
            ({"RecordWrapperType": "RecordIO"}, "RecordWrapperType RecordIO, which is for Pipe"),
        ],
    )
    def test_what_is_not_followed_is_refused_by_name(
        self, cloud: Cloud, role: str, bucket: str, channel: dict[str, Any], problem: str
    ) -> None:
        job = request("not-followed", role, bucket)
        changed = job["InputDataConfig"][0]
        source = changed["DataSource"]["S3DataSource"]
        changed |= channel
        if "S3DataSource" in changed["DataSource"]:
            changed["DataSource"]["S3DataSource"] = source | changed["DataSource"]["S3DataSource"]
        assert problem in refusal(cloud, **job)

    def test_a_channel_has_an_input_mode_of_its_own(
        self, cloud: Cloud, role: str, bucket: str
    ) -> None:
        job = request("piped", role, bucket)
        job["InputDataConfig"][0]["InputMode"] = "Pipe"
        assert "input mode 'Pipe'" in trained(cloud, **job)["FailureReason"]


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        (IMAGE.replace("lda:1", "lda:9"), "Cannot find the requested image: {} with tag: 9 and"),
        (IMAGE.replace("lda:1", "other:1"), "Cannot find the requested image: {} with tag: 1 and"),
        (IMAGE.removesuffix(":1"), "Cannot find the requested image: {} with tag: latest and"),
        (f"{IMAGE}@sha256:0", "Cannot find the requested image: {} with tag: 1 and digest: sha256"),
        ("lda:1", "Invalid training image. Please provide a valid Amazon Elastic Container"),
    ],
)
def test_an_image_that_does_not_exist_is_refused(
    cloud: Cloud, role: str, bucket: str, image: str, problem: str
) -> None:
    job = request("imageless", role, bucket)
    job["AlgorithmSpecification"]["TrainingImage"] = image
    assert problem.format(image) in refusal(cloud, **job)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"AlgorithmSpecification": None}, "must have a TrainingImage"),
        (
            {"AlgorithmSpecification": {"AlgorithmName": "own", "TrainingInputMode": "File"}},
            "AlgorithmName is not offered here",
        ),
        ({"ResourceConfig": None}, "must have an InstanceType"),
        ({"ResourceConfig": {"InstanceType": "ml.c4.xlarge", "InstanceCount": 2}}, "got 2"),
        ({"ResourceConfig": {"InstanceType": "ml.c4.xlarge", "InstanceCount": 0}}, "got 0"),
        (
            {"OutputDataConfig": {"S3OutputPath": "s3://data/jobs", "CompressionType": "NONE"}},
            "CompressionType NONE is not supported",
        ),
        (
            {"StoppingCondition": {"MaxWaitTimeInSeconds": 9}},
            "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining",
        ),
        (
            {
                "StoppingCondition": {"MaxRuntimeInSeconds": 9, "MaxWaitTimeInSeconds": 8},
                "EnableManagedSpotTraining": True,
            },
            "equal to or greater than MaxRuntimeInSeconds",
        ),
        ({"InputDataConfig": []}, "'inputDataConfig' failed to satisfy constraint"),
    ],
)
def test_a_job_that_can_not_be_is_refused_by_name(
    cloud: Cloud, role: str, bucket: str, changes: dict[str, Any], problem: str
) -> None:
    job = request("impossible", role, bucket) | changes
    given = {member: value for member, value in job.items() if value is not None}
    sagemaker = cloud.client("sagemaker", config=Config(parameter_validation=False))
    with pytest.raises(ClientError, match=re.escape(problem)):
        sagemaker.create_training_job(**given)


def test_what_a_request_leaves_out_is_described(cloud: Cloud, role: str, bucket: str) -> None:
    """The SDK's `attach` reads the key, for one."""
    job = request("described", role, bucket)
    del job["StoppingCondition"]
    ended = trained(cloud, **job)
    assert ended["OutputDataConfig"]["KmsKeyId"] == ""
    assert ended["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert {(c["CompressionType"], c["RecordWrapperType"]) for c in ended["InputDataConfig"]} == {
        ("None", "None")
    }
    assert not ended["EnableManagedSpotTraining"]
    assert not ended["EnableNetworkIsolation"]
    assert not ended["EnableInterContainerTrafficEncryption"]
    assert ended["ProfilingStatus"] == "Disabled"
    assert ended["BillableTimeInSeconds"] >= 1


def test_a_job_is_billed_from_its_download_to_its_upload(
    cloud: Cloud, role: str, bucket: str
) -> None:
    ended = trained(cloud, **request("billed", role, bucket))
    started = {step["Status"]: step["StartTime"] for step in ended["SecondaryStatusTransitions"]}
    assert ended["TrainingStartTime"] <= started["Downloading"]
    assert ended["TrainingEndTime"] >= started["Completed"]
    messages = {step["StatusMessage"] for step in ended["SecondaryStatusTransitions"]}
    assert "Training image download completed. Training in progress." in messages


def test_a_job_that_has_ended_can_be_deleted_and_its_name_used_again(
    cloud: Cloud, role: str, bucket: str, arm: Callable[..., None]
) -> None:
    sagemaker = cloud.client("sagemaker")
    arm("training.hang")
    sagemaker.create_training_job(
        **request("deleted", role, bucket, Tags=[{"Key": "a", "Value": ""}])
    )
    with pytest.raises(ClientError, match="is in status InProgress") as caught:
        sagemaker.delete_training_job(TrainingJobName="deleted")
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"
    disarm()
    ended = end_of(cloud, "deleted")
    sagemaker.delete_training_job(TrainingJobName="deleted")
    assert "Requested resource not found" in missing(cloud, "deleted")
    with pytest.raises(ClientError, match="Requested resource not found"):
        sagemaker.delete_training_job(TrainingJobName="deleted")
    trained(cloud, **request("deleted", role, bucket))
    assert sagemaker.list_tags(ResourceArn=ended["TrainingJobArn"])["Tags"] == []
