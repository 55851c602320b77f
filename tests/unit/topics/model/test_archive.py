"""The model file: bytes of the NDArray list, and the archive around it."""

import contextlib
import gzip
import io
import struct
import tarfile
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.exceptions import ClientError

from topics.model import ndarray, tar_member
from topics.model.archive import ArtifactError, Model, decode, encode, load, save

# The bytes of mx.nd.save([alpha, beta]) in MXNet 1.9.1; the conformance test holds that.
HEAD = "1201000000000000 0000000000000000 0200000000000000"
ALPHA = "0000003f 0000c03f"  # 0.5, 1.5
BETA = "0000003f 0000803e 0000803e 00000000 0000003f 0000003f"  # 0.5 0.25 0.25, 0 0.5 0.5
CPU_FLOAT32 = "01000000 00000000 00000000"
NO_NAMES = "0000000000000000"
V2 = (
    f"{HEAD} c9fa93f9 00000000 01000000 0200000000000000 {CPU_FLOAT32} {ALPHA}"
    f"c9fa93f9 00000000 02000000 0200000000000000 0300000000000000 {CPU_FLOAT32} {BETA} {NO_NAMES}"
)
V1 = (
    f"{HEAD} c8fa93f9 01000000 0200000000000000 {CPU_FLOAT32} {ALPHA}"
    f"c8fa93f9 02000000 0200000000000000 0300000000000000 {CPU_FLOAT32} {BETA} {NO_NAMES}"
)
V0 = (
    f"{HEAD} 01000000 02000000 {CPU_FLOAT32} {ALPHA}"
    f"02000000 02000000 03000000 {CPU_FLOAT32} {BETA} {NO_NAMES}"
)
MODEL = Model(np.array([0.5, 1.5]), np.array([[0.5, 0.25, 0.25], [0, 0.5, 0.5]]))


def same(one: Model, other: Model) -> bool:
    return np.array_equal(one.alpha, other.alpha) and np.array_equal(one.beta, other.beta)


def packed(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for member, content in members:
            member.size = member.size or len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
    return info


def load_bytes(content: bytes, folder: Path) -> Model:
    (folder / "model.tar.gz").write_bytes(content)
    return load(str(folder / "model.tar.gz"))


def test_the_bytes_are_those_of_mxnet() -> None:
    assert encode(MODEL).hex() == bytes.fromhex(V2).hex()


@pytest.mark.parametrize(
    "layout", [V0, V1, V2, V2.replace("c9fa93f9", "cafa93f9")], ids=["V0", "V1", "V2", "V3"]
)
def test_all_layouts_of_mxnet_are_read(layout: str) -> None:
    assert same(decode(bytes.fromhex(layout), "it"), MODEL)


@pytest.mark.parametrize(("code", "dtype"), [("01", "<f8"), ("02", "<f2")])
def test_double_and_half_precision_are_read(code: str, dtype: str) -> None:
    layout = V2.replace(CPU_FLOAT32, CPU_FLOAT32[:-8] + f"{code}000000")
    layout = layout.replace(ALPHA, MODEL.alpha.astype(dtype).tobytes().hex())
    layout = layout.replace(BETA, MODEL.beta.astype(dtype).tobytes().hex())
    assert same(decode(bytes.fromhex(layout), "it"), MODEL)


def test_rows_of_beta_are_brought_to_sum_1() -> None:
    doubled = V2.replace(BETA, (2 * MODEL.beta).astype("<f4").tobytes().hex())
    assert same(decode(bytes.fromhex(doubled), "it"), MODEL)


def test_every_truncation_is_refused() -> None:
    content = bytes.fromhex(V2)
    for size in range(len(content)):
        with pytest.raises(ArtifactError, match="it: the model ends early"):
            decode(content[:size], "it")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1201", "1301", "magic is 0x113"),
        ("0200000000000000", "0300000000000000", "3 arrays"),
        ("c9fa93f9 00000000", "c9fa93f9 01000000", "storage type 1"),
        ("c9fa93f9 00000000 01000000", "c9fa93f9 00000000 00000000", "0 dimensions"),
        ("01000000 0200000000000000", "01000000 0000000000000000", r"the shape \(0,\)"),
        ("01000000 0200000000000000", "01000000 ffffffffffffffff", r"the shape \(-1,\)"),
        ("01000000 0200000000000000", "01000000 ffffffffffffff7f", "ends early: 368934881474"),
        ("00000000 00000000 0000003f", "00000000 04000000 0000003f", "element type 4"),
        (NO_NAMES, "0100000000000000", "1 names and 0 bytes after"),
        (NO_NAMES, NO_NAMES + "00", "0 names and 1 bytes after"),
        (ALPHA, "0000003f 00000000", "alpha must be finite and positive"),
        (ALPHA, "0000003f 0000c07f", "alpha must be finite and positive"),
        (BETA, BETA.replace("0000803e", "0000c07f"), "beta must be finite and not negative"),
        (BETA, BETA.replace("0000803e", "0100807f"), "beta must be finite and not negative"),
        (BETA, BETA.replace("0000803e", "000080be"), "beta must be finite and not negative"),
        (BETA, BETA[:27] + "00000000" * 3, "topic 1 gives no word a probability"),
    ],
)
def test_what_is_no_model_is_refused(old: str, new: str, message: str) -> None:
    content = new.join(V2.rsplit(old, 1)) if old == NO_NAMES else V2.replace(old, new, 1)
    assert content != V2
    with pytest.raises(ArtifactError, match=message):
        decode(bytes.fromhex(content), "it")


