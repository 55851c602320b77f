"""Which requests prove that they know a secret of this instance.

MiniStack checks the signatures of roles and users. It does not check the account root's, and it has
routes that need no signature. Upstream: https://github.com/ministackorg/ministack/issues/1745.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import ministack.app as gateway
from ministack.core import iam_evaluator, responses, router, sigv4
from ministack.services.cloudformation import wait_conditions

from local_aws.ministack.bridge import Response

# Where CloudFormation is answered. Each address holds a token that nobody can guess.
TOKEN_PATHS = ("/_ministack/cfn-response/", wait_conditions.SIGNAL_PATH)


def signs_without_body(scope: Mapping[str, Any]) -> bool:
    """Return whether the signature of an ASGI request can be checked without its body."""
    declared = _headers(scope).get("x-amz-content-sha256", "")
    return declared != "" and not declared.startswith("STREAMING-AWS4")


def refusal(scope: Mapping[str, Any], body: bytes) -> Response | None:
    """Return the answer to an ASGI request that no credentials of this instance signed, or None.

    Where MiniStack checks the signature, it does so again.
    """
    headers = _headers(scope)
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    try:
        failure = _signature_failure(scope, headers, query, body)
    except (ValueError, TypeError):  # no signature can be read from it
        failure = ("IncompleteSignature", "The request signature does not conform to AWS standards")
    if failure is None:
        return None
    signed_for = router.detect_service(scope["method"], scope["path"], headers, query)
    response: Response = gateway._credential_failure(
        signed_for, "", responses.new_uuid(), iam_evaluator.AuthError(*failure), headers
    )
    return response


def _headers(scope: Mapping[str, Any]) -> dict[str, str]:
    """Return header fields as they are signed: a field sent several times is joined by commas."""
    headers: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name, text = raw.decode("latin-1").lower(), sigv4.decode_header_value(value)
        headers[name] = f"{headers[name]},{text}" if name in headers else text
    return headers


def _signature_failure(
    scope: Mapping[str, Any], headers: dict[str, str], query: dict[str, list[str]], body: bytes
) -> tuple[str, str] | None:
    """Return code and message of what is wrong with the signature in a header or the address."""
    method, path = scope["method"], scope["raw_path"].decode("latin-1")
    in_address = "authorization" not in headers
    if (
        in_address and "AWSAccessKeyId" in query
    ):  # Signature Version 2, which boto3 uses in addresses
        return _old_signature_failure(method, path, headers, query)
    signature = (
        sigv4.parse_query_signature(query) if in_address else sigv4.parse_header_signature(headers)
    )
    if isinstance(signature, tuple):
        return signature
    if in_address:
        (lifetime,) = query.get("X-Amz-Expires", ["0"])
        if sigv4.presigned_request_is_expired(signature.amz_date, lifetime):
            return "AccessDenied", "Request has expired"
    elif skewed := sigv4.request_time_failure(signature):
        code, message = skewed
        return code, message
    tokens = query.get("X-Amz-Security-Token", [""])
    token = tokens[0] if in_address else headers.get("x-amz-security-token", "")
    credential = _credential(signature.access_key_id, token)
    if isinstance(credential, iam_evaluator.CredentialResolutionError):
        return credential.code, credential.message
    failure: tuple[str, str] | None = sigv4.header_signature_failure(
        signature,
        credential.secret_access_key,
        method,
        path,
        query,
        headers,
        body,
        presigned=in_address,
    )
    return failure


def _old_signature_failure(
    method: str, path: str, headers: dict[str, str], query: dict[str, list[str]]
) -> tuple[str, str] | None:
    key = query["AWSAccessKeyId"][0]
    request = iam_evaluator.SignedRequest(
        key, method, path, query, headers, sigv2=True, auth_path=path
    )
    checked = iam_evaluator._sigv2_check(request, _account(key))
    return (checked.code, checked.message) if isinstance(checked, iam_evaluator.AuthError) else None


def _credential(key: str, token: str) -> Any:
    return iam_evaluator.resolve_credential(key, _account(key), token)


def _account(key: str) -> str:
    return str(responses._account_from_sts_session(key) or gateway._request_account_scope(key))
