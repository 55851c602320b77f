from tests.e2e.conftest import cloud, environment

__all__ = ["cloud", "environment"]
