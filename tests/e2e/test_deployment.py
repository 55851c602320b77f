"""The life of an environment, as a user lives it: deploy, change, change back, fail, destroy."""

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_prep.recordio import read_matrix
from tests.support.cloud import Cloud, run
from tests.support.synthesis import cut_into_shards
from tests.support.templates import change, without
from topics.endpoint.payload import CONTENT_TYPES
from topics.lda.mixtures import infer
from topics.model import archive

pytestmark = pytest.mark.e2e


def served_model(cloud: Cloud, endpoint: str) -> str:
    """The artifact behind an endpoint that is in service."""
    sagemaker = cloud.client("sagemaker")
    described = sagemaker.describe_endpoint(EndpointName=endpoint)
    assert described["EndpointStatus"] == "InService"
    config = sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
    model = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    return str(model["PrimaryContainer"]["ModelDataUrl"])


def tags(cloud: Cloud, job: str) -> dict[str, str]:
    """The tags of a job."""
    sagemaker = cloud.client("sagemaker")
    arn = sagemaker.describe_training_job(TrainingJobName=job)["TrainingJobArn"]
    return {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}


def lineage(cloud: Cloud, outputs: dict[str, str]) -> dict[str, str]:
    """What a model's metadata says of where it comes from; the digests are left to unit tests."""
    bucket, _, key = outputs["ModelArtifact"].removeprefix("s3://").partition("/")
    metadata = cloud.client("s3").head_object(Bucket=bucket, Key=key)["Metadata"]
    assert metadata["fingerprint"] == outputs["Fingerprint"]
    assert metadata["metrics"] == outputs["Metrics"]
    assert ":stack/" in metadata["stack-id"]
    return {name: metadata[name] for name in ("project", "environment", "commit", "job")}


def predict(cloud: Cloud, endpoint: str, corpus: Path, *options: str) -> list[dict[str, Any]]:
    """The predictions for all test documents, by the command that users have."""
    out = cloud.out / "predictions.jsonl"
    arguments = ["predict", "--endpoint", endpoint, f"{corpus}/test.recordio", "--out", str(out)]
    arguments += options
    done = run(sys.executable, "-m", "topics", *arguments, environment=cloud.environment)
    assert done.returncode == 0, done.stdout
    return [json.loads(line) for line in out.read_text().splitlines()]


