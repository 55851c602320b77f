"""boto3: the waiters, the words of refusals, and what Describe has beside what was sent."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, WaiterError

from .conftest import ACCOUNT, HYPERPARAMETERS, IMAGE, REGION, WORDS

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
SOON = {"Delay": 1, "MaxAttempts": 60}
VARIANT = {"VariantName": "AllTraffic", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
NOTHING_THERE = (
    'No S3 objects found under S3 URL "s3://{bucket}/nothing" given in input data source. Please '
    "ensure that the bucket exists in the selected region ({region}), that objects exist under "
    'that S3 prefix, and that the role "{role}" has "s3:ListBucket" permissions on bucket '
    '"{bucket}".'
)


@pytest.fixture(scope="module")
def sagemaker() -> Any:
    return boto3.client("sagemaker")


@pytest.fixture(scope="module")
def job(role: str, bucket: str) -> Callable[..., dict[str, Any]]:
    """Returns the request for a training job."""

    def request(name: str, prefix: str = "train/", **changes: Any) -> dict[str, Any]:
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/{prefix}"}
        return {
            "TrainingJobName": name,
            "RoleArn": role,
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "HyperParameters": {key: str(value) for key, value in HYPERPARAMETERS.items()},
            "InputDataConfig": [
                {
                    "ChannelName": "train",
                    "ContentType": "text/csv;label_size=0",
                    "DataSource": {"S3DataSource": source},
                }
            ],
            "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/jobs"},
            "ResourceConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            **changes,
        }

    return request


@pytest.fixture(scope="module")
def trained(sagemaker: Any, job: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """A job that has ended well."""
    sagemaker.create_training_job(**job("trained"))
    waiter = sagemaker.get_waiter("training_job_completed_or_stopped")
    waiter.wait(TrainingJobName="trained", WaiterConfig=SOON)
    described: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName="trained")
    return described


@pytest.fixture(scope="module")
def container(trained: dict[str, Any]) -> dict[str, str]:
    data = trained["ModelArtifacts"]["S3ModelArtifacts"]
    return {"Image": IMAGE, "ModelDataUrl": data}


@pytest.fixture(scope="module")
def endpoint(sagemaker: Any, role: str, container: dict[str, str]) -> str:
    """An endpoint in service, whose configuration and model have its name."""
    name = "served"
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container)
    variants = [VARIANT | {"ModelName": name}]
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig=SOON)
    return name


def refused(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    """Code and text of a refusal."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


class TestWaiters:
    def test_of_a_job_ends_by_failure(
        self, sagemaker: Any, job: Callable[..., dict[str, Any]]
    ) -> None:
        wrong = {key: str(value) for key, value in HYPERPARAMETERS.items()} | {"feature_dim": "7"}
        sagemaker.create_training_job(**job("failed", HyperParameters=wrong))
        with pytest.raises(WaiterError, match="terminal failure state"):
            sagemaker.get_waiter("training_job_completed_or_stopped").wait(
                TrainingJobName="failed", WaiterConfig=SOON
            )

    def test_of_an_endpoint_end_by_failure_and_deletion(
        self, sagemaker: Any, role: str, bucket: str, container: dict[str, str]
    ) -> None:
        boto3.client("s3").put_object(Bucket=bucket, Key="broken.tar.gz", Body=b"no archive")
        broken = container | {"ModelDataUrl": f"s3://{bucket}/broken.tar.gz"}
        sagemaker.create_model(ModelName="broken", ExecutionRoleArn=role, PrimaryContainer=broken)
        variants = [VARIANT | {"ModelName": "broken"}]
        sagemaker.create_endpoint_config(EndpointConfigName="broken", ProductionVariants=variants)
        sagemaker.create_endpoint(EndpointName="broken", EndpointConfigName="broken")
        name = {"EndpointName": "broken", "WaiterConfig": SOON}
        with pytest.raises(WaiterError, match="terminal failure state"):
            sagemaker.get_waiter("endpoint_in_service").wait(**name)
        sagemaker.delete_endpoint(EndpointName="broken")
        sagemaker.get_waiter("endpoint_deleted").wait(**name)

    @pytest.mark.parametrize(
        ("waiter", "member"),
        [
            ("training_job_completed_or_stopped", "TrainingJobName"),
            ("transform_job_completed_or_stopped", "TransformJobName"),
            ("endpoint_in_service", "EndpointName"),
        ],
    )
    def test_end_at_once_where_nothing_has_the_name(
        self, sagemaker: Any, waiter: str, member: str
    ) -> None:
        with pytest.raises(WaiterError, match="ValidationException"):
            sagemaker.get_waiter(waiter).wait(**{member: "missing"})


