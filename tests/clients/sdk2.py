"""Version 2 of the SageMaker SDK, as notebooks use it."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sagemaker  # type: ignore[import-not-found, unused-ignore]
from botocore.exceptions import ClientError
from sagemaker import (  # type: ignore[import-not-found, unused-ignore]
    deserializers,
    fw_utils,
    serializers,
)
from sagemaker.amazon.common import (  # type: ignore[import-not-found, unused-ignore]
    RecordDeserializer,
    RecordSerializer,
    read_records,
)
from sagemaker.estimator import Estimator  # type: ignore[import-not-found, unused-ignore]
from sagemaker.exceptions import (  # type: ignore[import-not-found, unused-ignore]
    UnexpectedStatusException,
)
from sagemaker.feature_store.feature_group import (  # type: ignore[import-not-found, unused-ignore]
    FeatureGroup,
)
from sagemaker.inputs import TrainingInput  # type: ignore[import-not-found, unused-ignore]
from scipy import sparse

from .conftest import BUCKET, DOCUMENTS, HYPERPARAMETERS, IMAGE, TOPICS, WORDS

INSTANCE = "ml.m5.large"


@pytest.fixture(scope="module")
def session(bucket: str) -> Any:
    return sagemaker.Session()


@pytest.fixture(scope="module")
def lda(session: Any, role: str, counts: Any) -> Any:
    """A first-party estimator, trained."""
    estimator = sagemaker.LDA(role, INSTANCE, num_topics=TOPICS, sagemaker_session=session)
    train = estimator.record_set(counts)
    test = estimator.record_set(counts[:60], channel="test")
    estimator.fit([train, test], mini_batch_size=DOCUMENTS)
    return estimator


@pytest.fixture(scope="module")
def predictor(lda: Any) -> Iterator[Any]:
    predictor = lda.deploy(1, INSTANCE)
    yield predictor
    predictor.delete_model()
    predictor.delete_endpoint()


def estimator(role: str, session: Any, **changes: Any) -> Any:
    """A generic estimator of the LDA image."""
    arguments = {
        "image_uri": IMAGE,
        "role": role,
        "instance_count": 1,
        "instance_type": INSTANCE,
        "hyperparameters": HYPERPARAMETERS,
        "sagemaker_session": session,
    }
    return Estimator(**arguments | changes)


def csv(bucket: str, prefix: str = "train") -> dict[str, Any]:
    """The channel of documents in CSV."""
    return {"train": TrainingInput(f"s3://{bucket}/{prefix}", content_type="text/csv;label_size=0")}


def test_the_default_bucket_is_that_of_account_and_region(session: Any) -> None:
    assert session.default_bucket() == BUCKET


def test_calls_are_reported_to_nobody(session: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "sagemaker.telemetry.telemetry_logging")
    with pytest.raises(ClientError, match="not offered here"):
        FeatureGroup("none", sagemaker_session=session).describe()
    assert "TelemetryOptOut flag is set to: True" in caplog.text
    assert "Sending telemetry request" not in caplog.text


def test_the_image_is_the_one_that_the_sdk_looks_up() -> None:
    assert sagemaker.image_uris.retrieve("lda", "us-east-1") == IMAGE


def test_lda_trains_on_a_record_set(lda: Any) -> None:
    described = lda.latest_training_job.describe()
    assert described["TrainingJobStatus"] == "Completed"
    source = described["InputDataConfig"][0]["DataSource"]["S3DataSource"]
    assert source["S3DataType"] == "ManifestFile"
    assert lda.model_data.startswith(f"s3://{BUCKET}/")


@pytest.mark.parametrize("kind", [Estimator, sagemaker.LDA])
def test_an_estimator_attaches_to_a_job(lda: Any, session: Any, kind: Any) -> None:
    attached = kind.attach(lda.latest_training_job.name, sagemaker_session=session)
    assert attached.model_data == lda.model_data
    assert int(attached.hyperparameters()["num_topics"]) == TOPICS
    assert attached.output_kms_key in (None, "")


def test_analytics_have_the_metric_of_the_test_channel(lda: Any, session: Any) -> None:
    name = lda.latest_training_job.name
    frame = sagemaker.TrainingJobAnalytics(
        name, ["test:pwll"], sagemaker_session=session
    ).dataframe()
    (final,) = (
        metric["Value"]
        for metric in lda.latest_training_job.describe()["FinalMetricDataList"]
        if metric["MetricName"] == "test:pwll"
    )
    assert frame["metric_name"].to_list() == ["test:pwll"]
    assert frame["value"].to_list() == pytest.approx([final])


def test_logs_of_a_job_are_told(lda: Any, session: Any, capsys: pytest.CaptureFixture[str]) -> None:
    session.logs_for_job(lda.latest_training_job.name)
    assert "test pwll <loss>=" in capsys.readouterr().out


def test_the_first_party_predictor_reads_mixtures(predictor: Any, counts: Any) -> None:
    records = predictor.predict(counts[:2])
    mixtures = [record.label["topic_mixture"].float32_tensor.values for record in records]
    assert [len(mixture) for mixture in mixtures] == [TOPICS] * 2
    assert [sum(mixture) for mixture in mixtures] == pytest.approx([1, 1], abs=1e-5)


def features(counts: Any) -> dict[str, Any]:
    return {"instances": [{"features": row.tolist()} for row in counts]}


def sparse_features(counts: Any) -> dict[str, Any]:
    keys = [np.flatnonzero(row).tolist() for row in counts]
    return {
        "instances": [
            {"data": {"features": {"keys": ids, "shape": [WORDS], "values": row[ids].tolist()}}}
            for ids, row in zip(keys, counts, strict=True)
        ]
    }


SENT: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "CSV": (serializers.CSVSerializer(), lambda counts: counts),
    "JSON": (serializers.JSONSerializer(), features),
    "sparse JSON": (serializers.JSONSerializer(), sparse_features),
    "text": (
        serializers.StringSerializer("text/csv"),
        lambda counts: "\n".join(",".join(map(str, row)) for row in counts.tolist()),
    ),
    "bytes": (
        serializers.IdentitySerializer("application/json"),
        lambda counts: json.dumps(features(counts)).encode(),
    ),
    "data": (
        serializers.DataSerializer("application/json"),
        lambda counts: json.dumps(features(counts)).encode(),
    ),
    "RecordIO": (RecordSerializer(), lambda counts: counts),
}


def answered(predictor: Any, serializer: Any, deserializer: Any, body: Any) -> Any:
    """What a predictor of the same endpoint with these two gives."""
    return sagemaker.Predictor(
        predictor.endpoint_name,
        sagemaker_session=predictor.sagemaker_session,
        serializer=serializer,
        deserializer=deserializer,
    ).predict(body)


@pytest.mark.parametrize("form", SENT)
def test_documents_of_every_serializer_that_lda_takes_have_the_same_mixtures(
    predictor: Any, counts: Any, form: str
) -> None:
    serializer, convert = SENT[form]
    json_ = deserializers.JSONDeserializer()
    found = answered(predictor, serializer, json_, convert(counts[:3]))
    wanted = answered(predictor, serializers.CSVSerializer(), json_, counts[:3])
    assert found == wanted
    assert len(found["predictions"]) == 3


@pytest.mark.parametrize(
    ("serializer", "body"),
    [
        (serializers.NumpySerializer(), np.ones((1, WORDS))),
        (serializers.JSONLinesSerializer(), [{"features": [1] * WORDS}]),
        (serializers.SparseMatrixSerializer(), sparse.csr_matrix(np.ones((1, WORDS)))),
        (serializers.LibSVMSerializer(), "1 1:1"),
    ],
)
def test_documents_of_other_serializers_are_refused_by_the_container(
    predictor: Any, serializer: Any, body: Any
) -> None:
    with pytest.raises(ClientError, match=r"Received client error \(415\) from primary") as caught:
        answered(predictor, serializer, deserializers.BytesDeserializer(), body)
    response: Any = caught.value.response
    assert (response["Error"]["Code"], response["OriginalStatusCode"]) == ("ModelError", 415)


def of_text(answer: Any) -> Any:
    return json.loads(answer)["predictions"]


ANSWERED: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "bytes": (deserializers.BytesDeserializer("application/json"), of_text),
    "text": (deserializers.StringDeserializer(accept="application/json"), of_text),
    "JSON": (deserializers.JSONDeserializer(), lambda answer: answer["predictions"]),
    "stream": (
        deserializers.StreamDeserializer("application/json"),
        lambda answer: of_text(answer[0].read()),
    ),
    "NumPy": (
        deserializers.NumpyDeserializer(accept="application/json"),
        lambda answer: answer.item()["predictions"],
    ),
    "pandas": (
        deserializers.PandasDeserializer(accept="application/json"),
        lambda answer: answer["predictions"].to_list(),
    ),
    "RecordIO": (
        RecordDeserializer(),
        lambda answer: [
            {"topic_mixture": list(record.label["topic_mixture"].float32_tensor.values)}
            for record in answer
        ],
    ),
}


@pytest.mark.parametrize("form", ANSWERED)
def test_answers_are_read_by_every_deserializer_that_lda_has_answers_for(
    predictor: Any, counts: Any, form: str
) -> None:
    deserializer, read = ANSWERED[form]
    csv_ = serializers.CSVSerializer()
    found = read(answered(predictor, csv_, deserializer, counts[:2]))
    wanted = answered(predictor, csv_, deserializers.JSONDeserializer(), counts[:2])
    for one, other in zip(found, wanted["predictions"], strict=True):
        assert one["topic_mixture"] == pytest.approx(other["topic_mixture"], abs=1e-6)


@pytest.mark.parametrize(
    "deserializer",
    [
        deserializers.CSVDeserializer(),
        deserializers.NumpyDeserializer(),
        deserializers.JSONLinesDeserializer(),
    ],
)
def test_answers_that_lda_does_not_give_are_refused_by_the_container(
    predictor: Any, counts: Any, deserializer: Any
) -> None:
    with pytest.raises(ClientError, match=r"Received client error \(406\) from primary"):
        answered(predictor, serializers.CSVSerializer(), deserializer, counts[:1])


def test_an_endpoint_is_updated_by_its_predictor(predictor: Any, counts: Any) -> None:
    predictor.update_endpoint(initial_instance_count=2, instance_type=INSTANCE)
    described = predictor.sagemaker_session.describe_endpoint(predictor.endpoint_name)
    (variant,) = described["ProductionVariants"]
    assert variant["CurrentInstanceCount"] == 2
    assert len(list(predictor.predict(counts[:1]))) == 1


def test_a_transformer_of_an_estimator_answers_objects(lda: Any, session: Any, bucket: str) -> None:
    out = f"s3://{bucket}/transformed"
    transformer = lda.transformer(1, INSTANCE, output_path=out, accept="application/json")
    transformer.transform(f"s3://{bucket}/train/", content_type="text/csv", split_type="Line")
    body = session.read_s3_file(bucket, "transformed/train.csv.out")
    assert len(json.loads(body.splitlines()[0])["predictions"]) > 0


def test_a_generic_estimator_trains_on_csv_and_has_its_tags(
    role: str, session: Any, bucket: str
) -> None:
    tags = [{"Key": "team", "Value": "topics"}]
    made = estimator(role, session, tags=tags)
    made.fit(csv(bucket), logs=False)
    described = made.latest_training_job.describe()
    listed = session.sagemaker_client.list_tags(ResourceArn=described["TrainingJobArn"])
    assert listed["Tags"] == tags


def test_a_script_is_uploaded_encrypted_as_framework_estimators_do(
    session: Any, bucket: str, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text("print('it')")
    uploaded = fw_utils.tar_and_upload_dir(
        session.boto_session, bucket, "script", "train.py", str(tmp_path)
    )
    key = uploaded.s3_prefix.removeprefix(f"s3://{bucket}/")
    head = session.boto_session.client("s3").head_object(Bucket=bucket, Key=key)
    assert head["ServerSideEncryption"] == "aws:kms"


def test_a_job_that_fails_says_why(role: str, session: Any, bucket: str) -> None:
    wrong = estimator(role, session, hyperparameters=HYPERPARAMETERS | {"feature_dim": 7})
    with pytest.raises(UnexpectedStatusException, match=f"documents have {WORDS} features"):
        wrong.fit(csv(bucket), logs=False)


def test_a_job_without_data_is_refused(role: str, session: Any, bucket: str) -> None:
    with pytest.raises(ClientError, match="No S3 objects found under S3 URL") as caught:
        estimator(role, session).fit(csv(bucket, "nothing"), logs=False)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_job_of_an_image_that_is_not_there_is_refused(
    role: str, session: Any, bucket: str
) -> None:
    missing = IMAGE.replace("lda:1", "lda:2")
    with pytest.raises(ClientError, match="Cannot find the requested image") as caught:
        estimator(role, session, image_uri=missing).fit(csv(bucket), logs=False)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_recordio_is_read_back_as_it_was_uploaded(lda: Any, counts: Any, session: Any) -> None:
    source = lda.latest_training_job.describe()["InputDataConfig"][0]["DataSource"]
    manifest = source["S3DataSource"]["S3Uri"].removeprefix(f"s3://{BUCKET}/")
    first, *keys = json.loads(session.read_s3_file(BUCKET, manifest))
    (key,) = keys
    place = f"{first['prefix']}{key}".removeprefix(f"s3://{BUCKET}/")
    body = session.boto_session.client("s3").get_object(Bucket=BUCKET, Key=place)["Body"].read()
    records = read_records(io.BytesIO(body))
    rows = [list(record.features["values"].float32_tensor.values) for record in records]
    assert np.array(rows) == pytest.approx(counts)
