"""Synthesis without AWS: templates of the app's stacks from a made-up prepared corpus."""

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment
from aws_cdk.assertions import Template

from data_prep.manifest import Golden, Manifest, Part, Source, Split, Vocabulary
from stacks.environment import add_environment
from stacks.settings import load

PROJECT = Path(__file__).parents[2]
Templates = dict[str, Template]
Synthesize = Callable[..., Templates]


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


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="session")
def synthesize(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Synthesize:
    """Templates by stack (`storage`, `training`, `serving`) for settings as `-c` takes them.

    The same settings are synthesized once: tests look at templates and change none.
    """

    @cache
    def run(*, region: str | None = "us-east-1", **settings: Any) -> Templates:
        app = App(outdir=str(tmp_path_factory.mktemp("cdk.out")), context=flags())
        context = {"environments": {"dev": {}, "dev-2": {}}, "corpus": str(corpus), **settings}
        env = Environment(account="111122223333" if region else None, region=region)
        add_environment(app, load(context), env)
        return {
            stack.node.id.rsplit("-", 1)[-1]: Template.from_stack(stack)  # type: ignore[arg-type]
            for stack in app.node.children
            if stack.node.id.startswith("topic-model")
        }

    return run


def flags() -> dict[str, Any]:
    """The feature flags of `cdk.json`."""
    context = json.loads((PROJECT / "cdk.json").read_text())["context"]
    return {key: value for key, value in context.items() if "/" in key}
