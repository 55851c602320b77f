"""The same commit and data make the same templates, to the byte, wherever and whenever."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.synthesis import PROJECT, write_corpus

# A year later, and with no way out. The CDK runs in Node.
ELSEWHERE = """
const now = Date.now;
Date.now = () => now() + 365 * 24 * 3600 * 1000;
const connect = require('net').Socket.prototype;
connect.connect = () => { throw new Error('synthesis asked the network'); };
"""


def templates(folder: Path, **environment: str) -> dict[str, bytes]:
    """The templates that a checkout in `folder` makes, with nothing else in the environment."""
    folder.mkdir()
    for name in ("app.py", "cdk.json"):
        shutil.copy(PROJECT / name, folder)
    for name in ("stacks", "data_prep"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT / name, folder / name, ignore=ignored)
    write_corpus(folder / "build/prepared")
    context = json.loads((folder / "cdk.json").read_text())["context"]
    out = folder / "cdk.out"
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=folder,
        env={
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": os.environ["HOME"],
            "CDK_OUTDIR": str(out),
            "CDK_CONTEXT_JSON": json.dumps(context),  # as the CLI gives it
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {file.name: file.read_bytes() for file in out.glob("*.template.json")}


def test_templates_are_the_same_in_another_folder_process_and_year_without_network(
    tmp_path: Path,
) -> None:
    (tmp_path / "elsewhere.js").write_text(ELSEWHERE)
    here = templates(tmp_path / "here", PYTHONHASHSEED="1", TZ="UTC")
    there = templates(
        tmp_path / "there-and-longer",
        PYTHONHASHSEED="2",
        TZ="Asia/Tokyo",
        NODE_OPTIONS=f"--require {tmp_path / 'elsewhere.js'}",
    )
    assert len(here) == 3
    assert here == there
