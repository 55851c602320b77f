"""The notebook as it is committed."""

import json
import re
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[3]
FILE = PROJECT / "notebooks/lda_on_sagemaker.ipynb"
CELLS: list[dict[str, Any]] = json.loads(FILE.read_text("utf-8"))["cells"]
CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]
TEXT = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "markdown"]


def test_it_has_no_outputs() -> None:
    executed = [cell for cell in CELLS if cell.get("outputs") or cell.get("execution_count")]
    assert executed == []


def test_cells_have_names_and_no_metadata_of_an_editor() -> None:
    names = [cell["id"] for cell in CELLS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z-]+", name) for name in names)
    assert [cell["metadata"] for cell in CELLS if cell["metadata"]] == []


def test_it_names_no_account_no_bucket_and_no_key() -> None:
    text = FILE.read_text("utf-8")
    assert re.findall(r"\b\d{12}\b|\bAKIA\w+|\bASIA\w+|arn:aws", text) == []


def test_every_figure_is_described() -> None:
    """`show` asks for a description; a figure that is shown by itself has none."""
    drawn = "\n".join(CODE).count("plt.subplots(")
    assert drawn > 5
    assert "\n".join(CODE).count("\nshow(figure, ") == drawn
    assert "plt.show" not in "\n".join(CODE)


def test_its_sections_are_the_way_in_its_order() -> None:
    headings = [text.splitlines()[0] for text in TEXT if text.startswith("#")]
    assert headings[0].startswith("# LDA on SageMaker")
    assert [heading.lstrip("# ") for heading in headings[1:]] == [
        "Before we start",
        "What was deployed",
        "Read the word counts",
        "Look at them",
        "Split",
        "Convert",
        "Upload",
        "Train",
        "Open the model",
        "Draw it",
        "Read the topics",
        "Ask the endpoint",
        "Ask about the whole test set",
        "Another number of topics",
        "Serve it by hand",
        "Clean up",
    ]
