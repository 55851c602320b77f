"""Each client in its own environment, as its users run it: `python -m local_aws run -- ...`.

A client's claims about the embedded AWS are the tests in the file of its name.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
PROJECT = FOLDER.parents[1]
CLIENT_SECONDS = 1200
# The environments of clients by the files of their claims; None for clients that are programs.
ENVIRONMENTS = {
    "boto3_calls": None,
    "aws_cli": None,
    "sdk2": ".venv-sagemaker",
    "sdk3": ".venv-sagemaker3",
    "cdk_alpha": None,
}
# Without the settings, fixtures and plugins of the project's own tests, which need its packages.
ALONE = (
    *("-c", os.devnull, "--rootdir", str(FOLDER), "--confcutdir", str(FOLDER)),
    *("-p", "no:randomly", "-p", "no:cacheprovider"),
)

pytestmark = pytest.mark.clients


@pytest.mark.parametrize("client", ENVIRONMENTS)
def test_a_client_meets_what_it_meets_on_aws(
    client: str, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = ENVIRONMENTS[client]
    python = str(PROJECT / environment / "bin/python") if environment else sys.executable
    claims = [python, "-m", "pytest", *ALONE, "-ra", str(FOLDER / f"{client}.py")]
    done = subprocess.run(
        [sys.executable, "-m", "local_aws", "run", "--", *claims],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=CLIENT_SECONDS,
        check=False,
    )
    with capsys.disabled():
        print(f"\n{client}: {done.stdout.splitlines()[-1].strip('= ')}")
    assert done.returncode == 0, done.stdout
