#!/usr/bin/env python3
"""The CDK app: a corpus that `data_prep` converted, to a real-time endpoint, as three stacks."""

import os
import sys

from aws_cdk import App, Environment

from stacks.environment import add_environment
from stacks.lda import LdaError
from stacks.settings import Settings, SettingsError, load
from stacks.training_job import TrainingJobError


def build(app: App, settings: Settings) -> None:
    """Add the stacks of the chosen environment to `app`."""
    account = settings.account or os.environ.get("CDK_DEFAULT_ACCOUNT")
    region = settings.region or os.environ.get("CDK_DEFAULT_REGION")
    add_environment(app, settings, Environment(account=account, region=region))


def main() -> int:
    """Read the settings from the context, build and synthesize; the exit code."""
    app = App()
    try:
        build(app, load(app.node.get_all_context()))
    except (SettingsError, LdaError, TrainingJobError) as error:
        print(f"settings: {error}", file=sys.stderr)
        return 2
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
