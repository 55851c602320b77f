"""The examples' apps."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.synthesis import write_corpus

PROJECT = Path(__file__).parents[2]


def test_the_construct_trains_another_algorithm_on_the_prepared_corpus(tmp_path: Path) -> None:
    manifest = json.loads((write_corpus(tmp_path / "build/prepared") / "manifest.json").read_text())
    done = subprocess.run(
        [sys.executable, PROJECT / "examples/training_job/app.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(PROJECT), "CDK_OUTDIR": str(tmp_path / "cdk.out")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    template = (tmp_path / "cdk.out/clusters.template.json").read_text()
    kinds = [one["Type"] for one in json.loads(template)["Resources"].values()]
    assert kinds.count("Custom::TrainingJob") == 1
    assert "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1" in template
    assert manifest["train"]["sha256"] in template
