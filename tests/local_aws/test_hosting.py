import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.waiting import wait_for

from .conftest import IMAGE, TOPICS, WORDS, Cloud, allow
from .test_training import request, trained


@pytest.fixture(scope="session")
def artifact(cloud: Cloud, role: str, bucket: str) -> str:
    job = trained(cloud, **request("for-hosting", role, bucket))
    return str(job["ModelArtifacts"]["S3ModelArtifacts"])


def make_model(cloud: Cloud, name: str, role: str, artifact: str) -> None:
    cloud.client("sagemaker").create_model(
        ModelName=name,
        ExecutionRoleArn=role,
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": artifact},
    )


def make_config(cloud: Cloud, name: str, **variant: Any) -> None:
    """An endpoint configuration of a model of the same name."""
    first = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InstanceType": "ml.m4.xlarge",
        "InitialInstanceCount": 1,
    }
    cloud.client("sagemaker").create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[first | variant]
    )


def settled(cloud: Cloud, name: str) -> dict[str, Any]:
    """The endpoint when nothing changes any more."""
    sagemaker = cloud.client("sagemaker")

    def check() -> dict[str, Any] | None:
        endpoint: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=name)
        return endpoint if endpoint["EndpointStatus"] not in ("Creating", "Updating") else None

    endpoint: dict[str, Any] = wait_for(check)
    return endpoint


def invoke(cloud: Cloud, endpoint: str, body: str | bytes, media: str = "text/csv") -> Any:
    answer = cloud.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, ContentType=media, Body=body
    )
    return json.load(answer["Body"])


DOCUMENT = ",".join(["1"] * 10 + ["0"] * (WORDS - 10))


@pytest.fixture(scope="session")
def endpoint(cloud: Cloud, role: str, artifact: str) -> Iterator[str]:
    make_model(cloud, "Serving", role, artifact)
    make_config(cloud, "Serving")
    cloud.client("sagemaker").create_endpoint(EndpointName="Serving", EndpointConfigName="Serving")
    assert settled(cloud, "Serving")["EndpointStatus"] == "InService"
    yield "Serving"
    cloud.client("sagemaker").delete_endpoint(EndpointName="Serving")


def test_every_documented_form_of_a_document_has_the_same_answer(
    cloud: Cloud, endpoint: str
) -> None:
    dense = [1.0] * 10 + [0.0] * (WORDS - 10)
    sparse = {"keys": list(range(10)), "shape": [WORDS], "values": [1] * 10}
    forms = [
        {"features": dense},
        {"data": {"features": {"values": dense}}},
        {"data": {"features": sparse}},
    ]
    from_csv = invoke(cloud, endpoint, DOCUMENT)
    ((prediction),) = from_csv["predictions"]
    assert len(prediction["topic_mixture"]) == TOPICS
    assert sum(prediction["topic_mixture"]) == pytest.approx(1)
    assert max(prediction["topic_mixture"]) > 0.8
    for form in forms:
        body = json.dumps({"instances": [form]})
        assert invoke(cloud, endpoint, body, "application/json") == from_csv


@pytest.mark.parametrize("media", ["application/json", "application/x-recordio-protobuf"])
def test_an_answer_has_the_containers_content_type(cloud: Cloud, endpoint: str, media: str) -> None:
    answer = cloud.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, ContentType="text/csv", Accept=media, Body=DOCUMENT
    )
    assert answer["ContentType"] == media


def test_documents_are_answered_in_order(cloud: Cloud, endpoint: str) -> None:
    other = ",".join(["0"] * 10 + ["1"] * 10 + ["0"] * (WORDS - 20))
    both = invoke(cloud, endpoint, f"{DOCUMENT}\n{other}\n")["predictions"]
    assert both == [
        *invoke(cloud, endpoint, DOCUMENT)["predictions"],
        *invoke(cloud, endpoint, other)["predictions"],
    ]


def test_a_document_of_the_wrong_width_is_a_model_error_with_the_containers_words(
    cloud: Cloud, endpoint: str
) -> None:
    with pytest.raises(ClientError) as caught:
        invoke(cloud, endpoint, "1,2,3")
    error: Any = caught.value.response
    assert error["Error"]["Code"] == "ModelError"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert error["OriginalStatusCode"] == 400
    assert str(WORDS) in error["OriginalMessage"]


