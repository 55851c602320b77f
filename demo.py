"""Show the whole project on this machine: prepare a corpus, deploy, look at the topics, destroy.

Every step runs a command, and prints it first. The command works the same by hand.
"""

import contextlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cli.arguments import Parser, run_command
from cli.tables import table
from local_aws import instance

BUILD = Path("build/demo")
SHOWN_PREDICTIONS = 3


class StepError(Exception):
    """A command of the demo failed; the message names it."""


class Demo:
    """Run the steps, and measure the time of each."""

    def __init__(self) -> None:
        self.environment = instance.without_aws(dict(os.environ))
        self.times: list[tuple[str, float]] = []

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Print a step's title and measure its time."""
        say(f"\n== {title}")
        started = time.monotonic()
        yield
        self.times.append((title, time.monotonic() - started))

    def run(self, *argv: str) -> None:
        """Print a command and run it."""
        say(f"$ {shlex.join(argv)}")
        program = [sys.executable, *argv[1:]] if argv[0] == "python" else list(argv)
        code = subprocess.run(program, env=self.environment, check=False).returncode
        if code:
            raise StepError(f"{shlex.join(argv)} ended with exit code {code}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return the exit code."""
    parser = Parser(prog="python demo.py", description=__doc__)
    parser.add_argument("--corpus", metavar="FILE", help="word counts, `id:count,...` a line")
    parser.add_argument("--vocab", metavar="FILE", help="its vocabulary, a word a line")
    parser.add_argument(
        "--notebook", action="store_true", help="execute the notebook on what was deployed"
    )
    chosen = parser.parse_args(arguments)
    if bool(chosen.corpus) != bool(chosen.vocab):
        parser.error("give both --corpus and --vocab, or neither")
    return run_command(
        "demo",
        lambda: play(chosen.corpus, chosen.vocab, execute=chosen.notebook),
        bad_input=(),
        failures=(StepError, instance.InstanceError),
    )


def play(corpus: str | None, vocab: str | None, *, execute: bool) -> None:
    """Run all steps, and print the time that each took."""
    demo = Demo()
    started = time.monotonic()
    walk(demo, corpus, vocab, execute=execute)
    say("\n== Time")
    times = [*demo.times, ("in all", time.monotonic() - started)]
    say(table([(f"{seconds:.1f} s", title) for title, seconds in times], right=(0,)))


def walk(demo: Demo, corpus: str | None, vocab: str | None, *, execute: bool) -> None:
    """Run all steps in their order; with `execute` the notebook looks at what was deployed."""
    planted = None
    with demo.step("Prepare the corpus"):
        if corpus is None or vocab is None:
            source = BUILD / "sample"
            demo.run("python", "-m", "data_prep", "sample", "--out", str(source))
            corpus, vocab = str(source / "corpus.txt"), str(source / "vocab.txt")
            planted = source / "planted.npz"
        prepared = BUILD / "prepared"
        files = ["--corpus", corpus, "--vocab", vocab, "--out", str(prepared)]
        demo.run("python", "-m", "data_prep", "convert", *files)
    assembly = str(BUILD / "cdk.out")  # synthesized only once, since that takes seconds
    with contextlib.ExitStack() as running:
        with demo.step("Start the embedded AWS"):
            started = running.enter_context(instance.running())
            demo.environment |= started.environment()
            say(f"https://127.0.0.1:{started.port}")
        with demo.step("Bootstrap the account for the CDK"):
            demo.run("cdk", "bootstrap", f"aws://{instance.ACCOUNT}/{instance.REGION}")
        with demo.step("Deploy: bucket, role, training job, model, endpoint"):
            outputs_file = BUILD / "outputs.json"
            demo.run("cdk", "synth", "--quiet", "-c", f"prepared={prepared}", "-o", assembly)
            options = ["--require-approval", "never", "--outputs-file", str(outputs_file)]
            demo.run("cdk", "deploy", "--all", "--app", assembly, *options)
            outputs = _outputs(outputs_file)
        if execute:
            with demo.step("Execute the notebook"):
                files = ["--corpus", corpus, "--vocab", vocab, "--prepared", str(prepared)]
                demo.run("python", "-m", "notebooks", *files)
        else:
            with demo.step("Show the topics"):
                _show(demo, outputs["ModelArtifact"], prepared, planted)
            with demo.step("Ask the endpoint for every test document"):
                _predict(demo, outputs["EndpointName"], prepared)
        with demo.step("Destroy"):
            demo.run("cdk", "destroy", "--all", "--force", "--app", assembly)
        with demo.step("Check that nothing is left"):
            demo.run("python", "-m", "operations", "leftovers")


def _outputs(file: Path) -> dict[str, str]:
    """Read the outputs of all stacks."""
    stacks: dict[str, dict[str, str]] = json.loads(file.read_text())
    return {name: value for stack in stacks.values() for name, value in stack.items()}


def _show(demo: Demo, artifact: str, prepared: Path, planted: Path | None) -> None:
    demo.run("python", "-m", "topics", "show", artifact, "--vocab", str(prepared / "vocab.txt"))
    demo.run("python", "-m", "topics", "score", artifact, "--prepared", str(prepared))
    if planted is not None:
        demo.run("python", "-m", "topics", "recover", artifact, str(planted))
    out = str(BUILD / "report.html")
    files = ["--prepared", str(prepared), "--html", out]
    demo.run("python", "-m", "topics", "report", artifact, *files)


def _predict(demo: Demo, endpoint: str, prepared: Path) -> None:
    out = BUILD / "predictions.jsonl"
    files = ["--prepared", str(prepared), "--out", str(out)]
    demo.run("python", "-m", "topics", "predict", "--endpoint", endpoint, *files)
    with out.open() as lines:
        predictions = list(lines)
    for line in predictions[:SHOWN_PREDICTIONS]:
        say(line.rstrip("\n"))
    say(f"{len(predictions)} predictions in {out}, the first {SHOWN_PREDICTIONS} above")


def say(text: str) -> None:
    """Print at once, so that the text comes before the output of the next command."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
