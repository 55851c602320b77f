"""What a transform job reads and writes in S3: two folders that are its own."""

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import numpy as np
from botocore.exceptions import BotoCoreError, ClientError

from data_prep.recordio import RecordIOError, read_labels
from topics.endpoint.answers import Mixture, fault_of
from topics.endpoint.batches import SCHEME, Batch, Stored
from topics.endpoint.deployed import Deployed, TransformError
from topics.endpoint.state import explain

_DELETED = 1000  # objects in a request, at most
_LABEL = "topic_mixture"


class JobObjects:
    """A job's objects: `batches/<job>/` and `predictions/<job>/` below an environment's prefix."""

    def __init__(self, s3: Any, deployed: Deployed, job: str) -> None:
        self.job = job
        self._s3 = s3
        self._bucket = deployed.bucket
        self._input = f"{deployed.prefix}/batches/{job}"
        self._output = f"{deployed.prefix}/predictions/{job}"
        self._uploaded: list[str] = []

    @property
    def input(self) -> str:
        """The address of what is uploaded."""
        return f"{SCHEME}{self._bucket}/{self._input}/"

    @property
    def output(self) -> str:
        """The address of the outputs."""
        return f"{SCHEME}{self._bucket}/{self._output}"

    def places(self) -> list[str]:
        """Return the addresses below which objects of the job are, as far as S3 tells."""
        try:
            written = bool(self.outputs())
        except TransformError:
            written = True
        return [self.input] * bool(self._uploaded) + [f"{self.output}/"] * written

    def key_of_bucket(self) -> str | None:
        """Return the KMS key that encrypts the bucket; None if that is S3's own.

        Raises:
            TransformError: S3 refuses.
        """
        try:
            answer = self._s3.get_bucket_encryption(Bucket=self._bucket)
        except (ClientError, BotoCoreError) as error:
            raise TransformError(f"the encryption of {self._bucket}: {explain(error)}") from None
        rule = answer["ServerSideEncryptionConfiguration"]["Rules"][0]
        key: str | None = rule["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID")
        return key

    def upload(self, batches: Iterable[Batch]) -> Iterator[Stored]:
        """Upload batches one after the other, and yield each.

        Raises:
            TransformError: S3 refuses.
        """
        for number, batch in enumerate(batches):
            key = f"{self._input}/part-{number:05}.recordio" if batch.body else ""
            if key:
                try:
                    self._s3.put_object(Bucket=self._bucket, Key=key, Body=batch.body)
                except (ClientError, BotoCoreError) as error:
                    raise TransformError(
                        f"{SCHEME}{self._bucket}/{key}: {explain(error)}"
                    ) from None
                self._uploaded.append(key)
            yield Stored(key, batch.filled)

    def outputs(self) -> list[str]:
        """Return the keys of the outputs that are there.

        Raises:
            TransformError: S3 refuses.
        """
        try:
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=f"{self._output}/"
            )
            return [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        except (ClientError, BotoCoreError) as error:
            raise TransformError(f"{self.output}/: {explain(error)}") from None

    def read(self, stored: Sequence[Stored]) -> Iterator[Mixture | None]:
        """Yield the topic mixture of each document of the input, in order.

        The outputs are not trusted: memory is bounded, whatever they hold.

        Yields:
            (K,) float64 with sum 1; None for a document without words.

        Raises:
            TransformError: An output is missing, or it has not the predictions of its input.
        """
        keys = {key.rpartition("/")[2]: key for key in self.outputs()}
        topics = None
        for one in stored:
            name = f"{one.key.rpartition('/')[2]}.out"
            if one.records and name not in keys:
                raise TransformError(f"{self.output}/: there is no output {name}")
            mixtures = self._read_output(keys[name], one.records) if one.records else iter(())
            for filled in one.filled.tolist():
                mixture = next(mixtures) if filled or one.whole else None
                if mixture is not None and topics not in (None, mixture.size):
                    raise TransformError(
                        f"{SCHEME}{self._bucket}/{keys[name]}: a mixture of {mixture.size} topics,"
                        f" after mixtures of {topics}"
                    )
                topics = topics if mixture is None else mixture.size
                yield mixture if filled else None
            for _ in mixtures:  # one more is an error
                pass

    def _read_output(self, key: str, records: int) -> Iterator[Mixture]:
        """Yield the mixtures of an output, which must be so many."""
        address = f"{SCHEME}{self._bucket}/{key}"
        number = 0
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]
            for values in read_labels(io.BufferedReader(cast(Any, body)), _LABEL):
                number += 1
                if number > records:
                    break
                mixture = values.astype(np.float64)
                if problem := "no topics" if not mixture.size else fault_of(mixture[np.newaxis]):
                    raise TransformError(f"{address}: record {number} has {problem}")
                yield mixture
        except RecordIOError as error:
            raise TransformError(f"{address}: {error}") from None
        except (ClientError, BotoCoreError) as error:
            raise TransformError(f"{address}: {explain(error)}") from None
        if number != records:
            more = "more than " if number > records else ""
            raise TransformError(
                f"{address}: there are {more}{min(number, records):,} predictions for"
                f" {records:,} documents"
            )

    def remove(self) -> None:
        """Remove what was uploaded, and the outputs.

        Raises:
            TransformError: S3 refuses.
        """
        keys = [*self._uploaded, *self.outputs()]
        for start in range(0, len(keys), _DELETED):
            named = [{"Key": key} for key in keys[start : start + _DELETED]]
            try:
                answer = self._s3.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": named, "Quiet": True}
                )
            except (ClientError, BotoCoreError) as error:
                raise TransformError(explain(error)) from None
            if errors := answer.get("Errors"):
                raise TransformError(f"{errors[0]['Code']}: {errors[0].get('Message', '')}")
