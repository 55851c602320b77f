import os
from pathlib import Path

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("tests.support")

_REPOSITORY = Path(__file__).parent.parent

settings.register_profile("on a machine with other work", deadline=None)
settings.load_profile("on a machine with other work")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take a minute each: the last one to begin decides when all end."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)


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
