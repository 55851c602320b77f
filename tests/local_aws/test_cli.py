import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local_aws import instance
from tests.support.waiting import wait_for

PROJECT = Path(__file__).parents[2]
CALLER = "import boto3, json; print(json.dumps(boto3.client('sts').get_caller_identity()))"


def local_aws(
    *arguments: str, cwd: Path = PROJECT, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local_aws", *arguments],
        cwd=cwd,
        env=instance.without_aws(dict(os.environ))
        | {"PYTHONPATH": str(PROJECT)}
        | (environment or {}),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_run_points_the_command_at_the_instance_and_not_at_the_users_account() -> None:
    users_own = {"AWS_PROFILE": "production", "AWS_ACCESS_KEY_ID": "AKIAREAL"}
    done = local_aws("run", "--", sys.executable, "-c", CALLER, environment=users_own)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Account"] == "000000000000"


@pytest.mark.parametrize(("command", "code"), [("exit 7", 7), ("kill -TERM $$", 143)])
def test_run_passes_the_exit_code_on(command: str, code: int) -> None:
    assert local_aws("run", "--", "sh", "-c", command).returncode == code


def test_run_without_a_command_is_wrong_use() -> None:
    done = local_aws("run")
    assert done.returncode == 2
    assert "run needs a command" in done.stderr


def test_a_command_that_does_not_exist_is_named() -> None:
    done = local_aws("run", "--", "no-such-command")
    assert done.returncode == 1
    assert "cannot run 'no-such-command': No such file or directory" in done.stderr


def test_env_and_down_without_an_instance_say_how_to_start_one(tmp_path: Path) -> None:
    for command in ("env", "down"):
        done = local_aws(command, cwd=tmp_path)
        assert done.returncode == 1
        assert "start one with `python -m local_aws up`" in done.stderr


@pytest.mark.parametrize("description", ["", "[]", '{"folder": "x", "port": 1, "pid": 1e30}'])
def test_a_description_of_an_instance_that_is_none_is_no_instance(
    description: str, tmp_path: Path
) -> None:
    (tmp_path / "instance.json").write_text(description)
    with pytest.raises(instance.InstanceError, match="no embedded AWS runs in"):
        instance.find(tmp_path)


def test_a_file_for_a_folder_is_no_instance(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(instance.InstanceError, match="no embedded AWS runs in"):
        instance.find(tmp_path / "file")


def test_wrong_use_is_one_line(tmp_path: Path) -> None:
    done = local_aws("up", "twice", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_up_env_down_work_by_hand(tmp_path: Path) -> None:
    """With a shell that takes the variables, as the help says."""
    up = local_aws("up", cwd=tmp_path)
    assert up.returncode == 0, up.stderr
    try:
        for private in (".local_aws", ".local_aws/key.pem"):
            assert (tmp_path / private).stat().st_mode & 0o077 == 0
        again = local_aws("up", cwd=tmp_path)
        assert again.stdout == up.stdout, "a second one was started"
        here = f'eval "$({sys.executable} -m local_aws env)"; {sys.executable} -c "{CALLER}"'
        done = subprocess.run(
            ["bash", "-c", here],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "AWS_PROFILE": "no"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert json.loads(done.stdout)["Account"] == "000000000000", done.stderr
    finally:
        assert local_aws("down", cwd=tmp_path).returncode == 0
    assert local_aws("env", cwd=tmp_path).returncode == 1


def test_a_machines_own_bundles_do_not_keep_curl_from_a_presigned_address(tmp_path: Path) -> None:
    script = (
        "import boto3, subprocess\n"
        "s3 = boto3.client('s3')\n"
        "s3.create_bucket(Bucket='bucket')\n"
        "s3.put_object(Bucket='bucket', Key='k', Body=b'the object')\n"
        "place = {'Bucket': 'bucket', 'Key': 'k'}\n"
        "address = s3.generate_presigned_url('get_object', Params=place)\n"
        "subprocess.run(['curl', '--silent', '--show-error', address], check=True)\n"
    )
    (tmp_path / "empty.pem").touch()
    machines = dict.fromkeys(("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"), str(tmp_path / "empty.pem"))
    done = local_aws("run", "--", sys.executable, "-c", script, environment=machines)
    assert done.stdout == "the object", done.stderr


def test_the_sagemaker_sdk_is_told_its_bucket_and_to_report_nothing() -> None:
    """To name the bucket it would ask STS at AWS's address, whatever the endpoint."""
    script = "import os; print(open(os.environ['SAGEMAKER_USER_CONFIG_OVERRIDE']).read())"
    done = local_aws("run", "--", sys.executable, "-c", script)
    modules = json.loads(done.stdout)["SageMaker"]["PythonSDK"]["Modules"]
    assert modules == {
        "TelemetryOptOut": True,
        "Session": {"DefaultS3Bucket": "sagemaker-us-east-1-000000000000"},
    }


def test_the_server_ends_when_its_caller_is_killed() -> None:
    script = (
        "from local_aws import instance\n"
        "import time\n"
        "with instance.running() as started:\n"
        "    print(started.pid, flush=True)\n"
        "    time.sleep(600)\n"
    )
    caller = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=PROJECT,
        env=instance.without_aws(dict(os.environ)) | {"PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with caller:
        output: Any = caller.stdout
        server = int(output.readline())
        caller.send_signal(signal.SIGKILL)
    alive = Path(f"/proc/{server}")
    wait_for(lambda: not alive.exists(), "the server outlived its caller", 30)


FAULTS = """
set -e
{python} -m local_aws fault add training.fail --reason 'bad data' --times 2
{python} -m local_aws fault list
{python} -m local_aws fault clear
{python} -m local_aws fault list
"""


def test_a_fault_is_armed_shown_and_disarmed_from_within_a_run() -> None:
    done = local_aws("run", "--", "sh", "-c", FAULTS.format(python=sys.executable))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "training.fail  times 2  reason 'bad data'\n"


JSON = """
set -e
{python} -m local_aws fault add training.fail --reason 'bad data' --times 2
{python} -m local_aws fault list --json
echo ,
{python} -m local_aws switch iam.young 3 --json
"""


def test_a_script_reads_faults_and_switches_as_json() -> None:
    done = local_aws("run", "--", "sh", "-c", JSON.format(python=sys.executable))
    assert done.returncode == 0, done.stderr
    faults, switches = json.loads(f"[{done.stdout}]")
    assert faults == [{"name": "training.fail", "reason": "bad data", "times": 2, "seconds": 5}]
    assert switches["iam.young"] == 3
    assert switches["tags.linger"] == 600


def test_a_fault_that_there_is_not_is_refused_with_those_there_are() -> None:
    done = local_aws("fault", "add", "training.typo")
    assert done.returncode == 2
    assert "training.hang" in done.stderr


def test_a_fault_that_would_never_strike_is_refused() -> None:
    done = local_aws("fault", "add", "training.fail", "--times", "0")
    assert done.returncode == 2
    assert "'0' must be a whole number from 1 on" in done.stderr


def test_a_fault_without_an_instance_says_how_to_start_one(tmp_path: Path) -> None:
    done = local_aws("fault", "list", cwd=tmp_path)
    assert done.returncode == 1
    assert "start one with `python -m local_aws up`" in done.stderr
