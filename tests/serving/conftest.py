from tests.support.cloud import cloud, corpus, environment

__all__ = ["cloud", "corpus", "environment"]