def test_alpha_and_beta_must_have_as_many_topics() -> None:
    three = Model(np.ones(3), MODEL.beta)
    with pytest.raises(ArtifactError, match=r"alpha has the shape \(3,\) and beta \(2, 3\)"):
        decode(encode(three), "it")


def test_a_saved_model_is_loaded_again(tmp_path: Path) -> None:
    save(MODEL, tmp_path / "model.tar.gz")
    assert same(load(str(tmp_path / "model.tar.gz")), MODEL)


def test_the_same_model_gives_the_same_archive_with_nothing_of_this_machine(
    tmp_path: Path,
) -> None:
    for name in ("one.tar.gz", "other.tar.gz"):
        save(MODEL, tmp_path / name)
    content = (tmp_path / "one.tar.gz").read_bytes()
    assert content == (tmp_path / "other.tar.gz").read_bytes()
    assert content[:8].hex() == "1f8b080000000000"  # no flags, so no file name; time 0
    with tarfile.open(tmp_path / "one.tar.gz") as archive:
        (only,) = archive
    assert (only.name, only.mtime, only.uid, only.uname, only.mode) == (
        "model_algo-1",
        0,
        0,
        "",
        0o644,
    )


def test_other_members_are_passed_over(tmp_path: Path) -> None:
    content = packed(
        (member("a_folder", tarfile.DIRTYPE), b""),
        (member("notes.txt"), b"x" * 700),
        (member("a_link", tarfile.SYMTYPE), b""),
        (member("model_algo-1"), encode(MODEL)),
    )
    assert same(load_bytes(content, tmp_path), MODEL)


@pytest.mark.parametrize("name", ["../model_algo-1", "/model_algo-1", "sub/model_algo-1"])
def test_a_member_with_a_path_is_not_taken(name: str, tmp_path: Path) -> None:
    content = packed((member(name), encode(MODEL)))
    with pytest.raises(ArtifactError, match=rf"no file named model_.* it holds '{name}'"):
        load_bytes(content, tmp_path)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_a_member_that_is_no_regular_file_is_refused(kind: bytes, tmp_path: Path) -> None:
    content = packed((member("model_algo-1", kind), b""))
    with pytest.raises(ArtifactError, match="'model_algo-1' is not a regular file"):
        load_bytes(content, tmp_path)


