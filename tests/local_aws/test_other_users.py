"""What other users of the machine get from an instance: nothing, whatever they ask."""

import io
import json
import os
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local_aws import fault_route, instance, signed_request

from . import stranger
from .conftest import SESSION, Cloud, allow
from .hosting import configuration, deleted, in_service, model

NOBODY = 65534
CODE = "def handler(event, context):\n    return 1\n"


def listening(folder: Path) -> list[int]:
    """The ports on which the processes of the instance in `folder` listen."""
    group = int((folder / "server.pid").read_text())
    sockets: set[str] = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(process.name)) == group:
                sockets |= {str(fd.readlink()) for fd in (process / "fd").iterdir()}
        except OSError:  # it has ended
            continue
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [
        int(row[1].partition(":")[2], 16)
        for row in rows
        if row[3] == "0A" and f"socket:[{row[9]}]" in sockets
    ]


@pytest.fixture(scope="module")
def busy(cloud: Cloud, role: str, bucket: str) -> Iterator[dict[str, str]]:
    """An endpoint in service, and a function that has run; the function's ARN and its role's."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("index.py", CODE)
    functions = cloud.client("lambda")
    function_role = cloud.make_role("Guessed", allow("*"), service="lambda")
    function = functions.create_function(
        FunctionName="guessed",
        Runtime="python3.11",
        Handler="index.handler",
        Role=function_role,
        Code={"ZipFile": archive.getvalue()},
    )["FunctionArn"]
    assert functions.invoke(FunctionName="guessed")["Payload"].read() == b"1"
    endpoint = in_service(cloud, configuration(cloud, model(cloud, role, bucket, 2)))
    yield {function: function_role}
    deleted(cloud, endpoint)
    functions.delete_function(FunctionName="guessed")


def asked(folder: Path, roles: dict[str, str], user: int) -> dict[str, Any]:
    """What a process of `user` gets, whose program is `stranger`."""
    told = {
        "ports": listening(folder),
        "roles": roles,
        "files": [str(folder / name) for name in ("key.pem", "server.log", "certificate.pem")],
    }
    python = sys.executable
    as_user: dict[str, Any] = {}
    if user != os.getuid():
        python = shutil.which("python3", path="/usr/bin:/bin:/usr/local/bin") or python
        as_user = {"user": user, "group": user, "extra_groups": []}
    done = subprocess.run(
        [python, "-c", Path(stranger.__file__).read_text()],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
        **as_user,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert len({port for port, *_ in found["answers"]}) == len(told["ports"]) > 1
    return found


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(
    "user",
    [
        pytest.param(os.getuid(), id="without its secret"),
        pytest.param(
            NOBODY,
            id="as another user",
            marks=pytest.mark.skipif(os.getuid() != 0, reason="only root becomes another user"),
        ),
    ],
)
def test_nobody_without_the_secret_gets_anything_from_any_port(
    user: int, cloud: Cloud, busy: dict[str, str]
) -> None:
    folder = Path(cloud.environment["AWS_CA_BUNDLE"]).parent
    found = asked(folder, busy, user)
    refusals = {*range(400, 500), HTTPStatus.NOT_IMPLEMENTED}
    assert [answer for answer in found["answers"] if answer[3] not in refusals] == []
    assert json.loads(signed_request.ask(cloud.environment, fault_route.FAULTS)) == []
    if user == NOBODY:
        assert found["readable"] == []


def test_credentials_of_another_instance_are_none_of_this_one(cloud: Cloud) -> None:
    with instance.running() as other:
        keys = {"aws_access_key_id": instance.ACCOUNT, "aws_secret_access_key": other.secret}
    with pytest.raises(ClientError) as refused:
        cloud.client("sts", keys).get_caller_identity()
    assert refused.value.response["Error"]["Code"] == "SignatureDoesNotMatch"


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_an_address_that_was_signed_works_until_it_expires_and_as_it_was_signed(
    version: str, cloud: Cloud, bucket: str
) -> None:
    s3 = cloud.client("s3")
    s3.put_object(Bucket=bucket, Key="a b+ä&", Body=b"content")
    signer = SESSION.client(
        "s3",
        endpoint_url=cloud.environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=cloud.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=cloud.environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(signature_version=version, region_name=cloud.environment["AWS_REGION"]),
    )

    def status(address: str) -> int:
        context = ssl.create_default_context(cafile=cloud.environment["AWS_CA_BUNDLE"])
        try:
            with urllib.request.urlopen(address, context=context) as answer:
                assert answer.read() == b"content"
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    def signed(seconds: int) -> str:
        parameters = {"Bucket": bucket, "Key": "a b+ä&"}
        return str(signer.generate_presigned_url("get_object", parameters, seconds))

    assert status(signed(60)) == 200
    assert status(signed(-60)) == 403
    assert status(signed(60).replace("a%20b", "a%20c")) == 403


@pytest.mark.parametrize("body", ["", "[]", "{", '{"name": "training.typo"}', '{"who": 1}'])
def test_a_fault_that_is_none_is_refused_by_the_server(body: str, cloud: Cloud) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        signed_request.ask(cloud.environment, fault_route.FAULTS, method="POST", body=body.encode())
    refused.value.close()
    assert refused.value.code == 400
    assert json.loads(signed_request.ask(cloud.environment, fault_route.FAULTS)) == []


def test_a_body_that_is_not_the_one_that_was_signed_is_refused(cloud: Cloud) -> None:
    runtime = cloud.client("sagemaker-runtime")
    runtime.meta.events.register(
        "before-send.sagemaker-runtime.InvokeEndpoint",
        lambda request, **_: setattr(request, "body", b"2,2"),
    )
    with pytest.raises(ClientError) as refused:
        runtime.invoke_endpoint(EndpointName="none", Body=b"1,1", ContentType="text/csv")
    assert "signature" in str(refused.value)
