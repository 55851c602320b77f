"""The settings of an environment: from `cdk.json` and the command line, checked before use.

`cdk.json` holds them under `context.environments.<name>`, and what all environments share under
`context.defaults`. `-c env=<name>` chooses one, and `-c model.num_topics=20` or
`-c endpoint.instance_type=ml.m5.large` overrides a single value.
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
