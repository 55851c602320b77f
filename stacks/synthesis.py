"""What the apps share: from the CDK's context to templates, or to a line about what is wrong."""

import sys
from collections.abc import Callable

from aws_cdk import App

from stacks.lda import LdaError
from stacks.settings import SettingsError
from stacks.training_job import TrainingJobError


def synthesize(build: Callable[[App], None]) -> int:
    """Synthesize an app that `build` adds stacks to; the exit code."""
    app = App()
    try:
        build(app)
    except (SettingsError, LdaError, TrainingJobError) as error:
        print(f"settings: {error}", file=sys.stderr)
        return 2
    app.synth()
    return 0
