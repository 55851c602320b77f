from tests.support.cloud import cloud, environment

__all__ = ["cloud", "environment"]
