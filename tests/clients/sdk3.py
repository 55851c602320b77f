"""Version 3 of the SageMaker SDK: `ModelTrainer`, and the resources of its core."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sagemaker.core import shapes  # type: ignore[import-not-found, unused-ignore]
from sagemaker.core.helper.session_helper import (  # type: ignore[import-not-found, unused-ignore]
    Session,
)
from sagemaker.core.resources import (  # type: ignore[import-not-found, unused-ignore]
    Endpoint,
    EndpointConfig,
    Model,
    TrainingJob,
)
from sagemaker.core.training.configs import (  # type: ignore[import-not-found, unused-ignore]
    Compute,
    InputData,
)
from sagemaker.core.utils.exceptions import (  # type: ignore[import-not-found, unused-ignore]
    FailedStatusError,
)
from sagemaker.train import ModelTrainer  # type: ignore[import-not-found, unused-ignore]

from .conftest import BUCKET, HYPERPARAMETERS, IMAGE, TOPICS, WORDS, make_role

INSTANCE = "ml.m5.large"
CSV = "text/csv;label_size=0"
HYPERPARAMETER_TEXTS = {key: str(value) for key, value in HYPERPARAMETERS.items()}


def trainer(role: str, **changes: Any) -> Any:
    arguments = {
        "training_image": IMAGE,
        "role": role,
        "base_job_name": "trainer",
        "compute": Compute(instance_type=INSTANCE, instance_count=1, volume_size_in_gb=1),
        "hyperparameters": HYPERPARAMETERS,
    }
    return ModelTrainer(**arguments | changes)


def data(bucket: str, prefix: str = "train/") -> Any:
    return InputData(channel_name="train", data_source=f"s3://{bucket}/{prefix}", content_type=CSV)


def create(name: str, role: str, bucket: str, **changes: Any) -> Any:
    """A job by the core alone."""
    source = shapes.S3DataSource(s3_data_type="S3Prefix", s3_uri=f"s3://{bucket}/train/")
    arguments = {
        "training_job_name": name,
        "role_arn": role,
        "algorithm_specification": shapes.AlgorithmSpecification(
            training_image=IMAGE, training_input_mode="File"
        ),
        "hyper_parameters": HYPERPARAMETER_TEXTS,
        "input_data_config": [
            shapes.Channel(
                channel_name="train",
                content_type=CSV,
                data_source=shapes.DataSource(s3_data_source=source),
            )
        ],
        "output_data_config": shapes.OutputDataConfig(s3_output_path=f"s3://{bucket}/jobs"),
        "resource_config": shapes.ResourceConfig(
            instance_type=INSTANCE, instance_count=1, volume_size_in_gb=1
        ),
        "stopping_condition": shapes.StoppingCondition(max_runtime_in_seconds=600),
    }
    return TrainingJob.create(**arguments | changes)


@pytest.fixture(scope="module")
def job(role: str, bucket: str) -> Any:
    """The job of a `ModelTrainer`, ended."""
    made = trainer(role)
    made.train([data(bucket)])
    return made._latest_training_job


@pytest.fixture(scope="module")
def model(role: str, job: Any) -> Any:
    artifact = job.model_artifacts.s3_model_artifacts
    container = shapes.ContainerDefinition(image=IMAGE, model_data_url=artifact)
    return Model.create("served", primary_container=container, execution_role_arn=role)


@pytest.fixture(scope="module")
def config(model: Any) -> Any:
    variant = shapes.ProductionVariant(
        variant_name="AllTraffic",
        model_name=model.model_name,
        instance_type=INSTANCE,
        initial_instance_count=1,
    )
    return EndpointConfig.create("served", production_variants=[variant])


@pytest.fixture(scope="module")
def endpoint(config: Any) -> Iterator[Any]:
    endpoint = Endpoint.create("served", endpoint_config_name=config)
    endpoint.wait_for_status("InService", poll=1)
    yield endpoint
    endpoint.delete()
    endpoint.wait_for_delete(poll=1)


def test_the_default_bucket_is_that_of_account_and_region() -> None:
    assert Session().default_bucket() == BUCKET


def test_a_model_trainer_trains(job: Any) -> None:
    assert job.training_job_status == "Completed"
    assert isinstance(job.training_end_time, datetime)
    assert job.model_artifacts.s3_model_artifacts.startswith(f"s3://{BUCKET}/")


def test_a_job_has_its_parameters_and_channels(job: Any) -> None:
    found = TrainingJob.get(job.training_job_name)
    assert found.hyper_parameters == HYPERPARAMETER_TEXTS
    assert [channel.channel_name for channel in found.input_data_config] == ["train"]
    assert found.enable_network_isolation is False


def test_a_model_trainer_refuses_a_role_without_the_permissions_of_training(bucket: str) -> None:
    bare = make_role("bare")
    with pytest.raises(Exception, match="permission"):
        trainer(bare).train([data(bucket)])


def test_calls_are_reported_to_nobody(
    role: str, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "sagemaker.core.telemetry.telemetry_logging")
    trainer(role).train([data(bucket)], dry_run=True)
    assert "TelemetryOptOut flag is set to: True" in caplog.text
    assert "Sending telemetry request" not in caplog.text


def test_a_job_of_the_core_is_made_awaited_listed_and_deleted(role: str, bucket: str) -> None:
    made = create("core", role, bucket)
    made.wait(poll=1)
    made.refresh()
    assert made.training_job_status == "Completed"
    listed = TrainingJob.get_all(name_contains="core", status_equals="Completed")
    assert [one.training_job_name for one in listed] == ["core"]
    made.delete()
    assert list(TrainingJob.get_all(name_contains="core")) == []


def test_a_job_that_fails_says_why(role: str, bucket: str) -> None:
    wrong = HYPERPARAMETER_TEXTS | {"feature_dim": "7"}
    made = create("fails", role, bucket, hyper_parameters=wrong)
    with pytest.raises(FailedStatusError, match=f"documents have {WORDS} features"):
        made.wait(poll=1)


def test_a_job_without_data_is_refused(role: str, bucket: str) -> None:
    with pytest.raises(ClientError, match="No S3 objects found under S3 URL"):
        trainer(role).train([data(bucket, "nothing")])


def test_a_job_is_stopped(role: str, bucket: str) -> None:
    made = create("stops", role, bucket)
    made.stop()
    made.wait(poll=1)
    assert TrainingJob.get("stops").training_job_status in ("Stopped", "Completed")


def test_a_model_is_found_and_listed(model: Any) -> None:
    found = Model.get(model.model_name)
    assert found.primary_container.image == IMAGE
    assert found.enable_network_isolation is False
    assert [one.model_name for one in Model.get_all(name_contains="serv")] == ["served"]
    assert list(Model.get_all(name_contains="none")) == []


def test_a_configuration_is_found_and_listed(config: Any) -> None:
    (variant,) = EndpointConfig.get("served").production_variants
    assert variant.initial_variant_weight == 1.0
    listed = EndpointConfig.get_all(name_contains="serv", sort_by="Name")
    assert [one.endpoint_config_name for one in listed] == ["served"]


def test_an_endpoint_answers(endpoint: Any) -> None:
    body = ",".join(["1"] * WORDS)
    answer = endpoint.invoke(body=body, content_type="text/csv", accept="application/json")
    assert answer.content_type == "application/json"
    (prediction,) = json.loads(answer.body.read())["predictions"]
    assert len(prediction["topic_mixture"]) == TOPICS


def test_an_endpoint_is_listed_by_its_status(endpoint: Any) -> None:
    def names(status: str) -> list[str]:
        return [one.endpoint_name for one in Endpoint.get_all(status_equals=status)]

    assert (names("InService"), names("Failed")) == (["served"], [])


def test_an_endpoint_takes_another_weight_and_count(endpoint: Any) -> None:
    wanted = shapes.DesiredWeightAndCapacity(variant_name="AllTraffic", desired_instance_count=2)
    endpoint.update_weights_and_capacities(desired_weights_and_capacities=[wanted])
    endpoint.wait_for_status("InService", poll=1)
    endpoint.refresh()
    assert endpoint.production_variants[0].current_instance_count == 2


def test_a_single_container_in_a_list_makes_a_model(role: str, job: Any) -> None:
    artifact = job.model_artifacts.s3_model_artifacts
    container = shapes.ContainerDefinition(image=IMAGE, model_data_url=artifact)
    Model.create("listed", containers=[container], execution_role_arn=role).delete()


@pytest.mark.parametrize("resource", [TrainingJob, Model, EndpointConfig, Endpoint])
def test_what_is_not_there_is_not_found(resource: Any) -> None:
    with pytest.raises(ClientError, match=r"Could not find|Requested resource not found"):
        resource.get("missing")
