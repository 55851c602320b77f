"""The Region that a command line asks about."""

import os

import boto3

from stacks.settings import Settings, SettingsError


def region_of(settings: Settings) -> str:
    """The Region of the settings, or else the caller's, by what the CDK's command line reads.

    boto3 by itself does not read `AWS_REGION`.

    Raises:
        SettingsError: There is none.
        BotoCoreError: `AWS_PROFILE` names a profile that is not there.
    """
    region = settings.region or os.environ.get("AWS_REGION") or boto3.Session().region_name
    if not region:
        raise SettingsError("no Region: set AWS_REGION, or region in cdk.json")
    return str(region)
