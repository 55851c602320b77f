"""Nothing that is printed makes a terminal do anything but show it."""

import io
import json
import tarfile
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cli.arguments import run_command
from cli.printable import PrintableStream, printable
from data_prep import __main__ as data_prep
from local_aws import __main__ as local_aws
from operations import __main__ as operations
from topics import __main__ as topics
from topics.model.archive import Model, encode, save

ESCAPE = "\x1b]0;owned\x07\x1b[2J"
TURN = "\u202e\u2066"  # the direction of writing
HOSTILE = f"a{ESCAPE}{TURN}\x9b\x7f\u2028b"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "zürich\tłódź\n",
        "क्\u200dष",
        "日本\u3000語",
        "no\xa0break",
        "👩\u200d🔬",
        "a\\u202eb",
    ],
)
def test_text_of_all_languages_is_left_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_what_a_terminal_obeys_is_escaped_whichever_it_is() -> None:
    categories = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    every = [chr(code) for code in range(0x110000)]
    obeyed = [c for c in every if unicodedata.category(c) in categories]
    shown = {c for c in obeyed if printable(c) == c}
    assert shown == {"\n", "\t", "\u180e", "\u200c", "\u200d"}


def test_escapes_are_those_of_json() -> None:
    """So that JSON with a word in it stays the JSON that it was."""
    word = HOSTILE + "\U000e0001"
    told = printable(json.dumps({"word": word}, ensure_ascii=False))
    assert told.isprintable()
    assert json.loads(told) == {"word": word}


def test_letters_that_the_terminal_has_no_code_for_are_escaped() -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    assert PrintableStream(terminal).write('"\xe9 \u0928 \U0001f600 \x1b"\n') == 10
    terminal.seek(0)
    assert terminal.read() == '"\xe9 \\u0928 \\ud83d\\ude00 \\u001b"\n'


def test_bytes_of_a_name_that_are_no_utf_8_can_be_printed() -> None:
    printable(b"\xff\xfe".decode(errors="surrogateescape")).encode()


def test_a_stream_counts_the_characters_that_it_was_given() -> None:
    stream = PrintableStream(inner := io.StringIO())
    assert stream.write("a\x1bb") == 3
    stream.writelines(["\x07", "\n"])
    assert inner.getvalue() == "a\\u001bb\\u0007\n"


def test_what_a_command_prints_and_fails_with_is_escaped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def command() -> None:
        print(HOSTILE)  # noqa: T201
        raise OSError(HOSTILE)

    assert run_command("name", command, bad_input=()) == 1
    assert_harmless(capsys)


@pytest.mark.parametrize("main", [data_prep.main, local_aws.main, operations.main, topics.main])
def test_wrong_use_is_told_without_what_a_terminal_obeys(
    main: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([HOSTILE])
    assert_harmless(capsys)


def test_words_of_a_corpus_are_shown_escaped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "vocab").write_text(f"one\na{ESCAPE}{TURN}b\n", encoding="utf-8")
    (tmp_path / "corpus").write_text("1:2,2:3\n", encoding="utf-8")
    files = ["--corpus", str(tmp_path / "corpus"), "--vocab", str(tmp_path / "vocab")]
    data_prep.main(["inspect", *files, "--document", "1"])
    assert_harmless(capsys)


def test_names_of_files_in_a_corpus_are_shown_escaped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / f"a{ESCAPE}{TURN}.txt").write_bytes(b"\xff")
    out = str(tmp_path / "out")
    assert data_prep.main(["convert", "--corpus", str(tmp_path), "--out", out]) == 2
    assert_harmless(capsys)


def test_names_in_a_manifest_are_shown_escaped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample, prepared = str(tmp_path / "sample"), tmp_path / "prepared"
    assert data_prep.main(["sample", "--out", sample, "--documents", "20"]) == 0
    files = ["--corpus", f"{sample}/corpus.txt", "--vocab", f"{sample}/vocab.txt"]
    assert data_prep.main(["convert", *files, "--out", str(prepared)]) == 0
    manifest = json.loads((prepared / "manifest.json").read_text())
    manifest["train"]["files"][0]["file"] = f"x{ESCAPE}{TURN}"
    (prepared / "manifest.json").write_text(json.dumps(manifest))
    capsys.readouterr()
    sweep = ["sweep", "--num-topics", "2", "--prepared", str(prepared)]
    assert topics.main(sweep) in (1, 2)
    assert_harmless(capsys)


def test_names_in_an_archive_are_shown_escaped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Model(np.ones(2), np.full((2, 3), 1 / 3))
    for name in (f"x{ESCAPE}", f"model_{ESCAPE}"):
        content = encode(model)
        with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
            for _ in range(2):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        assert topics.main(["show", str(tmp_path / "model.tar.gz")]) == 2
        assert_harmless(capsys)
    place = tmp_path / f"{ESCAPE}{TURN}.tar.gz"
    save(model, place)
    assert topics.main(["fit", str(place), "--num-topics", "1", "--out", "x"]) == 2
    assert_harmless(capsys)


def assert_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    """See that something was printed, and that it is printable."""
    out, err = capsys.readouterr()
    assert out + err
    assert [line for line in (out + err).split("\n") if not line.isprintable()] == []
