"""Data capture: an endpoint's requests and answers as JSON Lines in S3.

Source: "Capture data from real-time endpoint" in the SageMaker developer guide. A file holds half a
second here; SageMaker collects for longer.
"""

import base64
import json
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.api import s3_address
from local_aws.ministack.bridge import Scope
from local_aws.sagemaker.batch import Batch
from local_aws.sagemaker.clients import encrypted_with, role_client
from local_aws.sagemaker.fleet import Instance


@dataclass(frozen=True)
class Exchange:
    """A request and the container's answer."""

    instance: Instance
    content_type: str
    body: bytes
    answer_type: str
    answer: bytes
    inference_id: str | None
    time: datetime


class Capture:
    """The data capture of one endpoint under one configuration.

    It writes as the variant's execution role. What the role may not write is lost, and a line in
    the instance's log says so. Invocations never fail because of it.
    """

    def __init__(self, scope: Scope, endpoint: str, config: Mapping[str, Any]) -> None:
        self.config = dict(config)
        self._scope = scope
        self._endpoint = endpoint
        self._batch = Batch[Exchange](self._deliver)
        self.flush = self._batch.flush

    def describe(self) -> dict[str, Any]:
        """Return DataCaptureConfig as DescribeEndpoint answers it."""
        enabled = self.config.get("EnableCapture", True)
        described = {
            "EnableCapture": enabled,
            "CaptureStatus": "Started" if enabled else "Stopped",
            "CurrentSamplingPercentage": self.config["InitialSamplingPercentage"],
            "DestinationS3Uri": self.config["DestinationS3Uri"],
        }
        key = self.config.get("KmsKeyId")
        return described | ({"KmsKeyId": key} if key else {})

    def record(self, exchange: Exchange) -> None:
        """Capture the exchange with the probability of the sampling percentage."""
        chosen = random.random() * 100 < self.config["InitialSamplingPercentage"]
        if chosen and self.config.get("EnableCapture", True):
            self._batch.add(exchange)

    def _deliver(self, exchanges: list[Exchange]) -> None:
        for instance in {exchange.instance for exchange in exchanges}:
            own = [exchange for exchange in exchanges if exchange.instance is instance]
            try:
                self._write(instance, own)
            except (ClientError, BotoCoreError) as error:
                instance.log.write([f"Data capture failed: {error}"])

    def _write(self, instance: Instance, exchanges: list[Exchange]) -> None:
        first = exchanges[0].time
        bucket, prefix = s3_address.split(self.config["DestinationS3Uri"])
        folder = f"{self._endpoint}/{instance.variant}/{first:%Y/%m/%d/%H}"
        name = f"{first:%M-%S}-{first.microsecond // 1000:03}-{uuid.uuid4()}.jsonl"
        key = "/".join(part for part in (prefix.strip("/"), folder, name) if part)
        encryption = encrypted_with(self.config.get("KmsKeyId"))
        body = "".join(json.dumps(line(self.config, exchange)) + "\n" for exchange in exchanges)
        s3 = role_client("s3", instance.role, self._scope)
        s3.put_object(Bucket=bucket, Key=key, Body=body.encode(), **encryption)


def line(config: Mapping[str, Any], exchange: Exchange) -> dict[str, Any]:
    """Return what SageMaker writes for one exchange, before it becomes a line of JSON."""
    modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
    both = "InputAndOutput" in modes
    captured = {}
    if both or "Input" in modes:
        captured["endpointInput"] = _side(config, "INPUT", exchange.content_type, exchange.body)
    if both or "Output" in modes:
        captured["endpointOutput"] = _side(config, "OUTPUT", exchange.answer_type, exchange.answer)
    event = {"eventId": str(uuid.uuid4())}
    if exchange.inference_id is not None:
        event["inferenceId"] = exchange.inference_id
    event["inferenceTime"] = f"{exchange.time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return {"captureData": captured, "eventMetadata": event, "eventVersion": "0"}


def _side(config: Mapping[str, Any], mode: str, content_type: str, body: bytes) -> dict[str, str]:
    media = content_type.partition(";")[0].strip().lower()
    listed = config.get("CaptureContentTypeHeader", {})
    if media in listed.get("CsvContentTypes", []):
        encoding, data = "CSV", body.decode(errors="replace")
    elif media in listed.get("JsonContentTypes", []):
        encoding, data = "JSON", body.decode(errors="replace")
    else:
        encoding, data = "BASE64", base64.b64encode(body).decode()
    return {
        "observedContentType": content_type,
        "mode": mode,
        "data": data,
        "encoding": encoding,
    }
