import os
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("tests.support")

_REPOSITORY = Path(__file__).parent.parent

settings.register_profile("on a machine with other work", deadline=None)
settings.load_profile("on a machine with other work")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin on each worker with tests that take a minute: the last to begin decides when all end.

    `--dist worksteal` gives each worker an equal run of neighbours, and moves tests only later.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow = [item for item in items if item.get_closest_marker("e2e")]
    quick = iter([item for item in items if not item.get_closest_marker("e2e")])
    count, items[:] = len(items), []
    for worker in range(workers):
        items += slow[worker::workers]
        items += islice(quick, max(0, count * (worker + 1) // workers - len(items)))
    items += quick


def _shared(name: str) -> Path:
    data = Path(os.environ.get("SHARED_DATA", _REPOSITORY.parent / "shared" / "data"))
    if not (data / name).is_dir():
        pytest.skip(f"needs the {name} corpus: set SHARED_DATA to the folder it is in")
    return data / name


@pytest.fixture(scope="session")
def nyt() -> Path:
    """Folder of the New York Times counts: `nyt_data.txt` and `nyt_vocab.dat`."""
    return _shared("nyt")


@pytest.fixture(scope="session")
def kos() -> Path:
    """Folder of the Daily Kos counts: `docword.kos.txt.gz` and `vocab.kos.txt`."""
    return _shared("kos")