class TestDescribe:
    def test_a_job_has_the_defaults_of_what_was_not_sent(self, trained: dict[str, Any]) -> None:
        switches = (
            "EnableNetworkIsolation",
            "EnableManagedSpotTraining",
            "EnableInterContainerTrafficEncryption",
        )
        assert [trained[switch] for switch in switches] == [False] * 3
        assert trained["OutputDataConfig"]["KmsKeyId"] == ""
        (channel,) = trained["InputDataConfig"]
        assert (channel["CompressionType"], channel["RecordWrapperType"]) == ("None", "None")

    def test_a_jobs_time_is_billed_from_before_the_download_until_after_the_upload(
        self, trained: dict[str, Any]
    ) -> None:
        at = {entry["Status"]: entry for entry in trained["SecondaryStatusTransitions"]}
        assert trained["TrainingStartTime"] <= at["Downloading"]["EndTime"]
        assert trained["TrainingEndTime"] >= at["Uploading"]["EndTime"]

    def test_a_variant_has_its_weight(self, sagemaker: Any, endpoint: str) -> None:
        described = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint)
        assert described["ProductionVariants"][0]["InitialVariantWeight"] == 1.0


class TestRefusals:
    @pytest.mark.parametrize(
        ("operation", "member", "text"),
        [
            ("describe_training_job", "TrainingJobName", "Requested resource not found."),
            ("stop_training_job", "TrainingJobName", "Requested resource not found."),
            ("describe_model", "ModelName", f'Could not find model "{ARN}:model/missing".'),
            ("delete_model", "ModelName", f'Could not find model "{ARN}:model/missing".'),
            (
                "describe_endpoint_config",
                "EndpointConfigName",
                f'Could not find endpoint configuration "{ARN}:endpoint-config/missing".',
            ),
            (
                "delete_endpoint_config",
                "EndpointConfigName",
                f'Could not find endpoint configuration "{ARN}:endpoint-config/missing".',
            ),
            (
                "describe_endpoint",
                "EndpointName",
                f'Could not find endpoint "{ARN}:endpoint/missing".',
            ),
            (
                "delete_endpoint",
                "EndpointName",
                f'Could not find endpoint "{ARN}:endpoint/missing".',
            ),
        ],
    )
    def test_what_is_not_there(
        self, sagemaker: Any, operation: str, member: str, text: str
    ) -> None:
        code, message = refused(getattr(sagemaker, operation), **{member: "missing"})
        assert (code, message) == ("ValidationException", text)

    def test_what_is_there_already(
        self, sagemaker: Any, endpoint: str, role: str, container: dict[str, str]
    ) -> None:
        variants = [VARIANT | {"ModelName": endpoint}]
        for kind, call, more in (
            (
                "model",
                sagemaker.create_model,
                {"ModelName": endpoint, "ExecutionRoleArn": role, "PrimaryContainer": container},
            ),
            (
                "endpoint configuration",
                sagemaker.create_endpoint_config,
                {"EndpointConfigName": endpoint, "ProductionVariants": variants},
            ),
            (
                "endpoint",
                sagemaker.create_endpoint,
                {"EndpointName": endpoint, "EndpointConfigName": endpoint},
            ),
        ):
            code, message = refused(call, **more)
            part = kind.replace("configuration", "config").replace(" ", "-")
            assert code == "ValidationException"
            assert message == f'Cannot create already existing {kind} "{ARN}:{part}/{endpoint}".'

    def test_a_second_job_of_a_name(
        self, sagemaker: Any, trained: dict[str, Any], job: Callable[..., dict[str, Any]]
    ) -> None:
        code, message = refused(sagemaker.create_training_job, **job("trained"))
        assert code == "ResourceInUse"
        assert trained["TrainingJobArn"] in message

    def test_an_endpoint_whose_name_differs_in_case_alone(
        self, sagemaker: Any, endpoint: str
    ) -> None:
        request = {"EndpointName": endpoint.upper(), "EndpointConfigName": endpoint}
        code, message = refused(sagemaker.create_endpoint, **request)
        assert code == "ValidationException"
        assert "Cannot create already existing endpoint" in message

    def test_a_job_without_data(
        self, sagemaker: Any, job: Callable[..., dict[str, Any]], role: str, bucket: str
    ) -> None:
        code, message = refused(sagemaker.create_training_job, **job("no-data", "nothing"))
        assert code == "ValidationException"
        assert message == NOTHING_THERE.format(bucket=bucket, region=REGION, role=role)

    def test_a_job_of_an_image_that_is_not_there(
        self, sagemaker: Any, job: Callable[..., dict[str, Any]]
    ) -> None:
        image = {"TrainingImage": IMAGE.replace(":1", ":9"), "TrainingInputMode": "File"}
        request = job("no-image", AlgorithmSpecification=image)
        code, message = refused(sagemaker.create_training_job, **request)
        assert code == "ValidationException"
        assert "Cannot find the requested image" in message

    def test_a_longer_wait_than_spot_alone_has(
        self, sagemaker: Any, job: Callable[..., dict[str, Any]]
    ) -> None:
        condition = {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 700}
        request = job("waits", StoppingCondition=condition)
        code, message = refused(sagemaker.create_training_job, **request)
        assert code == "ValidationException"
        assert message.startswith(
            "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is "
            "set to true"
        )

    @pytest.mark.parametrize(
        ("image", "text"),
        [
            (IMAGE.replace(":1", ":9"), "Requested image {} not found."),
            ("lda:1", 'Using non-ECR image "{}" without Vpc repository access mode is not'),
        ],
    )
    def test_a_model_of_an_image_that_is_not_there(
        self, sagemaker: Any, role: str, container: dict[str, str], image: str, text: str
    ) -> None:
        code, message = refused(
            sagemaker.create_model,
            ModelName="no-image",
            ExecutionRoleArn=role,
            PrimaryContainer=container | {"Image": image},
        )
        assert code == "ValidationException"
        assert text.format(image) in message

    def test_model_data_that_is_not_there(
        self, sagemaker: Any, role: str, bucket: str, container: dict[str, str]
    ) -> None:
        missing = f"s3://{bucket}/missing.tar.gz"
        code, message = refused(
            sagemaker.create_model,
            ModelName="no-data",
            ExecutionRoleArn=role,
            PrimaryContainer=container | {"ModelDataUrl": missing},
        )
        assert code == "ValidationException"
        assert message.startswith(f"Could not find model data at {missing}")

    def test_an_update_after_the_present_configuration_was_deleted(
        self, sagemaker: Any, role: str, endpoint: str
    ) -> None:
        variants = [VARIANT | {"ModelName": endpoint}]
        for name in ("present", "next"):
            sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
        sagemaker.create_endpoint(EndpointName="moves", EndpointConfigName="present")
        waiter = sagemaker.get_waiter("endpoint_in_service")
        waiter.wait(EndpointName="moves", WaiterConfig=SOON)
        sagemaker.delete_endpoint_config(EndpointConfigName="present")
        request = {"EndpointName": "moves", "EndpointConfigName": "next"}
        code, message = refused(sagemaker.update_endpoint, **request)
        assert code == "ValidationException"
        assert "Could not find endpoint configuration" in message
        assert "present" in message
        sagemaker.delete_endpoint(EndpointName="moves")

    def test_an_endpoint_that_is_not_there_for_the_runtime(self) -> None:
        runtime: Any = boto3.client("sagemaker-runtime")
        code, message = refused(runtime.invoke_endpoint, EndpointName="missing", Body=b"")
        assert (code, message) == (
            "ValidationError",
            f"Endpoint missing of account {ACCOUNT} not found.",
        )

    def test_a_body_that_the_container_refuses(self, endpoint: str) -> None:
        runtime: Any = boto3.client("sagemaker-runtime")
        with pytest.raises(runtime.exceptions.ModelError) as caught:
            runtime.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Body=b"x")
        response: Any = caught.value.response
        assert response["OriginalStatusCode"] == 400
        assert response["OriginalMessage"]
        assert response["LogStreamArn"].endswith(f"/aws/sagemaker/Endpoints/{endpoint}")

    def test_a_job_that_has_ended_is_not_stopped_and_one_in_progress_not_deleted(
        self, sagemaker: Any, trained: dict[str, Any], job: Callable[..., dict[str, Any]]
    ) -> None:
        name = {"TrainingJobName": trained["TrainingJobName"]}
        code, message = refused(sagemaker.stop_training_job, **name)
        assert code == "ValidationException"
        assert "is in status Completed" in message
        sagemaker.create_training_job(**job("in-progress"))
        code, _ = refused(sagemaker.delete_training_job, TrainingJobName="in-progress")
        assert code in ("ResourceInUse", "ValidationException")


