"""Execute the notebook on a deployed environment, and write it with its outputs as a page."""

import argparse
import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert import HTMLExporter
from traitlets.config import Config

from cli.arguments import Parser, run_command
from stacks.settings import SettingsError, load, read_context

PROJECT = Path(__file__).parent.parent
NOTEBOOK = Path(__file__).with_name("lda_on_sagemaker.ipynb")
PAGE = PROJECT / "build/lda_on_sagemaker.html"
# The notebook's choices, each with the variable that it reads.
CHOICES = {"env": "ENV", "corpus": "CORPUS", "vocab": "VOCAB", "prepared": "PREPARED"}
# The page holds all that it shows: no script, and pictures with their descriptions.
TEMPLATE = """\
{%- extends "lab/index.html.j2" -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block data_png -%}
<div class="jp-RenderedImage jp-OutputArea-output">
<img alt="{{ output | get_metadata("alt", "image/png") | escape_html }}"
src="data:image/png;base64,{{ output.data["image/png"] | escape_html }}"></div>
{%- endblock -%}
"""
# By files that only the user may open; a port would be open to all users of the machine.
PRIVATE = Config({"KernelManager": {"transport": "ipc"}})


class ExecutionError(Exception):
    """A cell failed; the message says which, and why."""


def main(arguments: list[str] | None = None) -> int:
    """Execute the notebook; return the exit code."""
    options = _parser().parse_args(arguments)
    if bool(options.corpus) != bool(options.vocab):
        _parser().error("give both --corpus and --vocab, or neither")
    choices = {
        variable: value
        for name, variable in CHOICES.items()
        if (value := getattr(options, name)) is not None
    }
    return run_command(
        "notebooks",
        lambda: execute(choices, options.out),
        bad_input=(SettingsError,),
        failures=(ExecutionError,),
    )


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m notebooks", description=__doc__)
    parser.add_argument("--env", metavar="NAME", help="the environment (default: dev)")
    parser.add_argument("--corpus", metavar="FILE", help="the word counts that were deployed")
    parser.add_argument("--vocab", metavar="FILE", help="their vocabulary, a word a line")
    parser.add_argument(
        "--prepared", metavar="FOLDER", help="the prepared corpus (default: what cdk.json says)"
    )
    parser.add_argument(
        "--out", metavar="FILE", type=Path, default=PAGE, help="the page (default: %(default)s)"
    )
    return parser


def execute(choices: dict[str, str], out: Path) -> None:
    """Execute all cells from top to bottom, and write the page, also after a failure.

    Args:
        choices: The notebook's choices, by the variables that it reads.
        out: The page.

    Raises:
        ExecutionError: A cell failed.
        SettingsError: There is no such environment.
    """
    load(read_context(choices.get("ENV"), []))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    titles = _Titles(notebook)
    client = NotebookClient(
        notebook,
        timeout=None,  # a job may take as long as it takes
        resources={"metadata": {"path": str(PROJECT)}},
        on_cell_execute=titles.tell,
        config=PRIVATE,
    )
    kept = {name: value for name, value in os.environ.items() if name not in CHOICES.values()}
    try:
        client.execute(env=kept | choices)
    except CellExecutionError as error:
        raise ExecutionError(f"{titles.last}: {error.ename}: {error.evalue}") from None
    except DeadKernelError:
        raise ExecutionError(f"{titles.last}: the kernel died") from None
    finally:
        _write(notebook, out)
        print(out, flush=True)


class _Titles:
    """Prints the title of each section when its first cell starts, with the time since the start.

    Attributes:
        last: The title of the section that runs.
    """

    def __init__(self, notebook: Any) -> None:
        self._cells = notebook.cells
        self._started = time.monotonic()
        self.last = ""

    def tell(self, cell_index: int, **_: Any) -> None:
        """Print the title of the section that a cell is in, unless it was printed before."""
        titles = [
            cell.source.partition("\n")[0]
            for cell in self._cells[:cell_index]
            if cell.cell_type == "markdown" and cell.source.startswith("#")
        ]
        title = titles[-1].lstrip("# ") if titles else ""
        if title != self.last:
            self.last = title
            print(f"{time.monotonic() - self._started:6.1f} s  {title}", flush=True)


def _write(notebook: Any, out: Path) -> None:
    page, _ = HTMLExporter(raw_template=TEMPLATE).from_notebook_node(
        notebook, resources={"metadata": {"name": "LDA on SageMaker, by hand"}}
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
