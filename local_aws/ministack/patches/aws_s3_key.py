"""Encrypt objects by the key `aws/s3` where `aws:kms` is asked for without a key, as S3 does.

MiniStack refuses such a request. It has no keys of AWS's own.

Source: "Protecting data with SSE-KMS" in the S3 User Guide; "AWS managed keys" in the KMS Developer
Guide.
"""

import json
from typing import Any

from ministack.services import kms, s3

ALIAS = "alias/aws/s3"
ALGORITHM_HEADER = "x-amz-server-side-encryption"
KEY_HEADER = f"{ALGORITHM_HEADER}-aws-kms-key-id"
DESCRIPTION = "Default key that protects my S3 objects when no other key is defined"


def apply() -> None:
    """Change MiniStack."""
    resolve, describe = kms._resolve_key, kms._key_metadata
    encrypt = s3._resolve_sse_write_headers

    def resolve_or_make(name: str | None) -> Any:
        found = resolve(name)
        is_ours = name in (ALIAS, kms._alias_arn(ALIAS))
        return _make() if found is None and is_ours else found

    def describe_as_aws(key: dict[str, Any]) -> dict[str, Any]:
        manager = {"KeyManager": "AWS"} if is_aws_managed(key) else {}
        return {**describe(key), **manager}

    def encrypt_with_default(headers: dict[str, str], bucket: str) -> Any:
        if _lacks_key(headers):
            headers = headers | {KEY_HEADER: kms._resolve_key(ALIAS)["Arn"]}
        stored, error = encrypt(headers, bucket)
        if stored and _lacks_key(stored):  # the bucket's default encryption names no key
            stored |= {KEY_HEADER: kms._resolve_key(ALIAS)["Arn"]}
        return stored, error

    kms._resolve_key, kms._key_metadata = resolve_or_make, describe_as_aws
    s3._resolve_sse_write_headers = encrypt_with_default


def is_aws_managed(key: dict[str, Any]) -> bool:
    """Return whether a key is AWS's own: whoever may use S3 may use it, by its policy."""
    return bool(kms._aliases.get(kms._alias_arn(ALIAS)) == key["KeyId"])


def _lacks_key(headers: dict[str, str]) -> bool:
    return headers.get(ALGORITHM_HEADER) == "aws:kms" and not headers.get(KEY_HEADER)


def _make() -> Any:
    _, _, answer = kms._create_key({"Description": DESCRIPTION})
    alias = kms._alias_arn(ALIAS)
    kms._aliases[alias] = json.loads(answer)["KeyMetadata"]["KeyId"]
    kms._stamp_alias(alias, created=True)
    return kms._keys[kms._aliases[alias]]