class TestNoRequestIsAnInternalError:
    @pytest.mark.parametrize("operation", ["models", "endpoints", "endpoint_configs"])
    def test_a_token_that_nobody_gave(self, sagemaker: Any, operation: str) -> None:
        code, _ = refused(getattr(sagemaker, f"list_{operation}"), NextToken="x")
        assert code == "ValidationException"

    def test_a_job_without_an_algorithm(
        self, sagemaker: Any, job: Callable[..., dict[str, Any]]
    ) -> None:
        request = job("none")
        del request["AlgorithmSpecification"]
        assert refused(sagemaker.create_training_job, **request)[0] == "ValidationException"

    @pytest.mark.parametrize("scheme", ["s3://{}/{}", "https://s3.us-east-1.amazonaws.com/{}/{}"])
    def test_a_model_of_a_single_container_with_either_address(
        self, sagemaker: Any, role: str, container: dict[str, str], scheme: str
    ) -> None:
        bucket, _, key = container["ModelDataUrl"].removeprefix("s3://").partition("/")
        one = container | {"ModelDataUrl": scheme.format(bucket, key)}
        name = {"ModelName": f"single-{scheme.partition(':')[0]}"}
        sagemaker.create_model(**name, ExecutionRoleArn=role, PrimaryContainer=one)
        assert sagemaker.describe_model(**name)["PrimaryContainer"]["Image"] == IMAGE

    @pytest.mark.parametrize(
        "container_members",
        [
            {"Mode": "MultiModel"},
            {"ModelDataUrl": None},
            {"ModelDataUrl": None, "ModelDataSource": "S3"},
        ],
    )
    def test_a_model_that_is_not_offered_is_refused_or_taken(
        self,
        sagemaker: Any,
        role: str,
        container: dict[str, Any],
        container_members: dict[str, Any],
    ) -> None:
        given = {**container, **container_members}
        if "ModelDataSource" in given:
            source = {
                "S3Uri": container["ModelDataUrl"],
                "S3DataType": "S3Object",
                "CompressionType": "Gzip",
            }
            given["ModelDataSource"] = {"S3DataSource": source}
        given = {key: value for key, value in given.items() if value is not None}
        try:
            sagemaker.create_model(ModelName="odd", ExecutionRoleArn=role, Containers=[given])
        except ClientError as error:
            code = error.response["Error"]["Code"]
        else:
            code = "ValidationException"
            sagemaker.delete_model(ModelName="odd")
        assert code == "ValidationException"

    def test_a_body_over_six_megabytes(self, endpoint: str) -> None:
        runtime: Any = boto3.client("sagemaker-runtime")
        body = (",".join(["1"] * WORDS) + "\n").encode().ljust((6 << 20) + 1, b"\n")
        request = {"EndpointName": endpoint, "ContentType": "text/csv;label_size=0", "Body": body}
        with pytest.raises(ClientError, match="HTTP content length exceeded") as caught:
            runtime.invoke_endpoint(**request)
        response: Any = caught.value.response
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 413