def test_a_caller_needs_invoke_endpoint_on_this_endpoint(cloud: Cloud, endpoint: str) -> None:
    arn = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/"
    body = {"EndpointName": endpoint, "ContentType": "text/csv", "Body": DOCUMENT}
    other = cloud.make_role("Other", allow("sagemaker:InvokeEndpoint", resource=f"{arn}other"))
    this = cloud.make_role("This", allow("sagemaker:InvokeEndpoint", resource=f"{arn}serving"))
    with pytest.raises(ClientError, match="AccessDenied"):
        cloud.client("sagemaker-runtime", cloud.assume(other)).invoke_endpoint(**body)
    assert cloud.client("sagemaker-runtime", cloud.assume(this)).invoke_endpoint(**body)


def test_an_endpoint_that_does_not_exist_is_named(cloud: Cloud) -> None:
    with pytest.raises(ClientError, match="Endpoint nowhere of account 000000000000 not found"):
        invoke(cloud, "nowhere", DOCUMENT)


def test_a_model_needs_an_artifact_that_is_there_and_that_the_role_may_read(
    cloud: Cloud, role: str, artifact: str
) -> None:
    with pytest.raises(ClientError, match="Could not find model data at s3://data/nowhere"):
        make_model(cloud, "artifactless", role, "s3://data/nowhere")
    blind = cloud.make_role("Blind", allow("logs:*"))
    with pytest.raises(ClientError) as caught:
        make_model(cloud, "blind", blind, artifact)
    message = str(caught.value)
    assert (
        f'Could not access model data at {artifact}. Please ensure that the role "{blind}"'
        in message
    )
    assert 'the action "sts:AssumeRole"' in message
    assert "the object is located in us-east-1." in message


@pytest.mark.parametrize("address", ["s3://No_Bucket/model.tar.gz", "s3://data", "s3://gone/m"])
def test_an_artifact_that_can_not_be_is_not_found(
    cloud: Cloud, role: str, bucket: str, address: str
) -> None:
    with pytest.raises(ClientError, match=f"Could not find model data at {address}"):
        make_model(cloud, "artifactless", role, address)


