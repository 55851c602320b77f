"""`python -m operations cost`, against a stand-in of the Price List API."""

import datetime
import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from data_prep.manifest import Manifest
from operations.__main__ import main
from operations.cost import quantities
from operations.cost.prices import find_prices
from operations.cost.quantities import Product
from stacks.settings import load
from tests.support.synthesis import write_corpus
from topics.__main__ import _parser as topics_parser

HOST = Product("AmazonSageMaker", "Host:ml.m4.xlarge", "instanceName", "ml.m4.xlarge")


def entry(usage: str, *dimensions: tuple[str, str], term: str = "OnDemand") -> str:
    """An entry of the price list, with dimensions of (first unit, price)."""
    return json.dumps(
        {
            "product": {"attributes": {"usagetype": usage}},
            "terms": {
                term: {
                    "offer": {
                        "priceDimensions": {
                            begin: {"beginRange": begin, "pricePerUnit": {"USD": price}}
                            for begin, price in dimensions
                        }
                    }
                }
            },
        }
    )


@dataclass
class Api:
    """The Price List API: every question has the same entries for an answer."""

    entries: list[str] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def client(self, service: str, **options: Any) -> "Api":
        assert (service, options["region_name"]) == ("pricing", "us-east-1")
        return self

    def get_paginator(self, operation: str) -> "Api":
        assert operation == "get_products"
        return self

    def paginate(self, **question: Any) -> list[dict[str, Any]]:
        self.asked.append(question)
        return [{"PriceList": self.entries}]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    api = Api()
    monkeypatch.setattr(boto3, "client", api.client)
    return api


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def client(*_: Any, **__: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="https://api.pricing")

    monkeypatch.setattr(boto3, "client", client)


