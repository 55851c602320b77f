"""Types of text: the pattern of each, and the words that explain it in an error.

AWS or the CDK would reject other texts, but only at deployment.

Sources: the API references of IAM, S3, SageMaker, SNS and EC2; "Bucket naming rules" in the S3 User
Guide; `Bucket.validateBucketName` of the CDK.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


@dataclass(frozen=True)
class Text:
    r"""What a text must look like.

    Attributes:
        pattern: A regular expression that matches the whole text. Python and ECMAScript must both
            read it; \w and \d are ASCII.
        words: What is allowed, for the error message.
    """

    pattern: str
    words: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {
            **handler(schema),
            "pattern": f"^({self.pattern})$",
            "patternErrorMessage": f"must be {self.words}",  # Visual Studio Code shows it
        }

    def _check(self, value: str | Path) -> str | Path:
        if re.fullmatch(self.pattern, str(value), re.ASCII) is None:
            raise PydanticCustomError("text", "must be {words}", {"words": self.words})
        return value


_BUCKET = (
    r"(?!xn--|sthree-|amzn-s3-demo-)(?![^/]*(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)(/|$))"
    r"(?!\d+\.\d+\.\d+\.\d+(/|$))(?![^/]*(\.\.|\.-|-\.))[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
)
_BUCKET_WORDS = (
    "3 to 63 lower-case letters, digits, dots and hyphens, a letter or digit first and last, no "
    "dot beside a dot or hyphen, no IP address, and no prefix or suffix that S3 reserves"
)
_IAM_PATH = r"([\w+=,.@-]+/)*"
_ATOM = r"[\w!#$%&'*+/=?^`{|}~-]+"  # of an email address, as RFC 5322 names it
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"  # of a domain
_RESOURCE_ID = r"-([0-9a-f]{8}|[0-9a-f]{17})"

Name = Annotated[
    str,
    Text(
        r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?",  # an endpoint's name can't end in a hyphen
        "1 to 20 lower-case letters, digits and hyphens, a letter first and no hyphen last",
    ),
]
Account = Annotated[str, Text(r"\d{12}", "an account's 12 digits")]
Region = Annotated[str, Text(r"[a-z]{2}(-[a-z]+)+-\d", "a Region, such as us-east-1")]
Bucket = Annotated[str, Text(_BUCKET, _BUCKET_WORDS)]
RoleArn = Annotated[
    str,
    Text(
        rf"arn:aws[a-z-]*:iam::\d{{12}}:role/{_IAM_PATH}[\w+=,.@-]{{1,64}}",
        "the ARN of a role, arn:aws:iam::ACCOUNT:role/NAME, where NAME has up to 64 characters",
    ),
]
Boundary = Annotated[
    str,
    Text(
        rf"(arn:aws[a-z-]*:iam::(\d{{12}}|aws):policy/)?{_IAM_PATH}[\w+=,.@-]{{1,128}}",
        "the name or ARN of a managed policy; the name has up to 128 letters, digits and +=,.@_-",
    ),
]
Qualifier = Annotated[
    str, Text(r"[a-z0-9]{1,10}", "1 to 10 lower-case letters and digits, as `cdk bootstrap` takes")
]
Commit = Annotated[str, Text(r"[0-9a-f]{7,40}", "a commit's 7 to 40 hexadecimal digits")]
Repository = Annotated[str, Text(r"[\w.-]+/[\w.-]+", "a GitHub repository, OWNER/NAME")]
GitHubIds = Annotated[str, Text(r"\d{1,20}/\d{1,20}", "two numbers, OWNER-ID/REPOSITORY-ID")]
Mail = Annotated[
    str,
    Text(
        rf"(?!.{{255}})(?!.{{65,}}@){_ATOM}(\.{_ATOM})*@({_LABEL}\.)+(?![0-9]+$){_LABEL}(?<=[^.]{{2}})",
        "an email address, in ASCII",
    ),
]
Key = Annotated[
    str,
    Text(
        r"create|arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+",
        "'create', or the ARN of a KMS key (not of an alias)",
    ),
]
InstanceType = Annotated[
    str, Text(r"ml\.[a-z0-9-]+\.[a-z0-9]+", "a SageMaker instance type, such as ml.m5.xlarge")
]
Vpc = Annotated[str, Text("vpc" + _RESOURCE_ID, "the id of a VPC, vpc- and 8 or 17 digits")]
Subnet = Annotated[
    str, Text("subnet" + _RESOURCE_ID, "the id of a subnet, subnet- and 8 or 17 digits")
]
SecurityGroup = Annotated[
    str, Text("sg" + _RESOURCE_ID, "the id of a security group, sg- and 8 or 17 digits")
]
Connection = Annotated[
    str,
    Text(
        r"arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:\d{12}"
        r":connection/[0-9a-f-]+",
        "the ARN of a CodeConnections connection",
    ),
]
Branch = Annotated[str, Text(r"[\w./-]+", "a branch name of letters, digits and _./-")]
Source = Annotated[
    str,
    Text(
        rf"s3://{_BUCKET}(/[\w-][\w.-]*)+",
        "a folder in S3, s3://BUCKET/PREFIX, of letters, digits and _./-",
    ),
]
# No star, which matches any text in an IAM policy, and no part `..`, which programs resolve.
_PART = r"[\w!'()-][\w!.'()-]*"
Prefix = Annotated[
    str,
    Text(
        rf"(?!.{{201}}){_PART}(/{_PART})*",  # several policies and a request name it
        "parts of letters, digits and !'()_.-, separated by slashes; no part begins with a dot, "
        "and all have up to 200 characters",
    ),
]
# A pair of surrogates is one character in Python and two in ECMAScript.
Folder = Annotated[
    Path,
    Text(
        r"([^\x00-\x1f\x7f\ud800-\udfff]|[\ud800-\udbff][\udc00-\udfff])+",
        "a folder's name, without control characters",
    ),
]
File = Annotated[str, Text(r"\w[\w.-]*", "a file name of letters, digits and _.-")]
# What all services allow in tags, and S3 in the metadata of a model.
TagKey = Annotated[
    str, Text(r"[a-zA-Z][a-zA-Z0-9-]{0,39}", "up to 40 letters, digits and hyphens, a letter first")
]
TagValue = Annotated[
    str, Text(r"[a-zA-Z0-9 +=._:/@-]{1,128}", "1 to 128 letters, digits, spaces and +=._:/@-")
]