SOURCE = {"S3DataType": "S3Object", "CompressionType": "Gzip"}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"PrimaryContainer": None}, "must have a PrimaryContainer or Containers"),
        ({"PrimaryContainer": None, "Containers": []}, "must have a PrimaryContainer or Container"),
        ({"Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://d/m"}]}, "2 containers: inference"),
        ({"ExecutionRoleArn": None}, "ExecutionRoleArn is required"),
        ({"InferenceExecutionConfig": {"Mode": "Serial"}}, "InferenceExecutionConfig, which is"),
        ({"Image": None}, "must have an Image"),
        ({"Image": IMAGE + "9"}, f"Requested image {IMAGE}9 not found."),
        ({"Image": IMAGE.removesuffix(":1")}, "Requested image .* not found."),
        ({"Image": "lda:1"}, 'Using non-ECR image "lda:1" without Vpc repository access mode is'),
        ({"ImageConfig": {"RepositoryAccessMode": "Vpc"}}, "RepositoryAccessMode Vpc is not off"),
        ({"Mode": "MultiModel"}, "Mode MultiModel is not offered here"),
        ({"ModelPackageName": "package"}, "ModelPackageName is not offered here"),
        ({"MultiModelConfig": {"ModelCacheSetting": "Enabled"}}, "MultiModelConfig is not offered"),
        ({"ModelDataUrl": None}, "needs ModelDataUrl or ModelDataSource, got neither"),
        (
            {"ModelDataSource": {"S3DataSource": SOURCE | {"S3Uri": "s3://d/m"}}},
            "got ModelDataUrl and ModelDataSource",
        ),
        (
            {
                "ModelDataUrl": None,
                "ModelDataSource": {
                    "S3DataSource": {
                        "S3Uri": "s3://d/m/",
                        "S3DataType": "S3Prefix",
                        "CompressionType": "None",
                    }
                },
            },
            "must have an S3DataSource of S3DataType S3Object and CompressionType Gzip",
        ),
        ({"ModelDataUrl": None, "ModelDataSource": {}}, "must have an S3DataSource"),
        ({"ModelDataUrl": "https://host/model.tar.gz"}, "must be s3://BUCKET/KEY"),
    ],
)
def test_a_model_that_can_not_be_served_is_refused_by_name(
    cloud: Cloud, role: str, artifact: str, changes: dict[str, Any], problem: str
) -> None:
    container = {"Image": IMAGE, "ModelDataUrl": artifact}
    model: dict[str, Any] = {"ExecutionRoleArn": role, "PrimaryContainer": container}
    for member, value in changes.items():
        place = container if member[:5] in ("Image", "Mode", "Model", "Multi") else model
        if value is None:
            del place[member]
        else:
            place[member] = value
    with pytest.raises(ClientError, match=problem) as caught:
        cloud.client("sagemaker").create_model(ModelName="refused", **model)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_model_may_be_written_in_each_way_of_the_api(
    cloud: Cloud, role: str, artifact: str
) -> None:
    sagemaker = cloud.client("sagemaker")
    path = artifact.removeprefix("s3://")
    url = {"Image": IMAGE, "ModelDataUrl": f"https://s3.us-east-1.amazonaws.com/{path}"}
    source = {"Image": IMAGE, "ModelDataSource": {"S3DataSource": SOURCE | {"S3Uri": artifact}}}
    ways: list[dict[str, Any]] = [
        {"PrimaryContainer": url},
        {"PrimaryContainer": source},
        {"Containers": [url | {"ContainerHostname": "lda", "Environment": {"A": "1"}}]},
        {"Containers": [], "PrimaryContainer": url},
    ]
    variants = []
    for number, way in enumerate(ways):
        name = f"way-{number}"
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, **way)
        variants.append(
            {
                "VariantName": name,
                "ModelName": name,
                "InstanceType": "ml.m4.xlarge",
                "InitialInstanceCount": 1,
            }
        )
    sagemaker.create_endpoint_config(EndpointConfigName="ways", ProductionVariants=variants)
    sagemaker.create_endpoint(EndpointName="ways", EndpointConfigName="ways")
    endpoint = settled(cloud, "ways")
    assert endpoint["EndpointStatus"] == "InService", endpoint.get("FailureReason")
    answers = [
        cloud.client("sagemaker-runtime")
        .invoke_endpoint(
            EndpointName="ways",
            TargetVariant=variant["VariantName"],
            ContentType="text/csv",
            Body=DOCUMENT,
        )["Body"]
        .read()
        for variant in variants
    ]
    assert len(set(answers)) == 1
    sagemaker.delete_endpoint(EndpointName="ways")


def test_what_a_request_leaves_out_is_described(cloud: Cloud, endpoint: str) -> None:
    sagemaker = cloud.client("sagemaker")
    model = sagemaker.describe_model(ModelName="Serving")
    assert model["PrimaryContainer"]["Mode"] == "SingleModel"
    assert model["EnableNetworkIsolation"] is False
    config = sagemaker.describe_endpoint_config(EndpointConfigName="Serving")
    assert config["ProductionVariants"][0]["InitialVariantWeight"] == 1.0
    (variant,) = sagemaker.describe_endpoint(EndpointName=endpoint)["ProductionVariants"]
    (image,) = variant["DeployedImages"]
    assert image["SpecifiedImage"] == IMAGE
    assert image["ResolvedImage"].startswith(IMAGE.removesuffix(":1") + "@sha256:")


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ({"TargetVariant": "other"}, "Variant other of endpoint Serving not found"),
        ({"TargetModel": "a.tar.gz"}, "X-Amzn-SageMaker-Target-Model is not offered here"),
        ({"SessionId": "NEW_SESSION"}, "X-Amzn-SageMaker-Session-Id is not offered here"),
        ({"EnableExplanations": "`true`"}, "Enable-Explanations is not offered here"),
        ({"InferenceComponentName": "a"}, "X-Amzn-SageMaker-Inference-Component is not offered"),
    ],
)
def test_a_target_that_is_not_there_is_named(
    cloud: Cloud, endpoint: str, target: dict[str, str], problem: str
) -> None:
    runtime = cloud.client("sagemaker-runtime")
    with pytest.raises(ClientError, match=problem):
        runtime.invoke_endpoint(EndpointName=endpoint, Body=DOCUMENT, **target)


