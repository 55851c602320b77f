"""Let only callers who may use an object's KMS key read or write the object.

A copy reads and writes. MiniStack's S3 notes the key and checks no permission for it.

Source: "Protecting data with SSE-KMS" in the S3 User Guide.
"""

from typing import Any
from urllib.parse import unquote

from ministack.core import iam_actions
from ministack.services import kms, s3

from local_aws.ministack.patches.aws_s3_key import ALGORITHM_HEADER, KEY_HEADER, is_aws_managed


def apply() -> None:
    """Change MiniStack."""
    original = iam_actions.s3_additional_checks

    def checks(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = original(method, path, headers, body, query)
        action = iam_actions._s3_action(method, path, query)
        bucket, _, name = path.lstrip("/").partition("/")
        if action in ("GetObject", "GetObjectVersion") and method == "GET":
            found += [("kms:Decrypt", key) for key in _key_of(bucket, unquote(name))]
        elif action == "PutObject" and "uploadId" not in query:
            if source := iam_actions._s3_source_object(headers):
                from_bucket, _, from_name = source[0].removeprefix("arn:aws:s3:::").partition("/")
                found += [("kms:Decrypt", key) for key in _key_of(from_bucket, from_name)]
            default = s3._bucket_default_sse_headers(bucket)
            asked = headers if ALGORITHM_HEADER in headers else default
            found += [("kms:GenerateDataKey", key) for key in _checked(asked.get(KEY_HEADER))]
        return found

    iam_actions.s3_additional_checks = checks


def _key_of(bucket: str, name: str) -> list[str]:
    """Return the ARN of an object's key, in a list; no ARN if nobody must be let use it."""
    stored = (s3._buckets.get(bucket) or {"objects": {}})["objects"].get(name)
    return _checked(s3._stored_sse_headers(stored).get(KEY_HEADER)) if stored else []


def _checked(name: str | None) -> list[str]:
    """Return the ARN of a key of the account's that callers must be let use, in a list."""
    key = kms._resolve_key(name)
    return [key["Arn"]] if key and not is_aws_managed(key) else []
