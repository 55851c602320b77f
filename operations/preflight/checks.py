"""All checks, in their order."""

from collections.abc import Iterator
from itertools import chain

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from operations.preflight import offline, online
from operations.preflight.findings import Finding, Status, Target, failed, warned

OFFLINE = (offline.image, offline.instance_types, offline.data)
ONLINE = (
    online.separation,
    online.bootstrap,
    online.stacks,
    online.changes,
    online.preparation,
    online.bucket,
    online.role,
    online.endpoint,
    online.logs,
    online.quotas,
)
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}


def check(target: Target) -> Iterator[Finding]:
    """Yield what the checks find, in their order; with a wrong identity, ask AWS nothing more."""
    for look in OFFLINE:
        yield from look(target)
    try:
        first = list(online.identity(target))
    except (ClientError, BotoCoreError, ResponseParserError) as error:
        yield failed("identity", f"AWS does not know the caller: {error}", "sign in and try again")
        return
    yield from first
    if any(finding.status is Status.FAIL for finding in first):
        return
    yield from chain.from_iterable(_asked(look.__name__, look(target)) for look in ONLINE)


def _asked(name: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from findings
    except ClientError as error:
        if error.response["Error"]["Code"] not in DENIED:
            yield failed(name, f"not checked: {error}", "try again")
        else:
            yield warned(name, f"not checked: {error}", "grant the caller read access to it")
    except (BotoCoreError, ResponseParserError) as error:
        yield failed(name, f"not checked: {error}", "try again")
