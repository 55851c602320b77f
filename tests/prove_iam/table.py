"""What was proved, as the last part of `docs/permissions.md`."""

import re
from dataclasses import dataclass
from pathlib import Path

from local_aws import instance

from .only_aws import OnlyAws
from .permissions import Permission
from .stage import NAME

MARK = "<!-- From here on `make prove-iam` writes. -->\n"
HEAD = """
## What needs each permission

`make prove-iam` deploys an environment with every setting that adds a permission on the embedded
AWS, takes one permission away after the other, and sees a step of the flow fail. A row is an action
of a statement, on one resource; of the statements that the CDK writes, on all of theirs. Names of
principals are those of the templates' resources.

| principal | action | resource | why | what breaks without it |
| --- | --- | --- | --- | --- |
"""
APART = """
## What only AWS asks for

The embedded AWS does not do what these are for. So that they are needed is not proved: the page
that says so is given.

| principal | action | resource | why | source |
| --- | --- | --- | --- | --- |
"""
# Statements of the CDK's have no id that says what they are for.
WHY = {
    "logs:CreateLogStream": "write its log",
    "logs:PutLogEvents": "write its log",
    "lambda:InvokeFunction": "call the function",
    "kms:Decrypt": "read what is encrypted with the key",
    "kms:GenerateDataKey": "encrypt with the key",
    "kms:GenerateDataKey*": "encrypt with the key",
    "s3:PutBucketPolicy": "refuse writes while the bucket is emptied",
    "s3:GetBucket*": "see by its tag that the bucket is to be emptied, and read its policy",
    "s3:List*": "find the objects",
    "s3:DeleteObject*": "delete the objects",
    "sagemaker:InvokeEndpoint": "ask the endpoint",
    "sns:Publish": "tell the topic",
    "glue:StartJobRun": "start a run",
    "glue:GetJobRun": "follow the run",
    "glue:BatchStopJobRun": "stop the run",
    "logs:GetLogEvents": "read the log of the run",
    "s3:GetObject": "fetch what a deployment needs",
    "s3:ListBucket": "see what is prepared",
    "ssm:GetParameter": "find the job and the folder of its results",
}
# Of this very run, in the order in which they are looked for.
NAMES = (
    (rf"(?:{instance.REGION}:|(?<=iam::)){instance.ACCOUNT}:?", ""),
    (r"^arn:aws:", ""),
    (rf"cdk-hnb659fds-assets-{instance.ACCOUNT}-{instance.REGION}", "cdk-assets"),
    (rf"{NAME}-storage-bucket\w+-\w+", "BUCKET"),
    (r"\b[0-9a-f]{64}\b", "DIGEST"),
    (r"\b[0-9a-f]{12}\b(?=-)", "FINGERPRINT"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}\b", "ID"),
    (r"(?<=-)[0-9A-F]{13,}\b|(?<=-)[0-9a-f]{8}\b", "ID"),
    (r"\b(sg|subnet)-\w+", r"\1-ID"),
    (r"\bi-[0-9a-f]{16}-\d+\b", "INSTANCE"),
    (instance.REGION, "REGION"),
    (r"sagemaker/lda-model", "PREFIX"),
    (r"(?<=PREFIX/data/)[0-9a-f]{8}\b", "NAME"),
    (r"\bjr_[0-9a-f]{64}\b", "RUN"),
    # CloudFormation's names end with what is random, after the digest of the logical id.
    (
        rf"{NAME}-(?:storage|training|serving|preparation)-([A-Za-z]+?)(?:[0-9a-f]{{8}})?[0-9A-F]{{8}}-ID",
        r"\1",
    ),
    # AWS names the groups of functions after stack, logical id and chance; MiniStack by a path.
    (rf"(?<=log-group:)/aws/cloudformation/{NAME}-\w+/\w+", "LOG-GROUP"),
    (NAME, "NAME"),
    # A denial says more than it needs, and whoever passes it on.
    (r"'?An error occurred \(\w+\) when calling the \w+ operation: ", ""),
    (r" \(tried for 0 s\)", ""),
    (r" given in input data source\..* Error message from S3", ""),
    (r"User: \S+ is (?=not authorized)", ""),
    (r" because no identity-based policy.*", ""),
)


@dataclass(frozen=True)
class Row:
    """A permission, and what fails without it or who says that it is needed."""

    permission: Permission
    proof: str | OnlyAws


def readable(text: str) -> str:
    """`text` without what differs from run to run."""
    for pattern, name in NAMES:
        text = re.sub(pattern, name, text)
    return text


def write(file: Path, rows: list[Row]) -> None:
    """Write the rows after what is written by hand."""
    own, _, _ = file.read_text().partition(MARK)
    proved = sorted({_proved(row) for row in rows if isinstance(row.proof, str)})
    apart = sorted({_apart(row) for row in rows if isinstance(row.proof, OnlyAws)})
    file.write_text(own + MARK + HEAD + "".join(proved) + APART + "".join(apart))


def _proved(row: Row) -> str:
    sid = re.sub(r"(?<!^)(?=[A-Z])", " ", row.permission.sid).lower()
    why = sid or WHY[row.permission.action]
    return _line(row.permission, why, row.proof)


def _apart(row: Row) -> str:
    assert isinstance(row.proof, OnlyAws)
    return _line(row.permission, row.proof.why, f"<{row.proof.source}>")


def _line(permission: Permission, why: str, last: object) -> str:
    resources = ", ".join(f"`{readable(resource)}`" for resource in permission.resources)
    cells = (f"`{readable(permission.principal)}`", f"`{permission.action}`", resources, why, last)
    return f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |\n"
