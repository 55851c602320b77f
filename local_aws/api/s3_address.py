"""Addresses in S3 as SageMaker takes them: `s3://BUCKET/KEY`, or an https address of S3.

Source: "Methods for accessing a bucket" in the Amazon S3 user guide, path style and virtual-hosted
style.
"""

import re

SCHEME = "s3://"
# Of all such members in the API's model; the second is that of DestinationS3Uri.
PATTERNS = ("(https|s3)://([^/]+)/?(.*)", "(https|s3)://([^/])/?(.*)")
ALLOWED = "s3://BUCKET/KEY, https://s3.REGION.amazonaws.com/BUCKET/KEY or the like"
_HTTPS = re.compile(
    r"https://(?:(?P<bucket>[^/]+)\.)?s3(?:[.-](?:dualstack\.)?[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?"
    r"(?:/(?P<path>.*))?"
)


def split(address: str) -> tuple[str, str]:
    """Return the bucket and the key of an address.

    Raises:
        ValueError: It is no address in S3.
    """
    if address.startswith(SCHEME):
        bucket, _, key = address.removeprefix(SCHEME).partition("/")
    elif match := _HTTPS.fullmatch(address):
        path = match["path"] or ""
        bucket, _, key = (
            path.partition("/") if match["bucket"] is None else (match["bucket"], "", path)
        )
    else:
        bucket = key = ""
    if not bucket:
        raise ValueError(f"{address!r} is no address in S3; it must be {ALLOWED}")
    return bucket, key


def is_valid(address: str) -> bool:
    """Return whether an address is one in S3."""
    try:
        split(address)
    except ValueError:
        return False
    return True
