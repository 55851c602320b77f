"""Wait for permissions: a role or a policy that is seconds old may not be known everywhere yet."""

import logging
import re
import time
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import ClientError

Answer = TypeVar("Answer")

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

# The error codes for a missing permission. S3 also answers so about an object that does not exist,
# if the caller may not list the bucket.
DENIED = ("403", "AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
PERMISSION_SECONDS = 120  # how long a new role or policy may take to reach all of AWS
LONGEST_PAUSE_SECONDS = 10
# SageMaker's messages about a role or a policy that is seconds old. Terraform's provider retries
# for the same messages (internal/service/sagemaker/training_job.go). The last one is about a role
# without s3:ListBucket, as seen in 2021 (aws/amazon-sagemaker-examples#2267).
ROLE_RACE = re.compile(
    r"""(?ix) could\ not\ assume\ role
    | access\ denied\ (to|for)
    | unauthorized\ to\ list\ objects\ under\ s3\ url
    | no\ identity-based\ policy\ allows
    | no\ s3\ objects\ found\ under .* has\ "s3:ListBucket"\ permissions
    """
)


class StartError(RuntimeError):
    """The job can't be started; the message says why, and what to do."""


def _may_be_propagating(error: ClientError) -> bool:
    """Whether the cause of an error may be a role or policy that changed seconds ago.

    This function's own policy contains digests of jobs and objects, so a new fingerprint changes it
    just before its use. The execution role may be as new; SageMaker then reports a wrong request.
    """
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    if code == "ValidationException":
        return ROLE_RACE.search(message) is not None
    return code in DENIED


def retry_denied(act: Callable[[], Answer]) -> Answer:
    """Call `act`, again and again while a permission is missing, since it may be seconds old.

    Source: IAM User Guide, "Changes that I make are not always immediately visible".

    Raises:
        StartError: The permission is still missing after `PERMISSION_SECONDS`.
    """
    deadline = time.monotonic() + PERMISSION_SECONDS
    pause = 1.0
    while True:
        try:
            return act()
        except ClientError as error:
            if not _may_be_propagating(error):
                raise
            if time.monotonic() + pause > deadline:
                raise StartError(f"{error} (tried for {PERMISSION_SECONDS} s)") from error
            logger.info("waiting for a permission: %s", error)
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
