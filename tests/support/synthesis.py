"""What synthesis takes: a prepared corpus, made up, and the feature flags of `cdk.json`."""

import hashlib
import json
from pathlib import Path
from typing import Any

from data_prep.manifest import Golden, Manifest, Part, Source, Split, Vocabulary

PROJECT = Path(__file__).parents[2]


def write_file(folder: Path, name: str, content: bytes) -> dict[str, Any]:
    """Write a file; what a manifest says of it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return {"file": name, "bytes": len(content), "sha256": digest}


def write_corpus(folder: Path, *, train: bytes = b"training data", test: bool = True) -> Path:
    """A prepared corpus whose data only the digests look at."""
    Manifest(
        format=Manifest.FORMAT,
        source=Source("corpus.txt", "vocab.txt", None),
        split=Split(0.05, None),
        vocabulary=Vocabulary(size=3012, **write_file(folder, "vocab.txt", b"a\nb\n")),
        train=Part(
            documents=8713, nonzeros=5, tokens=7, **write_file(folder, "train.recordio", train)
        ),
        test=(
            Part(
                documents=459,
                nonzeros=5,
                tokens=7,
                **write_file(folder, "test.recordio", b"test data"),
            )
            if test
            else None
        ),
        golden=Golden(documents=5, **write_file(folder, "golden.json", b"{}")),
        min_words=1,
        empty_documents=0,
        short_documents=0,
        left_out=None,
    ).write(folder)
    return folder


def flags() -> dict[str, Any]:
    """The feature flags of `cdk.json`."""
    context = json.loads((PROJECT / "cdk.json").read_text())["context"]
    return {key: value for key, value in context.items() if "/" in key}
