"""A corpus whose documents stay in S3, in a bucket that no stack has made."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cloud import Cloud, run
from tests.support.synthesis import cut_into_shards

pytestmark = pytest.mark.faults

ADDRESS = "s3://corpora/prepared/news"
SHARD = "prepared/news/train/part-00001.recordio"


@pytest.fixture
def fetched(environment: dict[str, str], corpus: Path, tmp_path: Path) -> Iterator[Path]:
    """The manifest, the words and the golden documents of a corpus in S3."""
    cloud = Cloud(environment, tmp_path)
    local = Path(shutil.copytree(corpus, tmp_path / "local"))
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="corpora")
    for file in cut_into_shards(local, documents=100).files:
        done = (local / file.file).read_bytes()
        key = f"prepared/news/{file.file}"
        s3.put_object(Bucket="corpora", Key=key, Body=done, ChecksumAlgorithm="SHA256")
    s3.upload_file(str(local / "manifest.json"), "corpora", "prepared/news/manifest.json")
    shutil.rmtree(local)
    out = tmp_path / "fetched"
    arguments = ["fetch", ADDRESS, "--out", str(out)]
    told = run(sys.executable, "-m", "data_prep", *arguments, environment=cloud.environment)
    assert told.returncode == 0, told.stdout
    yield out
    for entry in s3.list_objects_v2(Bucket="corpora")["Contents"]:
        s3.delete_object(Bucket="corpora", Key=entry["Key"])
    s3.delete_bucket(Bucket="corpora")


def test_they_are_trained_on_in_place_once_they_are_what_the_manifest_says(
    fetched: Path, cloud: Cloud
) -> None:
    assert not list(fetched.rglob("*.recordio"))
    options = ["-c", f"prepared={fetched}", "-c", "project=place", "-c", "model.num_topics=3"]
    s3 = cloud.client("s3")
    content = s3.get_object(Bucket="corpora", Key=SHARD)["Body"].read()
    changed = content[:-8] + bytes(8)
    s3.put_object(Bucket="corpora", Key=SHARD, Body=changed, ChecksumAlgorithm="SHA256")
    calls = cloud.calls()
    failed = cloud.deploy(*options)
    assert failed.returncode == 1
    assert f"the data file s3://corpora/{SHARD} has another SHA-256 than the" in failed.stdout
    assert "CreateTrainingJob" not in cloud.calls()[len(calls) :]

    s3.put_object(Bucket="corpora", Key=SHARD, Body=content, ChecksumAlgorithm="SHA256")
    outputs = cloud.deployed(*options)
    calls = cloud.calls()
    assert cloud.deployed(*options) == outputs
    made = cloud.calls()[len(calls) :]
    assert [call for call in made if not call.startswith(("Describe", "List"))] == []
    arguments = ["predict", "--endpoint", outputs["EndpointName"], "--text", "word1 word2"]
    arguments += ["--vocab", str(fetched / "vocab.txt")]
    done = run(sys.executable, "-m", "topics", *arguments, environment=cloud.environment)
    assert done.returncode == 0, done.stdout
    cloud.destroyed(*options)