def test_more_instances_than_the_quota_are_refused(
    cloud: Cloud, role: str, artifact: str, endpoint: str
) -> None:
    """Each would be a process of this machine."""
    sagemaker = cloud.client("sagemaker")
    make_model(cloud, "Many", role, artifact)
    make_config(cloud, "Many", InitialInstanceCount=21)
    limit = "service limit 'ml.m4.xlarge for endpoint usage' is 20 Instances"
    with pytest.raises(ClientError, match=limit) as caught:
        sagemaker.create_endpoint(EndpointName="Many", EndpointConfigName="Many")
    assert caught.value.response["Error"]["Code"] == "ResourceLimitExceeded"
    with pytest.raises(ClientError, match=limit):
        sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName="Many")
    with pytest.raises(ClientError, match=limit):
        sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=endpoint,
            DesiredWeightsAndCapacities=[
                {"VariantName": "AllTraffic", "DesiredInstanceCount": 1_000_000}
            ],
        )


def test_names_are_taken_once(cloud: Cloud, role: str, artifact: str, endpoint: str) -> None:
    with pytest.raises(ClientError, match="Cannot create already existing model"):
        make_model(cloud, "Serving", role, artifact)
    with pytest.raises(ClientError, match="Cannot create already existing endpoint config"):
        make_config(cloud, "Serving")
    with pytest.raises(ClientError, match='Cannot create already existing endpoint "arn'):
        cloud.client("sagemaker").create_endpoint(
            EndpointName=endpoint, EndpointConfigName="Serving"
        )


def test_names_that_differ_in_case_are_the_same(
    cloud: Cloud, role: str, artifact: str, endpoint: str
) -> None:
    """Their ARNs would be the same, and so their tags and permissions."""
    with pytest.raises(ClientError, match="Cannot create already existing model"):
        make_model(cloud, "sErving", role, artifact)
    sagemaker = cloud.client("sagemaker")
    config = sagemaker.describe_endpoint_config(EndpointConfigName="Serving")
    with pytest.raises(ClientError, match="Cannot create already existing endpoint config"):
        sagemaker.create_endpoint_config(
            EndpointConfigName="sErving", ProductionVariants=config["ProductionVariants"]
        )
    with pytest.raises(ClientError, match='Cannot create already existing endpoint "arn'):
        sagemaker.create_endpoint(EndpointName="sErving", EndpointConfigName="Serving")


def test_an_update_needs_the_present_configuration_too(
    cloud: Cloud, role: str, artifact: str
) -> None:
    """Who deletes it before the update learns so here."""
    sagemaker = cloud.client("sagemaker")
    for name in ("Present", "Next"):
        make_model(cloud, name, role, artifact)
        make_config(cloud, name)
    sagemaker.create_endpoint(EndpointName="Moved", EndpointConfigName="Present")
    settled(cloud, "Moved")
    sagemaker.delete_endpoint_config(EndpointConfigName="Present")
    with pytest.raises(
        ClientError, match=r'Could not find endpoint configuration "arn:.*/present"'
    ):
        sagemaker.update_endpoint(EndpointName="Moved", EndpointConfigName="Next")
    make_config(cloud, "Present")
    sagemaker.update_endpoint(EndpointName="Moved", EndpointConfigName="Next")
    assert settled(cloud, "Moved")["EndpointConfigName"] == "Next"
    sagemaker.delete_endpoint(EndpointName="Moved")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"ProductionVariants": [{}, {}]}, "Variant AllTraffic is given 2 times"),
        ({"ProductionVariants": [{"ModelName": None}]}, "must have a ModelName"),
        ({"ShadowProductionVariants": [{}]}, "ShadowProductionVariants is not offered here"),
        (
            {
                "ExplainerConfig": {
                    "ClarifyExplainerConfig": {"ShapConfig": {"ShapBaselineConfig": {}}}
                }
            },
            "ExplainerConfig is not offered here",
        ),
    ],
)
def test_a_configuration_that_can_not_be_is_refused_by_name(
    cloud: Cloud, endpoint: str, changes: dict[str, Any], problem: str
) -> None:
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "Serving",
        "InstanceType": "ml.m4.xlarge",
        "InitialInstanceCount": 1,
    }
    request = {"ProductionVariants": [variant]} | {
        member: [
            {name: kept for name, kept in (variant | own).items() if kept is not None}
            for own in value
        ]
        if isinstance(value, list)
        else value
        for member, value in changes.items()
    }
    with pytest.raises(ClientError, match=problem):
        cloud.client("sagemaker").create_endpoint_config(EndpointConfigName="refused", **request)