@pytest.mark.parametrize("name", ["model_algo-1", "other"])
def test_what_unpacks_to_too_much_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tar_member, "MAX_MODEL_BYTES", 10_000)
    content = packed((member(name), bytes(10_000)), (member("model_algo-1"), encode(MODEL)))
    with pytest.raises(ArtifactError, match="unpacks to more than 10000 bytes"):
        load_bytes(content, tmp_path)


def test_a_declared_size_is_not_believed(tmp_path: Path) -> None:
    """A header that claims 8 GiB is refused at once; one that claims too much for the file too."""
    for size, message in ((0o77777777777, "unpacks to more"), (1 << 20, "ends early")):
        header = member("model_algo-1")
        header.size = size
        content = gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + encode(MODEL))
        with pytest.raises(ArtifactError, match=message):
            load_bytes(content, tmp_path)


ARCHIVE = packed((member("model_algo-1"), encode(MODEL)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no file named model_.* it is empty"),
        (gzip.compress(gzip.decompress(ARCHIVE)[:500], mtime=0), "ends early, 12 bytes"),
        (b"no gzip", "not a model.tar.gz: Not a gzipped file"),
        (ARCHIVE[:-20], "not a model.tar.gz: Compressed file ended"),
        (ARCHIVE[:-8] + bytes(4) + ARCHIVE[-4:], "not a model.tar.gz: CRC check failed"),
        (ARCHIVE[:30] + b"\xff\xff" + ARCHIVE[32:], "not a model.tar.gz: Error -3"),
        (gzip.compress(b"no tar", mtime=0), "the archive ends early, 506 bytes are missing"),
        (gzip.compress(b"no tar" * 100, mtime=0), "not a model.tar.gz: b'ar.*is not a number"),
        (gzip.compress(bytes(1024), mtime=0), "no file named model_.* it is empty"),
    ],
)
def test_what_is_no_archive_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=message):
        load_bytes(content, tmp_path)


def test_damaged_headers_never_cause_another_exception(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    archive = bytearray(gzip.decompress(ARCHIVE))
    for _ in range(500):
        damaged = archive.copy()
        for position in rng.integers(0, 512, 3):
            damaged[position] = rng.integers(256)
        damaged[148:156] = b" " * 8
        damaged[148:156] = b"%06o\0 " % sum(damaged[:512])
        with contextlib.suppress(ArtifactError):
            load_bytes(gzip.compress(damaged, 1), tmp_path)


def test_a_topic_that_adds_up_to_more_than_a_double_holds_is_refused() -> None:
    array = struct.pack("<IiIqqiii", 0xF993FAC9, 0, 2, 1, 2, 1, 0, 1)
    alpha = struct.pack("<IiIqiiid", 0xF993FAC9, 0, 1, 1, 1, 0, 1, 0.5)
    content = struct.pack("<QQQ", 0x112, 0, 2) + alpha + array + struct.pack("<dd", 1e308, 1e308)
    with pytest.raises(ArtifactError, match="topic 0 adds up to inf"):
        decode(content + bytes(8), "model")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"none\.tar\.gz: No such file or directory"):
        load(str(tmp_path / "none.tar.gz"))


class FakeS3:
    """Answers get_object from a dict."""

    def __init__(self, objects: dict[tuple[str, str], bytes]) -> None:
        self.objects = objects

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        if (Bucket, Key) not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Bucket, Key])}


def test_a_model_is_loaded_from_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = FakeS3({("bucket", "a/b/model.tar.gz"): ARCHIVE})
    monkeypatch.setattr(boto3, "client", {"s3": s3}.__getitem__)
    assert same(load("s3://bucket/a/b/model.tar.gz"), MODEL)
    with pytest.raises(ArtifactError, match=r"s3://bucket/none: .*NoSuchKey"):
        load("s3://bucket/none")


@pytest.mark.parametrize("address", ["s3://", "s3://bucket", "s3://bucket/", "s3:///key"])
def test_an_address_in_s3_must_be_whole(address: str) -> None:
    with pytest.raises(ArtifactError, match="has the form s3://BUCKET/KEY"):
        load(address)


# --- archives that are more than they seem


