#!/usr/bin/env python3
"""The CDK app: three stacks that make a real-time endpoint from a prepared corpus."""

import os
import sys

from aws_cdk import App, Environment

from stacks.environment import add_environment
from stacks.settings import Settings, load
from stacks.synthesis import context_of, synthesize


def build(app: App, settings: Settings) -> None:
    """Add the stacks of the chosen environment to `app`."""
    account = settings.account or os.environ.get("CDK_DEFAULT_ACCOUNT")
    region = settings.region or os.environ.get("CDK_DEFAULT_REGION")
    add_environment(app, settings, Environment(account=account, region=region))


def main() -> int:
    """Read the settings from the context, build and synthesize; return the exit code."""
    return synthesize(lambda app: build(app, load(context_of(app))))


if __name__ == "__main__":
    sys.exit(main())
