"""Send a signal to a wait condition, through its handle's presigned URL."""

import http.client
import json
import logging
import re
import time
import urllib.error
import urllib.request

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

SIGNAL_BYTES = 4096  # CloudFormation's limit
TIMEOUT_SECONDS = 30
ATTEMPTS = 4
# A job may log signed URLs and credentials, and many people read a stack's events. Each repetition
# below has an upper bound or takes all that follows, so that the time is linear in the text.
_PASSWORD = r"(?:passw(?:or)?d|passphrase|pwd)[\w-]{0,60}"
_WORD = rf"""(?: {_PASSWORD} | (?:secret|token|api[_-]?key|private[_-]?key|signature|credential
    |awsaccesskeyid|authorization)[\w-]{{0,60}} )"""
_EQUALS = r"""\\{0,8}["']? [ \t]{0,8} (?: => | [=:] | %(?:25){0,3}3[AD] ) [ \t]{0,8}"""
_END = r"""[&"'<\n] | \\{1,8}["'] | %(?:25){0,3}26"""  # the end of a value without quotes
_QUOTED = r"""(?P<quote>["']) (?: \\. | (?!(?P=quote))[^\\\n] )+
    | (?P<escaped>\\{1,8}["']) (?: (?!(?P=escaped)). )+"""
_VALUE = rf"(?: {_QUOTED} | (?: (?!{_END}|\s). )+ )"
SECRETS = [
    re.compile(form, re.IGNORECASE | re.VERBOSE)
    for form in (
        # A private key, whole or cut off.
        r"""(?P<kept> -----BEGIN\ [A-Z\ ]{0,40}PRIVATE\ KEY(?:\ BLOCK)?----- )
        [\s\S]*? (?: -----END\ [A-Z\ ]{0,40}PRIVATE\ KEY(?:\ BLOCK)?----- | \Z )""",
        # A URL with a name and a password.
        r"(?P<kept> ://[^\s/:@]{0,100}: ) [^\s/@]{1,200} (?=@)",
        # <Password>value</Password>
        rf"(?P<kept> <(?!/)[\w:-]{{0,40}}?{_WORD}(?:\s[^<>]{{0,100}})?> ) [^<]+",
        # --password value
        rf"(?P<kept> --[\w-]{{0,40}}?{_WORD}[ \t]{{1,8}} ) (?![=:-]) {_VALUE}",
        # password=value, where the value may have blanks and commas
        rf"(?P<kept> {_PASSWORD}{_EQUALS} ) (?: {_QUOTED} | (?: (?!{_END}). )+ )",
        # token=value, "token": "value", Authorization: Bearer value; in URLs, and in JSON in JSON
        rf"(?P<kept> {_WORD}{_EQUALS} (?:(?:basic|bearer)[ \t]{{1,8}})? ) {_VALUE}",
        # An access key id of AWS, whatever stands before it.
        r"(?P<kept>) \b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    )
]


def redact(text: str) -> str:
    """Replace the values of signatures, passwords and other secrets in `text` by `***`.

    This is a best effort: a secret that no form of `SECRETS` matches stays.
    """
    for form in SECRETS:
        text = form.sub(_hide, text)
    return text


def _hide(found: re.Match[str]) -> str:
    groups = found.groupdict()
    return f"{groups['kept']}{groups.get('quote') or groups.get('escaped') or ''}***"


def send(url: str, unique_id: str, failure: str | None = None, data: str = "") -> None:
    """Signal that the job's model is published, or why it never will be.

    A rejected signal is logged and is not an error: in a rollback the URL is an earlier
    deployment's, used or expired, and no deployment waits for it.

    Args:
        url: The handle. Anybody who knows it can signal, so it is never logged.
        unique_id: The sender; CloudFormation counts one signal of each sender.
        failure: Why the deployment must fail; None if it may succeed.
        data: The value of the wait condition's attribute `Data`.

    Raises:
        OSError: In each attempt there was no answer, or an error of the server.
        HTTPException: In the last attempt the answer broke off.
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
        except (OSError, http.client.HTTPException):  # urllib raises the second unwrapped
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
        headers={"Content-Type": ""},  # the URL is signed without a content type
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
        pass


def _body(signal: dict[str, str]) -> bytes:
    body = json.dumps(signal, ensure_ascii=False).encode()
    excess = len(body) - SIGNAL_BYTES
    if excess <= 0:
        return body
    # A character has 6 bytes at most, so this never cuts too much; it may have to cut again.
    return _body(signal | {"Reason": signal["Reason"][: -(excess // 6 + 1)]})
