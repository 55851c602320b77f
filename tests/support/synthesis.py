"""What synthesis takes: a prepared corpus, made up, and the feature flags of `cdk.json`."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

from data_prep.manifest import Golden, Manifest, Part, Shard, Source, Split, Vocabulary
from data_prep.recordio.framing import read_frames

PROJECT = Path(__file__).parents[2]


def write_file(folder: Path, name: str, content: bytes) -> dict[str, Any]:
    """Write a file; what a manifest says of it."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return {"file": name, "bytes": len(content), "sha256": digest}


def write_corpus(
    folder: Path, *, train: bytes | Sequence[bytes] = b"training data", test: bool = True
) -> Path:
    """A prepared corpus whose data only the digests look at; `train` is that of each file."""
    if isinstance(train, bytes):
        files = [write_shard(folder, "train.recordio", train, 8713)]
    else:
        files = [
            write_shard(folder, f"train/part-{number:05}.recordio", content, 1)
            for number, content in enumerate(train)
        ]
    held_out = [write_shard(folder, "test.recordio", b"test data", 459)]
    Manifest(
        format=Manifest.FORMAT,
        location=None,
        source=Source("corpus.txt", "vocab.txt", None),
        split=Split(0.05, None),
        vocabulary=Vocabulary(size=3012, **write_file(folder, "vocab.txt", b"a\nb\n")),
        train=Part.of(files, nonzeros=5, tokens=7),
        test=Part.of(held_out, nonzeros=5, tokens=7) if test else None,
        golden=Golden(documents=5, **write_file(folder, "golden.json", b"{}")),
        min_words=1,
        empty_documents=0,
        short_documents=0,
        left_out=None,
    ).write(folder)
    return folder


def write_shard(folder: Path, name: str, content: bytes, documents: int) -> Shard:
    """Write a file of documents; its entry in the manifest."""
    return Shard(documents=documents, **write_file(folder, name, content))


def cut_into_shards(folder: Path, documents: int = 1) -> Manifest:
    """Put so many documents of a prepared corpus into a file each; return the new manifest."""
    old = Manifest.load(folder)
    parts: dict[str, Any] = {}
    for name, part in old.parts.items():
        content = (folder / part.files[0].file).read_bytes()
        starts = [frame.offset for frame in read_frames(BytesIO(content))]
        bounds = [*starts[::documents], len(content)]
        parts[name] = Part.of(
            [
                write_shard(
                    folder,
                    f"{name}/part-{number:05}.recordio",
                    content[start:stop],
                    sum(start <= offset < stop for offset in starts),
                )
                for number, (start, stop) in enumerate(pairwise(bounds))
            ],
            part.nonzeros,
            part.tokens,
        )
        (folder / part.files[0].file).unlink()
    new = replace(old, **parts)
    new.write(folder)
    return new


def flags() -> dict[str, Any]:
    """The feature flags of `cdk.json`."""
    context = json.loads((PROJECT / "cdk.json").read_text())["context"]
    return {key: value for key, value in context.items() if "/" in key}
