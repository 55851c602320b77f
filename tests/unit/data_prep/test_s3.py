import pytest

from data_prep.__main__ import main
from data_prep.errors import InputError
from data_prep.s3 import S3Folder


def test_a_slash_at_the_end_makes_no_difference() -> None:
    assert S3Folder.parse("s3://my.bucket-1/a/b/") == S3Folder("my.bucket-1", "a/b")
    assert str(S3Folder.parse("s3://my.bucket-1/a/b/")) == "s3://my.bucket-1/a/b"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "s3://",
        "s3:/bucket/x",
        "s3://bucket",
        "s3://bucket/",
        "s3://bucket//x",
        "s3://bucket/x//",
        "s3://bucket/../x",
        "s3://bucket/x/.",
        "s3://bucket/*",
        "s3://bucket/a?b",
        "s3://bucket/${aws:username}",
        "s3://Bucket/x",
        "s3://b/x",
        "s3://bucket/a b",
        "s3://bucket/x\n",
        "https://bucket/x",
    ],
)
def test_what_is_no_address_of_a_folder_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="must be s3://BUCKET/FOLDER, of letters, digits and"):
        S3Folder.parse(address)


@pytest.mark.parametrize(
    "arguments",
    [["fetch", "s3://bucket", "--out", "x"], ["convert", "--corpus", "x", "--out", "s3:/bucket/x"]],
)
def test_a_bad_address_is_wrong_use(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "must be s3://BUCKET/FOLDER" in capsys.readouterr().err
