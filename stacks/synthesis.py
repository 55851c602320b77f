"""What the CDK apps share: read the context, synthesize, and print errors of the settings."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aws_cdk import App

from stacks.lda import LdaError
from stacks.settings import SettingsError
from stacks.training_job import TrainingJobError

CONTEXT = "CDK_CONTEXT_JSON"  # the variable in which `cdk` passes the context
CONTEXT_FILE = "CONTEXT_OVERFLOW_LOCATION_ENV"  # names a file, if the context is too long for that


def context_of(app: App) -> dict[str, Any]:
    """Return the context of `app` with its nulls, which jsii loses."""
    context = dict(app.node.get_all_context())
    if file := os.environ.get(CONTEXT_FILE):
        context |= json.loads(Path(file).read_text(encoding="utf-8"))
    context |= json.loads(os.environ.get(CONTEXT, "{}"))
    return context


def synthesize(build: Callable[[App], None]) -> int:
    """Synthesize an app that `build` adds stacks to; return the exit code."""
    app = App()
    try:
        build(app)
    except (SettingsError, LdaError, TrainingJobError) as error:
        print(f"settings: {error}", file=sys.stderr)
        return 2
    app.synth()
    return 0
