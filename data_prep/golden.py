"""Golden documents: a few documents of a corpus, sent to a new endpoint before it is trusted.

The file is JSON, with the documents as sparse counts of word ids from 0, ascending:

    {"feature_dim": 3, "documents": [{"keys": [0, 2], "values": [1, 4]}, ...]}
"""

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from data_prep import recordio
from data_prep.files import write_synced
from data_prep.manifest import Golden

GOLDEN = "golden.json"
MAX_DOCUMENTS = 5
MAX_WORDS = 1000  # different words of a document, so that all documents fit into one request


def write_golden(files: Iterable[Path], feature_dim: int, path: Path) -> Golden:
    """Write the first documents of a part, each with its first words.

    A document that is cut is still a document: the answer of a model depends on counts alone.

    Args:
        files: RecordIO files of at least one document.
        feature_dim: Words in the vocabulary.
        path: The file to write.

    Returns:
        The file's entry in the manifest.
    """
    records = chain.from_iterable(map(_read, files))
    documents = [_cut(record) for record in islice(records, MAX_DOCUMENTS)]
    content = (
        json.dumps({"feature_dim": feature_dim, "documents": documents}, separators=(",", ":"))
        + "\n"
    ).encode()
    return Golden(path.name, len(documents), *write_synced(path, content))


def _read(file: Path) -> Iterator[recordio.Record]:
    with file.open("rb") as stream:
        yield from recordio.decode(stream)


def _cut(record: recordio.Record) -> dict[str, list[Any]]:
    keys = [] if record.keys is None else record.keys[:MAX_WORDS].tolist()
    values = record.values[: len(keys)].tolist()
    return {"keys": keys, "values": [int(v) if v.is_integer() else v for v in values]}