def check_predictions(cloud: Cloud, endpoint: str, corpus: Path, address: str) -> None:
    """Whatever the content type, they are our own inference's on the artifact, with its words."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    cloud.client("s3").download_file(bucket, key, str(cloud.out / "model.tar.gz"))
    model = archive.load(str(cloud.out / "model.tar.gz"))
    with (corpus / "test.recordio").open("rb") as stream:
        expected = infer(model, read_matrix(stream))
    for form in CONTENT_TYPES:
        options = ["--content-type", form, "--vocab", f"{corpus}/vocab.txt", "--words", "1"]
        answers = predict(cloud, endpoint, corpus, *options)
        found = [answer["topic_mixture"] for answer in answers]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    words = (corpus / "vocab.txt").read_text().splitlines()
    first = answers[0]["topics"][0]
    assert first["topic"] == expected[0].argmax()
    assert first["words"] == [words[model.beta[first["topic"]].argmax()]]


def test_life_of_an_environment(cloud: Cloud, corpus: Path, tmp_path: Path) -> None:
    """One job a model: none for the same inputs again, none for a model that was made before."""
    options = ["-c", f"prepared={corpus}", "-c", "project=life", "-c", "commit=0123abc"]
    five = cloud.deployed(*options, "-c", "model.num_topics=5")
    assert five["EndpointName"] == "life-dev"
    assert served_model(cloud, "life-dev") == five["ModelArtifact"]
    documents = json.loads((corpus / "manifest.json").read_text())["test"]["documents"]
    mixtures = [p["topic_mixture"] for p in predict(cloud, "life-dev", corpus)]
    assert len(mixtures) == documents
    assert all(len(mixture) == 5 for mixture in mixtures)
    assert all(abs(sum(mixture) - 1) < 1e-6 for mixture in mixtures)
    check_predictions(cloud, "life-dev", corpus, five["ModelArtifact"])
    jobs = cloud.job_names()
    assert five["Metrics"].startswith("test:pwll=-")
    of = {"project": "life", "environment": "dev", "commit": "0123abc"}
    assert lineage(cloud, five) == of | {"job": jobs[0]}
    assert of.items() <= tags(cloud, jobs[0]).items()

    calls = cloud.calls()
    assert calls.count("CreateTrainingJob") == len(jobs)
    assert cloud.deployed(*options, "-c", "model.num_topics=5") == five
    made = cloud.calls()[len(calls) :]
    assert [call for call in made if not call.startswith(("Describe", "List"))] == []

    three = cloud.deployed(*options, "-c", "model.num_topics=3")
    assert len(cloud.job_names()) == len(jobs) + 1
    assert three["ModelArtifact"] != five["ModelArtifact"]
    assert served_model(cloud, "life-dev") == three["ModelArtifact"]
    assert len(predict(cloud, "life-dev", corpus)[0]["topic_mixture"]) == 3

    calls = cloud.calls()
    assert cloud.deployed(*options, "-c", "model.num_topics=5") == five
    assert "CreateTrainingJob" not in cloud.calls()[len(calls) :], "a model was made again"
    assert served_model(cloud, "life-dev") == five["ModelArtifact"]
    assert [p["topic_mixture"] for p in predict(cloud, "life-dev", corpus)] == mixtures

    several = Path(shutil.copytree(corpus, tmp_path / "several"))
    cut_into_shards(several, documents=100)
    options[1] = f"prepared={several}"
    apart = cloud.deployed(*options, "-c", "model.num_topics=5")
    assert apart["ModelArtifact"] != five["ModelArtifact"]
    assert apart["Metrics"] == five["Metrics"], "files apart made another model"
    assert served_model(cloud, "life-dev") == apart["ModelArtifact"]
    assert cloud.deployed(*options, "-c", "model.num_topics=5") == apart

    cloud.destroyed(*options)
    arguments = ["predict", "--endpoint", "life-dev", f"{corpus}/test.recordio"]
    done = run(sys.executable, "-m", "topics", *arguments, environment=cloud.environment)
    assert (done.returncode, done.stdout.count("\n")) == (1, 1)
    assert done.stdout.startswith("topics: there is no endpoint 'life-dev' in us-east-1;")


def test_a_failed_training_job_rolls_back_and_says_why(
    cloud: Cloud, corpus: Path, tmp_path: Path
) -> None:
    """By data that is no RecordIO, which its manifest calls good."""
    bad = Path(shutil.copytree(corpus, tmp_path / "bad"))
    content = bytearray((bad / "train.recordio").read_bytes())
    content[0] ^= 1
    (bad / "train.recordio").write_bytes(content)
    manifest = json.loads((bad / "manifest.json").read_text(encoding="utf-8"))
    train = manifest["train"]
    train["sha256"] = train["files"][0]["sha256"] = hashlib.sha256(content).hexdigest()
    (bad / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    options = ["-c", f"prepared={bad}", "-c", "project=fails"]
    done = cloud.deploy(*options)
    assert done.returncode == 1
    reason = "ended as Failed: ClientError: channel 'train', train.recordio: byte 0: magic is "
    assert reason in done.stdout, done.stdout
    assert "/sagemaker/home?region=us-east-1#/jobs/fails-dev-" in done.stdout
    assert "Running with" in done.stdout, "the job's last log lines are missing"
    assert "ROLLBACK_COMPLETE" in done.stdout
    assert "fails-dev-serving: creating" not in done.stdout
    cloud.destroyed(*options)


def failures(cloud: Cloud, stack: str) -> list[str]:
    """The reasons of resources that could not be created, from the stack's events."""
    events = cloud.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return [e["ResourceStatusReason"] for e in events if e["ResourceStatus"] == "CREATE_FAILED"]


@pytest.mark.parametrize(
    ("action", "part", "denial"),
    [
        (
            "sagemaker:CreateTrainingJob",
            "TrainingJobStartRoleDefaultPolicy",
            "is not authorized to perform: sagemaker:CreateTrainingJob",
        ),
        ("s3:PutObject", "ExecutionRole", "Artifact upload failed"),
    ],
)
def test_without_the_permission_nothing_is_trained_and_the_denial_is_told(
    cloud: Cloud, corpus: Path, action: str, part: str, denial: str
) -> None:
    project = action.split(":")[1].lower()[:20]
    options = ["-c", f"prepared={corpus}", "-c", f"project={project}", "-c", "model.num_topics=5"]
    assembly = cloud.out / "assembly"
    done = run("cdk", "synth", "-q", "-o", str(assembly), *options, environment=cloud.environment)
    assert done.returncode == 0, done.stdout
    change(assembly, f"{project}-dev-training", without(action, part))

    done = cloud.deploy("--app", str(assembly))
    assert done.returncode == 1
    reasons = failures(cloud, f"{project}-dev-training")
    assert [denial in reason and "AccessDenied" in reason for reason in reasons] == [True], reasons
    assert "AccessDenied" in done.stdout
    assert "ROLLBACK_COMPLETE" in done.stdout

    cloud.destroyed("--app", str(assembly))
