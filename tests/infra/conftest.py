"""Synthesis without AWS: templates of the app's stacks from a made-up prepared corpus."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment
from aws_cdk.assertions import Template

from stacks.environment import add_environment
from stacks.settings import load
from tests.support.synthesis import flags, write_corpus

Templates = dict[str, Template]
Synthesize = Callable[..., Templates]


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
        context = {"environments": {"dev": {}, "dev-2": {}}, "prepared": str(corpus), **settings}
        env = Environment(account="111122223333" if region else None, region=region)
        add_environment(app, load(context), env)
        return {
            stack.node.id.rsplit("-", 1)[-1]: Template.from_stack(stack)  # type: ignore[arg-type]
            for stack in app.node.children
            if stack.node.id.startswith("topic-model")
        }

    return run