class TestPrices:
    def test_a_price_is_the_regions_on_demand_one_of_the_first_unit(
        self, api: Api, tmp_path: Path
    ) -> None:
        api.entries = [
            entry("EU-Host:ml.m4.xlarge", ("0", "0.333"), ("100", "0.2")),
            entry("EU-Host:ml.m4.xlarge", ("0", "0.1"), term="Reserved"),
            entry("EU-Train:ml.m4.xlarge", ("0", "0.5")),
            entry("EU-Host:ml.m4.xlarge.large", ("0", "0.6")),
        ]
        found, problem = find_prices([HOST], "eu-west-1", tmp_path / "cache.json")
        assert found.prices == {"Host:ml.m4.xlarge": Decimal("0.333")}
        assert problem == ""
        (question,) = api.asked
        assert question["ServiceCode"] == "AmazonSageMaker"
        assert question["Filters"] == [
            {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-west-1"},
            {"Type": "TERM_MATCH", "Field": "instanceName", "Value": "ml.m4.xlarge"},
        ]

    @pytest.mark.parametrize(
        "entries",
        [
            [],
            [entry("Host:ml.m4.xlarge", ("0", "1")), entry("Host:ml.m4.xlarge", ("0", "2"))],
            [entry("Host:ml.m4.xlarge", ("0", "free"))],
            ["{}", "[]", '{"product": null}'],
        ],
    )
    def test_without_exactly_one_price_there_is_none(
        self, api: Api, entries: list[str], tmp_path: Path
    ) -> None:
        api.entries = entries
        assert find_prices([HOST], "eu-west-1", tmp_path / "cache.json")[0].prices == {}

    def test_they_are_kept_for_a_week_with_their_day(self, api: Api, tmp_path: Path) -> None:
        cache = tmp_path / "build" / "cache.json"
        api.entries = [entry("Host:ml.m4.xlarge", ("0", "0.3"))]
        first, _ = find_prices([HOST], "us-east-1", cache)
        assert find_prices([HOST], "us-east-1", cache) == (first, "")
        assert len(api.asked) == 1
        today = first.asked
        old = json.loads(cache.read_text()) | {
            "asked": (today - datetime.timedelta(days=7)).isoformat()
        }
        cache.write_text(json.dumps(old))
        assert find_prices([HOST], "us-east-1", cache)[0].asked >= today  # it may be midnight
        assert len(api.asked) == 2

    def test_what_is_not_kept_is_asked_for(self, api: Api, tmp_path: Path) -> None:
        cache = tmp_path / "cache.json"
        api.entries = [entry("Host:ml.m4.xlarge", ("0", "1")), entry("KMS-Keys", ("0", "2"))]
        find_prices([HOST], "us-east-1", cache)
        key = Product("awskms", "KMS-Keys", "productFamily", "Encryption Key")
        found, _ = find_prices([HOST, key], "us-east-1", cache)
        assert found.prices.keys() == {"Host:ml.m4.xlarge", "KMS-Keys"}

    @pytest.mark.parametrize("content", ["", "[]", "{}", '{"asked": 1, "USD": {}}', '{"USD": 1}'])
    def test_a_file_that_is_none_of_ours_is_replaced(
        self, api: Api, tmp_path: Path, content: str
    ) -> None:
        cache = tmp_path / "cache.json"
        cache.write_text(content)
        find_prices([HOST], "us-east-1", cache)
        assert json.loads(cache.read_text()).keys() == {"asked", "USD"}

    def test_when_aws_does_not_answer_old_prices_stay_with_their_old_day(
        self, offline: None, tmp_path: Path
    ) -> None:
        cache = tmp_path / "cache.json"
        cache.write_text('{"asked": "2020-01-02", "USD": {"Host:ml.m4.xlarge": "0.3"}}')
        found, problem = find_prices([HOST], "us-east-1", cache)
        assert found.asked == datetime.date(2020, 1, 2)
        assert found.prices == {"Host:ml.m4.xlarge": Decimal("0.3")}
        assert "api.pricing" in problem


def amounts(**context: Any) -> dict[str, float]:
    settings = load({"environments": {"dev": {}}} | context)
    found = quantities.items(settings, None, requests=1000, request_ms=50)
    return {item.name: item.amount for item in found}


class TestQuantities:
    def test_an_endpoint_bills_every_hour_of_its_instances(self) -> None:
        assert amounts()["endpoint: ml.m4.xlarge"] == 730
        assert amounts(**{"endpoint.instance_count": "3"})["endpoint: ml.m4.xlarge"] == 2190

    def test_one_that_is_asleep_bills_neither_instances_nor_alarms(self) -> None:
        asleep = amounts(**{"endpoint.enabled": "false"})
        assert [name for name in asleep if not name.startswith(("training", "transform"))] == []

    def test_a_scaled_one_bills_something_between(self) -> None:
        scaled = amounts(**{"scaling.max_instances": "4", "scaling.instance_type": "ml.m4.xlarge"})
        assert scaled["endpoint: ml.m4.xlarge, at least"] == 730
        assert scaled["endpoint: ml.m4.xlarge, at most"] == 2920

    def test_a_serverless_one_bills_the_seconds_of_its_requests(self) -> None:
        name = "endpoint: serverless of 2 GB, 1,000 requests of 50 ms"
        assert amounts(**{"serverless.memory_mb": "2048"})[name] == 50

    def test_alarms_and_the_key_are_counted(self) -> None:
        assert amounts()["alarms"] == 3
        assert amounts(**{"updates.wait_seconds": "180"})["alarms"] == 6
        assert "the key" not in amounts()
        assert amounts(encryption_key="create")["the key"] == 1

    def test_notices_bring_a_key_where_there_is_none(self) -> None:
        notices = {"notices": "me@example.com"}
        assert amounts(**notices)["the key"] == 1
        assert amounts(**notices, encryption_key="create")["the key"] == 1
        theirs = "arn:aws:kms:eu-west-1:111122223333:key/1"
        assert "the key" not in amounts(**notices, encryption_key=theirs)

    def test_a_training_run_bills_its_time_limit_at_most(self) -> None:
        training = amounts(**{"training.max_runtime_minutes": "30", "training.volume_gb": "8"})
        assert training["training: ml.c4.2xlarge, at most"] == 0.5
        assert training["training: volume of 8 GB, at most"] == 4

    def test_a_transform_job_bills_what_an_hour_of_an_instance_costs(self) -> None:
        """Of the type that `topics transform` takes; how many and how long is the caller's."""
        options = topics_parser().parse_args(["transform", "--env", "lda/dev"])
        assert amounts()[f"transform: {options.instance_type}"] == 1

    def test_a_preparation_run_bills_its_workers_and_without_a_job_there_is_none(self) -> None:
        assert not [name for name in amounts() if name.startswith("preparation")]
        given = {"preparation.source": "s3://corpora/news", "preparation.workers": "10"}
        found = amounts(**given, **{"preparation.max_minutes": "30"})
        assert found["preparation: 10 workers, at most"] == 5


@dataclass
class Recorded:
    """The Price List API with entries as AWS has them, found by their attributes alone."""

    question: dict[str, Any] = field(default_factory=dict)

    # Service, product family, usage type; families by the pricing files of Infracost's tests.
    ENTRIES: ClassVar[tuple[tuple[str, str, str, dict[str, str]], ...]] = (
        (
            "AmazonSageMaker",
            "ML Instance",
            "EU-Host:ml.m4.xlarge",
            {"instanceName": "ml.m4.xlarge"},
        ),
        (
            "AmazonSageMaker",
            "ML Instance",
            "EU-Train:ml.m4.xlarge",
            {"instanceName": "ml.m4.xlarge"},
        ),
        (
            "AmazonSageMaker",
            "ML Instance",
            "EU-Tsform:ml.m4.xlarge",
            {"instanceName": "ml.m4.xlarge"},
        ),
        (
            "AmazonSageMaker",
            "ML Instance",
            "EU-Train:ml.c4.2xlarge",
            {"instanceName": "ml.c4.2xlarge"},
        ),
        ("AmazonSageMaker", "ML Serverless", "EU-ServerlessInf:Mem-2GB", {}),
        ("AmazonSageMaker", "Storage", "EU-Train:VolumeUsage.gp2", {}),
        ("AmazonSageMaker", "Storage", "EU-Host:VolumeUsage.gp2", {}),
        ("AmazonSageMaker", "Storage", "EU-Notebk:VolumeUsage.gp2", {}),
        ("AmazonCloudWatch", "Alarm", "EU-CW:AlarmMonitorUsage", {}),
        ("AmazonCloudWatch", "Alarm", "EU-CW:HighResAlarmMonitorUsage", {}),
        ("awskms", "Encryption Key", "eu-west-1-KMS-Keys", {}),
        ("AmazonS3", "Storage", "EU-TimedStorage-ByteHrs", {"volumeType": "Standard"}),
        ("AmazonS3", "Storage", "EU-TimedStorage-GlacierByteHrs", {"volumeType": "Amazon Glacier"}),
        ("AWSGlue", "AWS Glue", "EU-ETL-DPU-Hour", {"group": "ETL Job run"}),
        ("AWSGlue", "AWS Glue", "EU-ETL-Flex-DPU-Hour", {"group": "ETL Job run"}),
    )

    def client(self, *_: Any, **__: Any) -> "Recorded":
        return self

    def get_paginator(self, _: str) -> "Recorded":
        return self

    def paginate(self, **question: Any) -> list[dict[str, Any]]:
        wanted = {one["Field"]: one["Value"] for one in question["Filters"]}
        found = [
            entry(usage, ("0", "0.5"))
            for service, family, usage, more in self.ENTRIES
            for attributes in [{"regionCode": "eu-west-1", "productFamily": family} | more]
            if service == question["ServiceCode"] and wanted.items() <= attributes.items()
        ]
        return [{"PriceList": found}]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"encryption_key": "create", "updates.wait_seconds": "180"},
        {"notices": "me@example.com", "training.spot": "true"},
        {"serverless.memory_mb": "2048"},
        {"preparation.source": "s3://corpora/news"},
        {"scaling.max_instances": "4", "scaling.instance_type": "ml.m4.xlarge"},
    ],
)
def test_nothing_that_is_billed_is_without_a_price(
    settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boto3, "client", Recorded().client)
    corpus = Manifest.load(write_corpus(tmp_path / "corpus"))
    loaded = load({"environments": {"dev": {}}} | settings)
    billed = list(quantities.items(loaded, corpus, requests=1000, request_ms=50))
    products = [item.product for item in billed]
    found, _ = find_prices(products, "eu-west-1", tmp_path / "prices.json")
    assert [item.name for item in billed if item.product.usage not in found.prices] == []


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a `cdk.json` and no corpus."""
    environments = {"dev": {}, "prod": {"endpoint": {"instance_count": 2}}}
    (tmp_path / "cdk.json").write_text(json.dumps({"context": {"environments": environments}}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return tmp_path


class TestCommand:
    def test_prices_are_shown_with_currency_and_day(
        self, api: Api, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        api.entries = [entry("Host:ml.m4.xlarge", ("0", "0.3"))]
        assert main(["cost", "--env", "prod"]) == 0
        out = capsys.readouterr().out
        assert "topic-model-prod in us-east-1" in out
        assert "1,460  hours   438.00 USD" in out
        assert "a transform job, for each instance and hour\n  transform: ml.m4.xlarge" in out
        assert "Left out: taxes, discounts" in out
        kept = json.loads((project / "build" / "prices-us-east-1.json").read_text())
        assert f"the AWS Price List of {kept['asked']}" in out

    def test_without_an_answer_quantities_are_printed_alone(
        self, offline: None, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["cost"]) == 0
        printed = capsys.readouterr()
        assert "730  hours   no price" in printed.out
        assert "USD" not in printed.out
        assert "operations cost: AWS gave no prices: " in printed.err
        assert not (project / "build").exists()

    def test_json_says_the_same(
        self, api: Api, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        api.entries = [entry("Host:ml.m4.xlarge", ("0", "0.3"))]
        assert main(["cost", "--json", "-c", "endpoint.instance_count=3"]) == 0
        report = json.loads(capsys.readouterr().out)
        assert report["currency"] == "USD"
        assert report["prices_of"] is not None
        assert report["items"][0] == {
            "name": "endpoint: ml.m4.xlarge",
            "amount": 2190,
            "unit": "hours",
            "per": "a month",
            "cost": 657.0,
        }
        assert report["items"][1]["cost"] is None
        assert report["left_out"] == quantities.LEFT_OUT

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["--env", "test"], "env is 'test'"),
            (["-c", "model.num_topics"], "-c model.num_topics: must have the form KEY=VALUE"),
            (["-c", "model.num_topics=none"], "model.num_topics is 'none'"),
        ],
    )
    def test_wrong_input_is_told_in_a_line(
        self,
        api: Api,
        project: Path,
        capsys: pytest.CaptureFixture[str],
        arguments: list[str],
        problem: str,
    ) -> None:
        assert main(["cost", *arguments]) == 2
        assert problem in capsys.readouterr().err

    def test_without_a_region_nothing_is_asked(
        self,
        api: Api,
        project: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.delenv("AWS_REGION")
        monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(project / "none"))
        assert main(["cost"]) == 2
        assert "no Region" in capsys.readouterr().err

    def test_without_a_project_it_says_so(
        self, api: Api, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project / "cdk.json").unlink()
        assert main(["cost"]) == 2
        assert "cdk.json" in capsys.readouterr().err
