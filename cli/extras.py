"""The installed programs that need an extra of the package, which may not be installed."""

import sys
from importlib import import_module


def operations() -> int:
    """Run `operations`."""
    return _main("operations", extra="deploy")


def local_aws() -> int:
    """Run `local-aws`."""
    return _main("local_aws", extra="local")


def _main(room: str, extra: str) -> int:
    try:
        return int(import_module(f"{room}.__main__").main())
    except ModuleNotFoundError as error:
        install = f'pip install "topic-models-on-aws[{extra}]"'
        sys.stderr.write(f"{room}: {error.name} is not installed; `{install}` brings it\n")
        return 2
