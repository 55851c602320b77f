"""A stand-in for Spark's environment: it runs a script by plain Python, without Java.

`plain_spark` has what our program asks of Spark, done in the script's own process.
"""

import sys
from pathlib import Path

LIBRARY = Path(__file__).parent / "plain_spark"
# As spark-submit does with Python: options first, then the script and its arguments.
SUBMIT = """\
#!{python}
import os, sys
words = sys.argv[1:]
options = {{}}
while words[0].startswith("--"):
    name, value, *words = words
    options[name] = value
paths = options.get("--py-files", "").split(",")
os.environ["PYTHONPATH"] = os.pathsep.join([{library!r}, *paths])
os.execv(sys.executable, [sys.executable, *words])
"""


def write_environment(folder: Path) -> Path:
    """Write the environment into a new folder, and return it."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    submit = programs / "spark-submit"
    submit.write_text(SUBMIT.format(python=sys.executable, library=str(LIBRARY)))
    submit.chmod(0o700)
    return folder
