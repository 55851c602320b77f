"""The life of an instance: what is its own, what ends with it, and what it leaves alone."""

import io
import json
import os
import signal
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local_aws import instance
from tests.support.waiting import wait_for

from .conftest import Cloud, allow
from .test_cli import PROJECT, local_aws

# A function that starts a process, says which the two are, and does not end.
CODE = """
import os, subprocess, time

def handler(event, context):
    child = subprocess.Popen(["sleep", "600"])
    partial = event["file"] + ".partial"
    with open(partial, "w") as file:
        file.write(f"{os.getpid()} {child.pid}")
    os.rename(partial, event["file"])
    time.sleep(600)
"""


@contextmanager
def up(place: Path) -> Iterator[instance.Instance]:
    """An instance that stays, of `.local_aws` in `place`, by the command."""
    done = local_aws("up", cwd=place)
    assert done.returncode == 0, done.stderr
    try:
        yield instance.find(place / ".local_aws")
    finally:
        local_aws("down", cwd=place)


def run_function(cloud: Cloud, file: Path) -> list[int]:
    """Let a function run; the processes that it is."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("index.py", CODE)
    functions = cloud.client("lambda")
    functions.create_function(
        FunctionName="long",
        Runtime="python3.11",
        Handler="index.handler",
        Role=cloud.make_role("Long", allow("*"), service="lambda"),
        Code={"ZipFile": archive.getvalue()},
        Timeout=600,
    )
    payload = json.dumps({"file": str(file)})
    functions.invoke(FunctionName="long", InvocationType="Event", Payload=payload)
    wait_for(file.exists, "the function did not start")
    return [int(number) for number in file.read_text().split()]


def alive(pid: int) -> bool:
    """Whether it runs; what waits to be asked for its exit code does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def bystander() -> Iterator[int]:
    """A process group that is no instance's."""
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as process:
        yield process.pid
        assert process.poll() is None, "a process that is not the instance's was ended"
        process.kill()


@pytest.mark.parametrize("locked_before", [False, True])
def test_a_description_that_names_another_process_ends_nothing(
    locked_before: bool, bystander: int, tmp_path: Path
) -> None:
    forged = {"folder": str(tmp_path), "port": 1, "pid": bystander}
    (tmp_path / "instance.json").write_text(json.dumps(forged))
    if locked_before:
        (tmp_path / "server.pid").write_text(str(bystander))
    with pytest.raises(instance.InstanceError, match="no embedded AWS runs"):
        instance.find(tmp_path)


def test_functions_end_with_a_server_that_is_killed_and_it_counts_as_gone(tmp_path: Path) -> None:
    with up(tmp_path) as started:
        functions = run_function(Cloud(started.environment()), tmp_path / "pids")
        assert all(map(alive, functions))
        os.kill(started.pid, signal.SIGKILL)
        wait_for(lambda: not any(map(alive, functions)), "a function outlived its server", 10)
        folder = Path(started.folder)
        wait_for(lambda: not instance._lives(folder), "its lock is still held", 10)
        with pytest.raises(instance.InstanceError, match="no embedded AWS runs"):
            instance.find(folder)
        with up(tmp_path) as another:
            assert another.secret != started.secret


def test_nothing_is_left_of_a_run_that_is_killed_while_a_function_runs(tmp_path: Path) -> None:
    script = (
        "from local_aws import instance\n"
        "import json, time\n"
        "with instance.running() as started:\n"
        "    print(json.dumps(started.environment()), flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=PROJECT,
        env=instance.without_aws(dict(os.environ)) | {"PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as caller:
        assert caller.stdout is not None
        environment = json.loads(caller.stdout.readline())
        folder = Path(environment["AWS_CA_BUNDLE"]).parent
        functions = run_function(Cloud(environment), tmp_path / "pids")
        caller.kill()
    wait_for(lambda: not any(map(alive, functions)), "a function outlived the run", 30)
    wait_for(lambda: not folder.exists(), "the folder with the key is still there", 30)


def test_a_second_server_in_a_folder_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    with up(tmp_path) as started:
        folder = Path(started.folder)
        with pytest.raises(instance.InstanceError, match=r"runs in .* already"):
            instance.start(folder)
        assert instance.find(folder) == started


def test_a_folder_that_is_there_is_closed_and_its_links_are_not_followed(tmp_path: Path) -> None:
    folder, outside = tmp_path / ".local_aws", tmp_path / "outside"
    folder.mkdir(mode=0o755)
    outside.write_text("mine")
    for name in ("key.pem", "certificate.pem", "server.log", "instance.json", "server.pid"):
        (folder / name).symlink_to(outside)
    with up(tmp_path):
        assert folder.stat().st_mode & 0o777 == 0o700
        modes = {file.name: file.lstat().st_mode for file in folder.rglob("*")}
        assert "instance.json" in modes
        assert [name for name, mode in modes.items() if stat.S_ISLNK(mode) or mode & 0o077] == []
    assert outside.read_text() == "mine"


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_folder_that_is_a_link_or_a_file_is_refused(kind: str, tmp_path: Path) -> None:
    place = tmp_path / "instance"
    if kind == "link":
        (tmp_path / "elsewhere").mkdir()
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.touch()
    with pytest.raises(instance.InstanceError, match="must be a folder of your own, not a link"):
        instance.start(place)


def test_all_that_ministack_keeps_is_within_the_folder(tmp_path: Path) -> None:
    kept = instance.server_environment(tmp_path, 1)
    for name in ("STATE_DIR", "S3_DATA_DIR", "TMPDIR"):
        assert Path(kept[name]).is_relative_to(tmp_path)


def test_the_secret_of_an_instance_is_not_shown_with_it(tmp_path: Path) -> None:
    assert "hush" not in repr(instance.Instance(str(tmp_path), 1, 1, "hush"))
