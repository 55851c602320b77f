import pytest
from aws_cdk import App, Environment, Stack

from stacks.lda import REGISTRY_ACCOUNTS, UnsupportedRegionError, image_uri


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