def test_what_packs_to_almost_nothing_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tar_member, "SMALL_BYTES", 100_000)
    for name in ("model_algo-1", "other"):
        content = packed((member(name), bytes(1_000_000)), (member("model_algo-1"), encode(MODEL)))
        with pytest.raises(ArtifactError, match="does not pack to less than 1/100 of its size"):
            load_bytes(content, tmp_path)


def test_a_model_of_many_zeros_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine words of ten have no probability in a topic, more than any fit gives."""
    monkeypatch.setattr(tar_member, "SMALL_BYTES", 0)
    rng = np.random.default_rng(0)
    beta = rng.random((10, 20_000)) * (rng.random((10, 20_000)) < 0.1)
    save(Model(np.ones(10), beta), tmp_path / "model.tar.gz")
    assert load(str(tmp_path / "model.tar.gz")).beta.shape == (10, 20_000)


@pytest.mark.parametrize("code", [0, 1, 2])
def test_an_array_of_too_many_numbers_is_refused_whatever_their_size(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ndarray, "MAX_ELEMENTS", 5)
    dtype = ndarray._DTYPES[code]
    kind = f"{code:02}000000"
    layout = V2.replace(CPU_FLOAT32, CPU_FLOAT32[:-8] + kind)
    layout = layout.replace(ALPHA, MODEL.alpha.astype(dtype).tobytes().hex())
    layout = layout.replace(BETA, MODEL.beta.astype(dtype).tobytes().hex())
    with pytest.raises(ArtifactError, match="an array of 6 numbers; at most 5 are allowed"):
        decode(bytes.fromhex(layout), "it")


@pytest.mark.parametrize(
    "second",
    [
        "model_algo-1",
        "model_other",
        "./model_algo-1",
        ".//model_algo-1",
        "/model_algo-1",
        "../model_algo-1",
        "folder/../model_algo-1",
        "./model_other",
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_an_archive_that_could_be_two_models_is_refused(
    second: str, before: bool, tmp_path: Path
) -> None:
    members = [(member("model_algo-1"), encode(MODEL)), (member(second), encode(MODEL))]
    content = packed(*(reversed(members) if before else members))
    with pytest.raises(ArtifactError, match="two models, "):
        load_bytes(content, tmp_path)


def test_the_same_name_twice_is_refused_though_one_is_no_model(tmp_path: Path) -> None:
    """Programs differ in which of the two they leave."""
    content = packed((member("model_algo-1"), b"{}"), (member("./model_algo-1"), encode(MODEL)))
    with pytest.raises(ArtifactError, match="two models, the second is '\\./model_algo-1'"):
        load_bytes(content, tmp_path)


@pytest.mark.parametrize("other", ["model_config.json", "model_aaa", "./model_z"])
@pytest.mark.parametrize("is_first", [True, False])
def test_files_that_are_no_models_are_passed_over_wherever_they_stand(
    other: str, is_first: bool, tmp_path: Path
) -> None:
    members = [(member(other), b"{}"), (member("model_algo-1"), encode(MODEL))]
    content = packed(*(reversed(members) if is_first else members))
    assert same(load_bytes(content, tmp_path), MODEL)


@pytest.mark.parametrize("name", ["./model_algo-1", "././model_algo-1", "./model_other"])
def test_the_folder_itself_in_front_of_a_name_is_nothing(name: str, tmp_path: Path) -> None:
    content = packed((member("./", tarfile.DIRTYPE), b""), (member(name), encode(MODEL)))
    assert same(load_bytes(content, tmp_path), MODEL)


def test_a_second_model_behind_a_link_is_refused(tmp_path: Path) -> None:
    link = member("folder", tarfile.SYMTYPE)
    link.linkname = "."
    model = (member("model_algo-1"), encode(MODEL))
    content = packed(model, (link, b""), (member("folder/model_algo-1"), encode(MODEL)))
    with pytest.raises(ArtifactError, match="two models, the second is 'folder/model_algo-1'"):
        load_bytes(content, tmp_path)


def extended(**headers: str) -> bytes:
    """An archive of a model with an extended header before it."""
    info = member("model_algo-1")
    info.pax_headers = headers
    return packed((info, encode(MODEL)))


@pytest.mark.parametrize(
    "headers",
    [
        {"path": "model_algo-1"},
        {"path": "other"},
        {"size": "7"},
        {"linkpath": "x"},
        {"GNU.sparse.name": "other"},
        {"hdrcharset": "BINARY"},
    ],
)
def test_an_extended_header_that_renames_or_resizes_is_refused(
    headers: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(ArtifactError, match="not every program would read the same model"):
        load_bytes(extended(**headers), tmp_path)


FORMATS = [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]


def with_long_names(format_: int, *names: str) -> bytes:
    """An archive with a link of a long target, empty files, and the model in the middle."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz", format=format_) as archive:
        link = member("link", tarfile.SYMTYPE)
        link.linkname = "far/" * 30
        for info in (link, *map(member, names)):
            archive.addfile(info)
        model = member("model_algo-1")
        model.size = len(encode(MODEL))
        archive.addfile(model, io.BytesIO(encode(MODEL)))
        archive.addfile(member("sources/" * 20 + "inference.py"))
    return content.getvalue()


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("name", ["code/" * 30 + "f.py", "r\xe9sum\xe9.txt", "\udcff"])
def test_long_and_foreign_names_of_other_members_pass(
    format_: int, name: str, tmp_path: Path
) -> None:
    assert same(load_bytes(with_long_names(format_, name), tmp_path), MODEL)


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("name", ["./" * 60 + "model_other", "model_" + "o" * 120])
def test_a_model_that_only_an_extended_header_names_is_refused(
    format_: int, name: str, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactError, match="not every program would read the same model"):
        load_bytes(with_long_names(format_, name), tmp_path)


