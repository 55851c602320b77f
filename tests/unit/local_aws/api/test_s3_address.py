"""Addresses in S3."""

import pytest

from local_aws.api import s3_address


@pytest.mark.parametrize(
    ("address", "bucket", "key"),
    [
        ("s3://data/a/b.tar.gz", "data", "a/b.tar.gz"),
        ("s3://data", "data", ""),
        ("s3://data/", "data", ""),
        ("https://s3.us-east-1.amazonaws.com/data/a/b", "data", "a/b"),
        ("https://s3-us-west-2.amazonaws.com/data/a", "data", "a"),
        ("https://s3.amazonaws.com/data/a", "data", "a"),
        ("https://s3.dualstack.eu-west-1.amazonaws.com/data/a", "data", "a"),
        ("https://s3.cn-north-1.amazonaws.com.cn/data/a", "data", "a"),
        ("https://data.s3.us-east-1.amazonaws.com/a/b", "data", "a/b"),
        ("https://data.s3.amazonaws.com/a", "data", "a"),
        ("https://with.dots.s3.us-east-1.amazonaws.com/a", "with.dots", "a"),
        ("https://data.s3.amazonaws.com", "data", ""),
    ],
)
def test_an_address_has_a_bucket_and_a_key(address: str, bucket: str, key: str) -> None:
    assert s3_address.is_valid(address)
    assert s3_address.split(address) == (bucket, key)


@pytest.mark.parametrize(
    "address",
    [
        "s3://",
        "s3:///key",
        "data/key",
        "https://s3.amazonaws.com",
        "https://s3.amazonaws.com//key",
        "https://host/data/key",
        "https://s3.us-east-1.amazonaws.com.example.org/data/key",
        "http://s3.amazonaws.com/data/key",
    ],
)
def test_what_is_elsewhere_is_refused_with_what_is_allowed(address: str) -> None:
    assert not s3_address.is_valid(address)
    with pytest.raises(ValueError, match="must be s3://BUCKET/KEY"):
        s3_address.split(address)
