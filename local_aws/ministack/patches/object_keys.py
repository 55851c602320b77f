"""Let only callers who may use an object's KMS key read or write the object.

A copy reads and writes. MiniStack's S3 notes the key and checks no permission for it.

Source: "Protecting data with SSE-KMS" in the S3 User Guide.
"""

from typing import Any
from urllib.parse import unquote

from ministack.core import iam_actions
from ministack.services import kms, s3

KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"


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
            asked = headers if KEY_HEADER in headers else s3._bucket_default_sse_headers(bucket)
            if key := kms._resolve_key(asked.get(KEY_HEADER)):
                found.append(("kms:GenerateDataKey", key["Arn"]))
        return found

    iam_actions.s3_additional_checks = checks


def _key_of(bucket: str, name: str) -> list[str]:
    """Return the ARN of an object's key, in a list; no ARN if it is no key of the account's."""
    stored = (s3._buckets.get(bucket) or {"objects": {}})["objects"].get(name)
    key = kms._resolve_key(s3._stored_sse_headers(stored).get(KEY_HEADER)) if stored else None
    return [key["Arn"]] if key else []
