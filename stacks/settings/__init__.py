"""The settings of an environment, read from `cdk.json` and the command line, and checked.

`cdk.json` holds the settings of one environment under `context.environments.<name>`, and those that
all environments share under `context.defaults`. `-c env=<name>` chooses an environment.
`-c model.num_topics=20` or `-c endpoint.instance_type=ml.m5.large` overrides one setting.
"""

from stacks.settings.context import SettingsError, read_context
from stacks.settings.load import load
from stacks.settings.model import GitHubSettings, NetworkSettings, ScalingSettings, Settings

__all__ = [
    "GitHubSettings",
    "NetworkSettings",
    "ScalingSettings",
    "Settings",
    "SettingsError",
    "load",
    "read_context",
]
