from pathlib import Path

import numpy as np
import pytest

from examples.ask_an_endpoint import main
from tests.support import runtime_server
from topics.model.archive import Model


def test_it_prints_the_largest_topics_of_a_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "vocab.txt").write_text("court\nlaw\ngame\nteam\n")
    beta = np.array([[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]], np.float64)
    with runtime_server.running(Model(np.array([0.1, 0.1], np.float64), beta)) as server:
        server.use(monkeypatch)
        main(runtime_server.ENDPOINT, str(tmp_path / "vocab.txt"), "The team won the Game, a game.")
    assert server.media == ["text/csv"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["topic 1", "topic 0"]
    assert lines[0].endswith("%")
