"""The data of the channels: copied by the start function, or checked where it is."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from stacks.training_job.handlers import channels, denials, start
from stacks.training_job.handlers.denials import StartError
from tests.support.training_job_world import S3, World, error, event


def listed(world: World, files: list[tuple[str, str]]) -> Any:
    """A Create whose data is a list of files."""
    world.objects["staging", "list"] = json.dumps(files)
    request = event("Create")
    folder = {"SourceBucket": "staging", "SourceList": "list", "Folder": "lda/data/2/"}
    request["ResourceProperties"]["Data"] = [folder]
    return request


def test_data_that_is_staged_is_not_copied_again(world: World) -> None:
    world.objects["bucket", "lda/data/1/train"] = "training data"
    start.handler(event("Create"), None)
    assert world.copies == []


def test_all_files_of_a_list_are_staged_into_the_folder_of_their_channel(world: World) -> None:
    names = [f"part-{number:05}" for number in range(20)]
    for name in names:
        world.objects["staging", f"digest of {name}"] = f"data of {name}"
    world.objects["bucket", "lda/data/2/part-00003"] = "data of part-00003"
    start.handler(listed(world, [(f"digest of {name}", name) for name in names]), None)
    folder = {key: data for (_, key), data in world.objects.items() if "data/2/" in key}
    assert folder == {f"lda/data/2/{name}": f"data of {name}" for name in names}
    assert len(world.copies) == 19
    assert len(world.jobs) == 1


def test_a_file_of_a_list_that_is_gone_starts_no_job(world: World) -> None:
    with pytest.raises(StartError, match=r"s3://staging/x can't be copied .* again"):
        start.handler(listed(world, [("train", "y"), ("x", "z")]), None)
    assert world.jobs == {}


def test_a_list_that_is_gone_is_named_with_what_brings_it_back(world: World) -> None:
    request = listed(world, [("train", "y")])
    del world.objects["staging", "list"]
    gone = r"list of data files s3://staging/list can't be read: .*NoSuchKey.* deploy again"
    with pytest.raises(StartError, match=gone):
        start.handler(request, None)


def test_a_permission_that_is_missing_for_all_files_is_waited_for_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a function that copies a thousand files runs into its time limit."""

    def deny(*_: Any, **__: Any) -> None:
        raise error("AccessDenied", "no")

    monkeypatch.setattr(S3, "list_objects_v2", deny)
    request = listed(world, [("train", str(number)) for number in range(100)])
    with pytest.raises(StartError, match=r"can't be copied .* \(tried for 120 s\)"):
        channels.prepare(request["ResourceProperties"]["Data"][0], "bucket")
    assert sum(world.slept) <= denials.PERMISSION_SECONDS


def test_data_that_is_gone_is_named_with_what_brings_it_back(world: World) -> None:
    del world.objects["staging", "train"]
    gone = r"data file s3://staging/train can't be copied .*Not Found.* deploy again"
    with pytest.raises(StartError, match=gone):
        start.handler(event("Create"), None)
    assert world.jobs == {}


FILES = {f"part-{number:05}.recordio": f"data of {number}" for number in range(5)}


def digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


@pytest.fixture
def in_place(world: World) -> Any:
    """A Create whose data is in place, in a folder of another bucket."""
    for name, content in FILES.items():
        world.put("corpora", f"news/train/{name}", content)
    entries = [[name, len(content), digest(content)] for name, content in FILES.items()]
    world.objects["staging", "list"] = json.dumps(entries)
    request = event("Create")
    item = {"SourceBucket": "staging", "SourceList": "list", "InPlace": "s3://corpora/news/train/"}
    request["ResourceProperties"]["Data"] = [item]
    return request


def test_data_in_place_is_not_copied(world: World, in_place: Any) -> None:
    start.handler(in_place, None)
    assert world.copies == []
    assert len(world.jobs) == 1


def test_what_lies_beside_the_folder_and_its_marker_do_not_matter(
    world: World, in_place: Any
) -> None:
    world.put("corpora", "news/train/", "")
    world.put("corpora", "news/manifest.json", "{}")
    world.put("corpora", "news/training/part-00000.recordio", "x")
    start.handler(in_place, None)
    assert len(world.jobs) == 1


def remove(world: World, key: str) -> None:
    del world.objects["corpora", key]


def change(world: World, key: str) -> None:
    world.put("corpora", key, world.objects["corpora", key].replace("data", "DATA"))


def truncate(world: World, key: str) -> None:
    world.put("corpora", key, world.objects["corpora", key][:-1])


def copy_beside(world: World, key: str) -> None:
    world.put("corpora", f"{key}.bak", "x")


def write_without_checksum(world: World, key: str) -> None:
    del world.checksums["corpora", key]


def write_in_parts(world: World, key: str) -> None:
    world.checksums["corpora", key] += "-2"


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (remove, r"part-00003.recordio is missing\."),
        (change, r"part-00003.recordio has another SHA-256 than the manifest says\."),
        (truncate, r"part-00003.recordio has another size than the manifest says\."),
        (copy_beside, r"part-00003.recordio.bak is not in the manifest\."),
        (write_without_checksum, r"part-00003.recordio has no SHA-256 of the whole object"),
        (write_in_parts, r"part-00003.recordio has no SHA-256 of the whole object"),
    ],
)
def test_data_in_place_that_is_not_as_listed_starts_no_job(
    world: World, in_place: Any, damage: Callable[[World, str], None], problem: str
) -> None:
    damage(world, "news/train/part-00003.recordio")
    with pytest.raises(StartError, match=f"data file s3://corpora/news/train/{problem}"):
        start.handler(in_place, None)
    assert world.jobs == {}


def test_of_many_wrong_files_one_is_named_and_the_others_are_counted(
    world: World, in_place: Any
) -> None:
    for name in list(FILES)[1:]:
        remove(world, f"news/train/{name}")
    wanted = r"part-00001.recordio is missing \(and 3 more files\)\. Write .* deploy again"
    with pytest.raises(StartError, match=wanted):
        start.handler(in_place, None)


def test_a_single_file_in_place_has_no_other_beside_it_that_begins_like_it(world: World) -> None:
    """A job would read it too: the address is a prefix."""
    world.put("corpora", "news/train.recordio", "data")
    world.objects["staging", "list"] = json.dumps([["", 4, digest("data")]])
    address = "s3://corpora/news/train.recordio"
    item = {"SourceBucket": "staging", "SourceList": "list", "InPlace": address}
    channels.prepare(item, "bucket")
    world.put("corpora", "news/train.recordio.old", "x")
    with pytest.raises(StartError, match=r"train.recordio.old is not in the manifest"):
        channels.prepare(item, "bucket")


@pytest.mark.parametrize(("method", "act"), [("get_paginator", "listed"), ("head_object", "read")])
def test_data_in_place_that_may_not_be_seen_is_waited_for_once_and_named(
    world: World, in_place: Any, monkeypatch: pytest.MonkeyPatch, method: str, act: str
) -> None:
    def deny(*_: Any, **__: Any) -> None:
        raise error("AccessDenied", "no")

    monkeypatch.setattr(S3, method, deny)
    with pytest.raises(StartError, match=rf"s3://corpora/news/train/.* can't be {act}: .*no"):
        channels.prepare(in_place["ResourceProperties"]["Data"][0], "bucket")
    assert sum(world.slept) <= denials.PERMISSION_SECONDS
