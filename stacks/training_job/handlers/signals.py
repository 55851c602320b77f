"""Signals to a wait condition, by its handle's presigned URL."""

import http.client
import json
import logging
import re
import time
import urllib.error
import urllib.request

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

SIGNAL_BYTES = 4096  # what CloudFormation takes
TIMEOUT_SECONDS = 30
ATTEMPTS = 4
# What a job logs may hold signed URLs and credentials; a stack's events are read by many. Every
# repetition has a bound or takes all that follows, so that the time is linear in the text.
_PASSWORD = r"(?:passw(?:or)?d|passphrase|pwd)[\w-]{0,60}"
_WORD = rf"""(?: {_PASSWORD} | (?:secret|token|api[_-]?key|private[_-]?key|signature|credential
    |awsaccesskeyid|authorization)[\w-]{{0,60}} )"""
_EQUALS = r"""\\{0,8}["']? [ \t]{0,8} (?: => | [=:] | %(?:25){0,3}3[AD] ) [ \t]{0,8}"""
_END = r"""[&"'<\n] | \\{1,8}["'] | %(?:25){0,3}26"""  # of a value that is not in quotes
_QUOTED = r"""(?P<quote>["']) (?: \\. | (?!(?P=quote))[^\\\n] )+
    | (?P<escaped>\\{1,8}["']) (?: (?!(?P=escaped)). )+"""
_VALUE = rf"(?: {_QUOTED} | (?: (?!{_END}|\s). )+ )"
SECRETS = [
    re.compile(form, re.IGNORECASE | re.VERBOSE)
    for form in (
        # A private key, whole or cut off.
        r"""(?P<kept> -----BEGIN\ [A-Z\ ]{0,40}PRIVATE\ KEY(?:\ BLOCK)?----- )
        [\s\S]*? (?: -----END\ [A-Z\ ]{0,40}PRIVATE\ KEY(?:\ BLOCK)?----- | \Z )""",
        # https://user:password@host
        r"(?P<kept> ://[^\s/:@]{0,100}: ) [^\s/@]{1,200} (?=@)",
        # <Password>value</Password>
        rf"(?P<kept> <(?!/)[\w:-]{{0,40}}?{_WORD}(?:\s[^<>]{{0,100}})?> ) [^<]+",
        # --password value
        rf"(?P<kept> --[\w-]{{0,40}}?{_WORD}[ \t]{{1,8}} ) (?![=:-]) {_VALUE}",
        # password=value, which may have blanks and commas
        rf"(?P<kept> {_PASSWORD}{_EQUALS} ) (?: {_QUOTED} | (?: (?!{_END}). )+ )",
        # token=value, "token": "value", Authorization: Bearer value; in URLs, and in JSON in JSON
        rf"(?P<kept> {_WORD}{_EQUALS} (?:(?:basic|bearer)[ \t]{{1,8}})? ) {_VALUE}",
        # An access key of AWS, whatever it is called.
        r"(?P<kept>) \b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    )
]


def redact(text: str) -> str:
    """`text` without the values of signatures, passwords and other secrets.

    This is a best effort: what no form of `SECRETS` shows to be a secret stays.
    """
    for form in SECRETS:
        text = form.sub(_hide, text)
    return text


def _hide(found: re.Match[str]) -> str:
    groups = found.groupdict()
    return f"{groups['kept']}{groups.get('quote') or groups.get('escaped') or ''}***"


def send(url: str, unique_id: str, failure: str | None = None, data: str = "") -> None:
    """Say that the job's model is there, or why it never will be.

    A signal that is refused is logged and no error: a rollback hands over the URL of an earlier
    deployment, used or expired, and nobody waits for it.

    Args:
        url: The handle. It lets anybody who knows it signal, so it is never logged.
        unique_id: Names the sender; CloudFormation counts one signal for each.
        failure: Why the deployment must fail; None when it has succeeded.
        data: What the wait condition gives as its attribute `Data`.

    Raises:
        OSError: Nobody answered, or only with errors of the server, however often it was tried.
        HTTPException: What answered broke off.
    """
    status = "SUCCESS" if failure is None else "FAILURE"
    reason = redact(failure or "the model is published")
    body = _body({"Status": status, "Reason": reason, "UniqueId": unique_id, "Data": data})
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _put(url, body)
        except urllib.error.HTTPError as error:
            with error:
                if error.code < 500:
                    logger.warning("signal %s was refused with %s", status, error.code)
                    return
                if attempt == ATTEMPTS:
                    raise
        except (OSError, http.client.HTTPException):  # urllib wraps no failure to read the answer
            if attempt == ATTEMPTS:
                raise
        else:
            logger.info("signalled %s: %s", status, reason)
            return
        time.sleep(2**attempt)


def _put(url: str, body: bytes) -> None:
    request = urllib.request.Request(
        url,
        data=body,
        method="PUT",
        headers={"Content-Type": ""},  # the URL is signed without one
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
        pass


def _body(signal: dict[str, str]) -> bytes:
    body = json.dumps(signal, ensure_ascii=False).encode()
    excess = len(body) - SIGNAL_BYTES
    if excess <= 0:
        return body
    # A character takes 6 bytes at most, so this never cuts too much; it may have to cut again.
    return _body(signal | {"Reason": signal["Reason"][: -(excess // 6 + 1)]})