def test_a_configuration_needs_its_model(cloud: Cloud) -> None:
    with pytest.raises(ClientError, match=r'Could not find model "arn:.*model/nothing"'):
        make_config(cloud, "Nothing")


def test_an_update_that_does_not_come_up_leaves_the_old_one_serving(
    cloud: Cloud, role: str, bucket: str, endpoint: str
) -> None:
    before = invoke(cloud, endpoint, DOCUMENT)
    cloud.client("s3").put_object(Bucket=bucket, Key="broken.tar.gz", Body=b"no archive")
    make_model(cloud, "Broken", role, f"s3://{bucket}/broken.tar.gz")
    make_config(cloud, "Broken")
    cloud.client("sagemaker").update_endpoint(EndpointName=endpoint, EndpointConfigName="Broken")
    after = settled(cloud, endpoint)
    assert after["EndpointStatus"] == "InService"
    assert after["EndpointConfigName"] == "Serving"
    assert "Failed to download model data from s3://data/broken.tar.gz" in after["FailureReason"]
    assert invoke(cloud, endpoint, DOCUMENT) == before


def test_a_first_configuration_that_does_not_come_up_is_a_failed_endpoint(
    cloud: Cloud, role: str, bucket: str
) -> None:
    cloud.client("s3").put_object(Bucket=bucket, Key="never.tar.gz", Body=b"no archive")
    make_model(cloud, "Never", role, f"s3://{bucket}/never.tar.gz")
    make_config(cloud, "Never")
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_endpoint(EndpointName="Never", EndpointConfigName="Never")
    assert settled(cloud, "Never")["EndpointStatus"] == "Failed"
    with pytest.raises(ClientError, match="Cannot update failed endpoint"):
        sagemaker.update_endpoint(EndpointName="Never", EndpointConfigName="Never")
    sagemaker.delete_endpoint(EndpointName="Never")
    with pytest.raises(ClientError, match="Could not find endpoint"):
        sagemaker.describe_endpoint(EndpointName="Never")


def test_lists_are_narrowed_by_a_part_of_the_name(cloud: Cloud, role: str, artifact: str) -> None:
    """Who deletes what a list without its filter names deletes what is somebody else's."""
    sagemaker = cloud.client("sagemaker")
    for name in ("narrow-one", "narrow-two"):
        make_model(cloud, name, role, artifact)
        make_config(cloud, name)
    models = sagemaker.list_models(NameContains="narrow-t")["Models"]
    configs = sagemaker.list_endpoint_configs(NameContains="narrow-t")["EndpointConfigs"]
    assert [model["ModelName"] for model in models] == ["narrow-two"]
    assert [config["EndpointConfigName"] for config in configs] == ["narrow-two"]
    assert sagemaker.list_endpoints(NameContains="narrow-t")["Endpoints"] == []
    pages = sagemaker.get_paginator("list_models").paginate(
        NameContains="narrow", PaginationConfig={"PageSize": 1}
    )
    found = [[model["ModelName"] for model in page["Models"]] for page in pages]
    assert found == [["narrow-two"], ["narrow-one"]]
    with pytest.raises(ClientError, match="Invalid pagination token"):
        sagemaker.list_models(NextToken="x")
    for name in ("narrow-one", "narrow-two"):
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
        sagemaker.delete_model(ModelName=name)
