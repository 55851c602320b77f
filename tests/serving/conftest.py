from tests.e2e.conftest import cloud, corpus, environment

__all__ = ["cloud", "corpus", "environment"]
