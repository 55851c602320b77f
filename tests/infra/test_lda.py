import re
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from aws_cdk import App, Duration, Environment, Stack

from data_prep.manifest import Manifest
from stacks.lda import (
    REGISTRY_ACCOUNTS,
    LdaError,
    UnsupportedRegionError,
    check_training,
    check_volume,
    hyperparameters,
    image_uri,
)


def stack(region: str | None) -> Stack:
    return Stack(App(), "Stack", env=Environment(region=region))


def test_the_image_is_the_regions_own() -> None:
    assert image_uri(stack("us-east-1")) == "766337827248.dkr.ecr.us-east-1.amazonaws.com/lda:1"
    assert image_uri(stack("eu-west-1")) == "999678624901.dkr.ecr.eu-west-1.amazonaws.com/lda:1"


def test_an_isolated_partition_has_its_own_domain() -> None:
    assert image_uri(stack("us-iso-east-1")).endswith(".dkr.ecr.us-iso-east-1.c2s.ic.gov/lda:1")


@pytest.mark.parametrize("region", ["eu-north-1", "eu-west-3", "sa-east-1"])
def test_a_region_without_the_image_is_refused_with_the_16_that_have_it(region: str) -> None:
    with pytest.raises(UnsupportedRegionError, match=f"'{region}'") as caught:
        image_uri(stack(region))
    assert len(REGISTRY_ACCOUNTS) == 16
    assert all(supported in str(caught.value) for supported in REGISTRY_ACCOUNTS)


def test_without_a_region_the_account_is_looked_up_at_deployment() -> None:
    agnostic = stack(None)
    uri = agnostic.resolve(image_uri(agnostic))
    parts = uri["Fn::Join"][1]
    assert {"Fn::FindInMap": ["LdaRegistry", {"Ref": "AWS::Region"}, "Account"]} in parts


HOUR = Duration.hours(1)


@pytest.mark.parametrize(
    ("instance_type", "reason"),
    [
        ("ml.g5.xlarge", "LDA trains only on CPUs"),
        ("ml.p3.2xlarge", "LDA trains only on CPUs"),
        ("ml.trn1.2xlarge", "LDA trains only on CPUs"),
        ("ml.m6g.xlarge", "does not train on Graviton"),
        ("ml.c5.large", "hosts on it, but does not train on it"),
        ("ml.t2.medium", "hosts on it, but does not train on it"),
    ],
)
def test_an_instance_that_can_not_train_lda_is_refused_with_the_reason(
    instance_type: str, reason: str
) -> None:
    with pytest.raises(LdaError, match=f"training.instance_type is '{instance_type}'; .*{reason}"):
        check_training(instance_type, HOUR, spot=False)


def test_every_cpu_type_that_sagemaker_trains_on_is_taken_and_no_other_that_it_hosts_on() -> None:
    """By the API's own model: a type that is refused here can not train LDA there."""
    model = boto3.client("sagemaker", region_name="us-east-1").meta.service_model
    trains = set(model.shape_for("TrainingInstanceType").metadata["enum"])
    hosts = set(model.shape_for("ProductionVariantInstanceType").metadata["enum"])
    accelerated = re.compile(r"ml\.(p|g|trn|inf|dl)\d")

    def taken(instance_type: str) -> bool:
        try:
            check_training(instance_type, HOUR, spot=False)
        except LdaError:
            return False
        return True

    expected = {name for name in trains if not accelerated.match(name)}
    assert {name for name in trains | hosts if taken(name)} == expected


def test_a_spot_job_of_more_than_an_hour_is_refused() -> None:
    check_training("ml.c5.xlarge", HOUR, spot=True)
    check_training("ml.c5.xlarge", Duration.minutes(61), spot=False)
    with pytest.raises(LdaError, match=r"max_runtime_minutes is 61; .* 60 minutes"):
        check_training("ml.c5.xlarge", Duration.minutes(61), spot=True)


def test_a_hyperparameter_that_is_not_positive_is_refused_by_name() -> None:
    good = {"num_topics": 5, "feature_dim": 9, "mini_batch_size": 9, "alpha0": 1.0}
    rest = {"max_restarts": 1, "max_iterations": 1, "tol": 0.1}
    assert hyperparameters(**good, **rest)["num_topics"] == "5"  # type: ignore[arg-type]
    with pytest.raises(LdaError, match="num_topics is 0; LDA takes positive numbers"):
        hyperparameters(**good | {"num_topics": 0}, **rest)  # type: ignore[arg-type]


def test_a_volume_that_does_not_hold_the_corpus_is_refused(corpus: Path) -> None:
    """SageMaker copies both parts there, and fails the job when it is full."""
    manifest = Manifest.load(corpus)
    assert manifest.test is not None
    large = replace(
        manifest,
        train=replace(manifest.train, bytes=3 << 30),
        test=replace(manifest.test, bytes=1 << 29),
    )
    check_volume(large, 4)
    with pytest.raises(LdaError, match=r"volume_gb is 3; .* alone takes 3\.5: set it to 5 or more"):
        check_volume(large, 3)
