"""What a newcomer runs first."""

import re
import sys

import pytest

from tests.support.cloud import run

pytestmark = pytest.mark.e2e


def test_the_demo_goes_the_whole_way_and_leaves_nothing() -> None:
    done = run(sys.executable, "demo.py", environment={})
    assert done.returncode == 0, done.stdout
    recovered = re.search(r"(\d+) of 10 planted topics recovered", done.stdout)
    assert recovered is not None, done.stdout
    assert int(recovered[1]) >= 9
    assert len(re.findall(r"^topic +\d+ ", done.stdout, re.MULTILINE)) == 10
    assert "10 topics -> build/demo/report.html" in done.stdout
    assert done.stdout.count('{"topic_mixture": [') == 3
    assert "150 predictions in build/demo/predictions.jsonl" in done.stdout
    assert "nothing is left" in done.stdout
    assert re.search(r"^ *\d+\.\d s  in all$", done.stdout, re.MULTILINE)


def test_a_corpus_without_its_vocabulary_is_wrong_use() -> None:
    done = run(sys.executable, "demo.py", "--corpus", "a", environment={})
    assert done.returncode == 2
    assert "give both --corpus and --vocab, or neither" in done.stdout
