"""Signals to a wait condition, by its handle's presigned URL."""

import json
import logging
import urllib.error
import urllib.request

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

SIGNAL_BYTES = 4096  # what CloudFormation takes
TIMEOUT_SECONDS = 30


def send(url: str, unique_id: str, failure: str | None = None) -> None:
    """Say that the job's model is there, or why it never will be.

    A signal that is refused is logged and no error: a rollback hands over the URL of an earlier
    deployment, used or expired, and nobody waits for it.

    Args:
        url: The handle. It lets anybody who knows it signal, so it is never logged.
        unique_id: Names the sender; CloudFormation counts one signal for each.
        failure: Why the deployment must fail; None when it has succeeded.
    """
    status = "SUCCESS" if failure is None else "FAILURE"
    body = _body(status, failure or "the model is published", unique_id)
    request = urllib.request.Request(
        url,
        data=body,
        method="PUT",
        headers={"Content-Type": ""},  # the URL is signed without one
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
            logger.info("signalled %s: %s", status, failure)
    except urllib.error.HTTPError as error:
        with error:
            logger.warning("signal %s was refused with %s", status, error.code)


def _body(status: str, reason: str, unique_id: str) -> bytes:
    signal = {"Status": status, "Reason": reason, "UniqueId": unique_id, "Data": ""}
    body = json.dumps(signal, ensure_ascii=False).encode()
    excess = len(body) - SIGNAL_BYTES
    if excess <= 0:
        return body
    # A character takes 6 bytes at most, so this never cuts too much; it may have to cut again.
    return _body(status, reason[: -(excess // 6 + 1)], unique_id)