def test_an_archive_may_end_without_zeros(tmp_path: Path) -> None:
    """As GNU tar and Python's tarfile take it; gzip's checksum tells that nothing is cut off."""
    content = gzip.decompress(ARCHIVE)
    end = 512 + -(-len(encode(MODEL)) // 512) * 512
    assert same(load_bytes(gzip.compress(content[:end]), tmp_path), MODEL)


def test_extended_headers_of_times_and_attributes_pass(tmp_path: Path) -> None:
    """Python's own tarfile writes them for every file that it adds."""
    (tmp_path / "model_algo-1").write_bytes(encode(MODEL))
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "model_algo-1", "model_algo-1")
    assert b" mtime=" in gzip.decompress((tmp_path / "model.tar.gz").read_bytes())
    assert same(load(str(tmp_path / "model.tar.gz")), MODEL)
    headers = {"LIBARCHIVE.xattr.com.apple.provenance": "AQA", "comment": "x"}
    assert same(load_bytes(extended(**headers), tmp_path), MODEL)


@pytest.mark.parametrize(
    "content", [b"x", b"9 a=b", b"99 mtime=1\n", b"0 mtime=1\n", b"1" * 5000, b"11 mtime=1\nx"]
)
def test_a_damaged_extended_header_is_refused(content: bytes, tmp_path: Path) -> None:
    header = member("pax", b"x")
    with pytest.raises(ArtifactError, match="extended header"):
        load_bytes(packed((header, content), (member("model_algo-1"), encode(MODEL))), tmp_path)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_SPARSE, b"Z"])
def test_members_of_unusual_kinds_are_refused(kind: bytes, tmp_path: Path) -> None:
    content = packed((member("other", kind), b"x"), (member("model_algo-1"), encode(MODEL)))
    with pytest.raises(ArtifactError, match="'other' is of the unusual kind"):
        load_bytes(content, tmp_path)


def test_what_follows_the_end_of_the_archive_is_refused(tmp_path: Path) -> None:
    """A program that ignores the zeros between would find a second model."""
    both = gzip.decompress(ARCHIVE) + gzip.decompress(ARCHIVE)
    with pytest.raises(ArtifactError, match="something follows the end of the archive"):
        load_bytes(gzip.compress(both, 1), tmp_path)
