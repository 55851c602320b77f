"""Files that take another's place, and folders that one run at a time writes to."""

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data_prep.files import replacing, staging
from data_prep.sample import write_sample
from topics.commands.outputs import output
from topics.model import archive


def write(path: Path, content: bytes) -> None:
    with replacing(path) as stream:
        stream.write(content)


def test_a_file_is_there_once_it_is_whole_and_alone(tmp_path: Path) -> None:
    file = tmp_path / "model"
    file.write_bytes(b"old")
    with replacing(file) as stream:
        stream.write(b"new")
        stream.flush()
        assert file.read_bytes() == b"old"
    assert file.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [file]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "model"
    file.write_bytes(b"old")
    with pytest.raises(TypeError), replacing(file) as stream:
        stream.writelines([b"new", 1])  # type: ignore[list-item]
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_leaves_the_old_file_and_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system says that of no file, and often only when all is to reach the disk."""
    file = tmp_path / "model"
    file.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write(file, b"new")
    assert caught.value.filename == str(file)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_missing_is_told_by_the_name_that_was_given(tmp_path: Path) -> None:
    file = tmp_path / "missing" / "model"
    with pytest.raises(FileNotFoundError) as caught:
        write(file, b"new")
    assert caught.value.filename == str(file)


def test_the_partial_file_has_another_name_each_time_and_is_new(tmp_path: Path) -> None:
    names = set()
    for _ in range(3):
        with replacing(tmp_path / "model") as stream:
            (name,) = {each.name for each in tmp_path.iterdir()} - {"model"}
            names.add(name)
            stream.write(b"new")
    assert len(names) == 3


def test_a_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    write(tmp_path / "model", b"new")
    (tmp_path / "plain").touch()
    assert (tmp_path / "model").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path, exists: bool) -> None:
    other = tmp_path / "other"
    if exists:
        other.write_bytes(b"other")
    (tmp_path / "model").symlink_to(other)
    write(tmp_path / "model", b"new")
    assert not (tmp_path / "model").is_symlink()
    assert (tmp_path / "model").read_bytes() == b"new"
    assert other.exists() == exists
    if exists:
        assert other.read_bytes() == b"other"


def test_a_link_to_a_device_is_replaced_too(tmp_path: Path) -> None:
    (tmp_path / "model").symlink_to("/dev/null")
    write(tmp_path / "model", b"new")
    assert (tmp_path / "model").read_bytes() == b"new"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        write(pipe, b"new")
        assert reader.communicate()[0] == b"new"
    assert pipe.is_fifo()


def test_standard_output_by_its_name_is_not_replaced(tmp_path: Path) -> None:
    code = "from pathlib import Path; from data_prep.files import replacing\n"
    code += "with replacing(Path('/dev/stdout')) as stream: stream.write(b'new')"
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (tmp_path / "out").read_bytes() == b"new"
    assert Path("/dev/stdout").is_symlink()


def test_what_a_killed_run_left_of_the_file_goes_and_all_else_stays(tmp_path: Path) -> None:
    left = tmp_path / ".model.0123456789abcdef.partial"
    left.touch()
    others = [".other.0123456789abcdef.partial", ".model.partial.txt", "model.partial", "target"]
    for name in others:
        (tmp_path / name).touch()
    link = tmp_path / ".model.link.partial"
    link.symlink_to(tmp_path / "target")
    write(tmp_path / "model", b"new")
    assert {each.name for each in tmp_path.iterdir()} == {*others, link.name, "model"}


def test_what_another_run_is_writing_stays(tmp_path: Path) -> None:
    file = tmp_path / "model"
    with replacing(file) as first:
        first.write(b"first")
        write(file, b"second")
        assert file.read_bytes() == b"second"
    assert file.read_bytes() == b"first"


def test_a_pipe_among_what_was_left_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".model.0.partial")
    write(tmp_path / "model", b"new")
    assert (tmp_path / "model").read_bytes() == b"new"


def fit(path: Path) -> None:
    archive.save(archive.Model(np.ones(1), np.ones((1, 1))), path)


def infer(path: Path) -> None:
    with output(path) as stream:
        stream.write("new")


@pytest.mark.parametrize("act", [fit, infer])
def test_commands_leave_the_old_file_when_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[Path], None]
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    file = tmp_path / "old"
    file.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        act(file)
    assert file.read_bytes() == b"old"


def test_a_second_run_into_a_folder_is_told(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with staging(out) as staged:
        with pytest.raises(OSError, match="another run is writing") as caught, staging(out):
            pass
        assert staged.exists()
    assert caught.value.filename == str(out)
    with staging(out):
        pass
    assert list(out.iterdir()) == []


def test_a_sample_is_not_written_where_another_run_writes(tmp_path: Path) -> None:
    with staging(tmp_path), pytest.raises(OSError, match="another run is writing"):
        write_sample(tmp_path, documents=1, topics=1)


def test_a_folder_of_a_killed_run_is_swept(tmp_path: Path) -> None:
    left = tmp_path / ".partial-abc"
    left.mkdir()
    (left / "train.recordio").write_bytes(b"half")
    with staging(tmp_path):
        assert not left.exists()


def test_a_killed_run_leaves_no_lock(tmp_path: Path) -> None:
    code = "import os, sys; from pathlib import Path; from data_prep.files import staging\n"
    code += f"with staging(Path({str(tmp_path)!r})): os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert len(list(tmp_path.glob(".partial-*"))) == 1
    with staging(tmp_path) as staged:
        assert list(tmp_path.iterdir()) == [staged]


def test_a_link_in_place_of_a_partial_folder_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "file").touch()
    out = tmp_path / "out"
    out.mkdir()
    (out / ".partial-abc").symlink_to(target)
    with staging(out):
        pass
    assert (target / "file").exists()


def test_where_folders_can_not_be_locked_nothing_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on some network file systems."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    (tmp_path / ".partial-abc").mkdir()
    with staging(tmp_path) as staged:
        assert staged.exists()
    assert (tmp_path / ".partial-abc").exists()
