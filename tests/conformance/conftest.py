"""Comparisons with other implementations, each in a venv of its own.

A comparison is collected when its variable names the Python of that venv: `make conformance` does.
"""

import os

_ORACLES = {
    "test_artifact_mxnet.py": "CONFORMANCE_MXNET_PYTHON",
    "test_explorer_pyldavis.py": "CONFORMANCE_PYLDAVIS_PYTHON",
    "test_recordio_sdk.py": "CONFORMANCE_SAGEMAKER_PYTHON",
}

collect_ignore = [test for test, variable in _ORACLES.items() if variable not in os.environ]
