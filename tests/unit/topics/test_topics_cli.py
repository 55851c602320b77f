"""The command line `python -m topics`."""

import gzip
import itertools
import json
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from data_prep.convert import convert
from data_prep.recordio import encode, read_matrix
from tests.support.synthesis import cut_into_shards
from topics.__main__ import main
from topics.lda.blocks import in_memory
from topics.lda.mixtures import infer
from topics.lda.refine import refine
from topics.lda.spectral import fit
from topics.model.archive import Model, load, save

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """500 documents drawn from 4 topics, the topics, and a model fitted to the documents."""
    folder = tmp_path_factory.mktemp("sample")
    rng = np.random.default_rng(0)
    beta = rng.dirichlet(np.full(60, 0.05), 4)
    np.savez(folder / "planted.npz", beta=beta)
    mixtures = rng.dirichlet(np.full(4, 0.25), 500)
    counts = sparse.csr_array(rng.multinomial(80, mixtures @ beta).astype(np.float32))
    for name, part in (("train", counts[:475]), ("test", counts[475:])):
        (folder / f"{name}.recordio").write_bytes(b"".join(encode(part)))
    words = "".join(f"word{number}\n" for number in range(60))
    (folder / "vocab.txt").write_text(words, encoding="utf-8")
    save(fit(counts[:475], 4), folder / "model.tar.gz")
    return folder


@pytest.fixture
def small(tmp_path: Path) -> str:
    """A model of two topics and three words."""
    model = Model(np.array([0.75, 0.25]), np.array([[0.5, 0.5, 0], [0.125, 0.25, 0.625]]))
    save(model, tmp_path / "model.tar.gz")
    return str(tmp_path / "model.tar.gz")


def test_fit_and_show_work_as_commands(sample: Path, tmp_path: Path) -> None:
    """As a user calls them: in a process of their own, in an empty environment."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "topics", *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True)

    train, out = sample / "train.recordio", tmp_path / "model.tar.gz"
    fitted = run("fit", train, "--num-topics", "4", "--out", out)
    assert (fitted.returncode, fitted.stderr) == (0, "")
    assert fitted.stdout.startswith("4 topics of 475 documents, ")
    assert out.read_bytes() == (sample / "model.tar.gz").read_bytes()
    shown = run("show", out, "--vocab", sample / "vocab.txt")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.count("topic ") == 4
    assert "  word" in shown.stdout


def test_help_gives_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    assert "python -m topics show model.tar.gz --vocab" in capsys.readouterr().out


def test_fit_refines_as_often_as_it_is_told(sample: Path, tmp_path: Path) -> None:
    train = sample / "train.recordio"
    with train.open("rb") as stream:
        corpus = in_memory(read_matrix(stream))
    for option, sweeps in (([], 0), (["--refine", "2"], 2), (["--refine", "7"], 7)):
        out = tmp_path / "model.tar.gz"
        arguments = ["fit", str(train), "--num-topics", "4", "--out", str(out), *option]
        assert main(arguments) == 0
        expected = refine(corpus, fit(corpus, 4), sweeps)
        np.testing.assert_allclose(load(str(out)).beta, expected.beta, rtol=1e-5)


def test_infer_prints_or_writes_the_mixtures_of_the_library(
    sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, test = str(sample / "model.tar.gz"), str(sample / "test.recordio")
    assert main(["infer", model, test]) == 0
    printed = capsys.readouterr().out
    mixtures = [json.loads(line)["topic_mixture"] for line in printed.splitlines()]
    with Path(test).open("rb") as stream:
        np.testing.assert_allclose(mixtures, infer(load(model), read_matrix(stream)), atol=1e-12)
    out = tmp_path / "mixtures.jsonl"
    assert main(["infer", model, test, "--out", str(out)]) == 0
    assert (out.read_text(encoding="utf-8"), capsys.readouterr().out) == (printed, "")


def test_infer_of_bad_documents_leaves_the_file_as_it_was(sample: Path, tmp_path: Path) -> None:
    """Also when what is bad comes after much that was good."""
    words = np.ones((15_000, 60), np.float32)  # more than is read at once
    good = b"".join(encode(sparse.csr_array(words)))
    out, model = tmp_path / "out", str(sample / "model.tar.gz")
    out.write_text("as it was")
    for content in (b"no record", good + b"no record"):
        (tmp_path / "bad").write_bytes(content)
        assert main(["infer", model, str(tmp_path / "bad"), "--out", str(out)]) == 2
        assert out.read_text() == "as it was"
        assert {path.name for path in tmp_path.iterdir()} == {"out", "bad"}


def test_fit_takes_alpha0(sample: Path, tmp_path: Path) -> None:
    train, out = str(sample / "train.recordio"), str(tmp_path / "model.tar.gz")
    assert main(["fit", train, "--num-topics", "4", "--alpha0", "2.5", "--out", out]) == 0
    assert load(out).alpha.sum() == pytest.approx(2.5, rel=1e-6)


def test_show_prints_the_top_words_of_each_topic(
    small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "vocab.txt").write_text("ape\nbear\ncat\n", encoding="utf-8")
    assert main(["show", small, "--vocab", str(tmp_path / "vocab.txt"), "--words", "2"]) == 0
    assert capsys.readouterr().out == (
        "topic   0  alpha 0.7500  ape 0.5000  bear 0.5000\n"
        "topic   1  alpha 0.2500  cat 0.6250  bear 0.2500\n"
    )


def test_show_without_vocabulary_prints_ids(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", small, "--words", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "topics": [
            {"topic": 0, "alpha": 0.75, "words": [{"word": "0", "probability": 0.5}]},
            {"topic": 1, "alpha": 0.25, "words": [{"word": "2", "probability": 0.625}]},
        ]
    }


def test_score_prints_both_log_likelihoods(
    sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(sample / "train.recordio"), "--test", str(sample / "test.recordio")]
    assert main(["score", str(sample / "model.tar.gz"), *files]) == 0
    title, model, unigram = capsys.readouterr().out.splitlines()
    assert title == "held-out log likelihood per word"
    assert (model.split()[0], unigram.split()[0]) == ("model", "unigram")
    assert float(model.split()[1]) > float(unigram.split()[1]) + 0.5
    assert main(["score", str(sample / "model.tar.gz"), *files, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert f"{found['model']['log_likelihood']:.4f}" == model.split()[1]
    assert f"{found['word_frequencies']['log_likelihood']:.4f}" == unigram.split()[1]


def test_recover_counts_the_planted_topics_that_were_found(
    sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["recover", str(sample / "model.tar.gz"), str(sample / "planted.npz")]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert text.startswith("4 of 4 planted topics recovered (cosine 0.95 or more)\nplanted   0  ")
    assert main([*arguments, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["planted"], answer["recovered"]) == (4, 4)
    assert {pair["topic"] for pair in answer["pairs"]} == set(range(4))
    assert min(pair["cosine"] for pair in answer["pairs"]) >= 0.95


def test_recover_takes_numbers_of_any_size(
    small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "planted.npz", beta=np.array([[0.5, 0.5, 0], [0.1, 0.2, 0.5]]) * 1e308)
    assert main(["recover", small, str(tmp_path / "planted.npz"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["recovered"] == 2


def test_recover_does_not_count_what_was_missed(
    small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "planted.npz", beta=[[0.5, 0.5, 0], [0.5, 0.4, 0.1]])
    assert main(["recover", small, str(tmp_path / "planted.npz"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["recovered"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "none.tar.gz"], "none.tar.gz: No such file or directory"),
        (["show", "junk"], "junk: not a model.tar.gz: Not a gzipped file"),
        (["show", "model.tar.gz", "--vocab", "junk"], "junk has 1 words, the model 3"),
        (["show", "s3://bucket"], "s3://bucket: an address in S3 has the form s3://BUCKET/KEY"),
        (["recover", "model.tar.gz", "junk"], "junk: not an .npz with an array beta"),
        (["recover", "model.tar.gz", "none.npz"], "none.npz: No such file or directory"),
        (["recover", "model.tar.gz", "empty.npz"], "empty.npz: not an .npz with an array beta"),
        (["recover", "model.tar.gz", "damaged.npz"], "damaged.npz: not an .npz with an array beta"),
        (["recover", "model.tar.gz", "large.npz"], "large.npz: not an .npz with an array beta"),
        (["recover", "model.tar.gz", "other.npz"], "over 2 words can't be matched with topics"),
        (["recover", "model.tar.gz", "zero.npz"], "zero.npz: beta must be"),
        (["recover", "model.tar.gz", "pickle.npz"], "pickle.npz: not an .npz with an array beta"),
        (["recover", "model.tar.gz", "bomb.npz"], "bomb.npz: beta unpacks to 40000128 bytes, too"),
        (["recover", "model.tar.gz", "nan.npz"], "nan.npz: beta must be"),
        (["fit", "wide.recordio", "--num-topics", "1", "--out", "x"], "1 topics and 2147483647 wo"),
        (
            ["fit", "minus.recordio", "--num-topics", "1", "--out", "x"],
            "count -1.0 must be a whole number",
        ),
        (["infer", "model.tar.gz", "minus.recordio"], "document 1, word id 3: count -1.0 must"),
        (["infer", "model.tar.gz", "huge.recordio"], "must be a whole number from 0 to 16777216"),
        (["infer", "model.tar.gz", "nan.recordio"], "nan.recordio: "),
        (
            ["fit", "junk", "--num-topics", "2", "--out", "x"],
            "junk: a corpus of the format text needs --vocab",
        ),
        (["fit", "none", "--num-topics", "2", "--out", "x"], "none: No such file or directory"),
        (
            ["predict", "--endpoint", "it", "junk"],
            "junk: a corpus of the format text needs --vocab",
        ),
        (["predict", "--endpoint", "it", "bad.recordio"], "bad.recordio: byte 0: "),
        (["predict", "--endpoint", "it", "none"], "none: No such file or directory"),
        (["predict", "--endpoint", "it"], "give either DOCUMENTS, or --text and --file"),
        (["predict", "--endpoint", "it", "junk", "--text", "a"], "give either DOCUMENTS, or"),
        (["predict", "--endpoint", "it", "--text", "a"], "--text and --file need --vocab"),
        (["predict", "--endpoint", "it", "--file", "none", "--vocab", "junk"], "none: No such"),
        (["predict", "--endpoint", "it", "--text", "a", "--vocab", "none"], "none: No such file"),
        (["score", "model.tar.gz", "none"], "none: No such file"),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_exit_code_2(
    arguments: list[str],
    message: str,
    small: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(Path(small).parent)
    Path("junk").write_text("not at all a file of any such kind", encoding="utf-8")
    Path("bad.recordio").write_bytes(bytes.fromhex("0a23d7ce ffffffff"))
    np.savez("other.npz", beta=[[0.5, 0.5]])
    np.savez("nan.npz", beta=[[0.5, 0.5, np.nan]])
    np.savez_compressed("bomb.npz", beta=np.zeros((5, 1_000_000)))
    for name, count in (("minus", -1), ("huge", 3e38), ("nan", np.nan)):
        counts = sparse.csr_array(np.array([[1, 2, 4]], np.float32))
        content = b"".join(encode(counts))
        # As another program may write it.
        content = content.replace(struct.pack("<f", 4), struct.pack("<f", count))
        Path(f"{name}.recordio").write_bytes(content)
    one = sparse.csr_array(([3], [0], [0, 1]), shape=(1, (1 << 31) - 1), dtype=np.float32)
    Path("wide.recordio").write_bytes(b"".join(encode(one)))
    Path("empty.npz").touch()
    np.savez_compressed("damaged.npz", beta=np.arange(1000.0))
    damaged = bytearray(Path("damaged.npz").read_bytes())
    damaged[100:140] = bytes(40)
    Path("damaged.npz").write_bytes(damaged)
    with zipfile.ZipFile("large.npz", "w") as archive, archive.open("beta.npy", "w") as member:
        header = {"descr": "<f8", "fortran_order": False, "shape": (1 << 30, 1 << 10)}
        np.lib.format.write_array_header_1_0(member, header)
    np.savez("zero.npz", beta=[[0.0, 0.0, 0.0]])
    np.savez("pickle.npz", beta=np.array([{}], object))
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("topics: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["fit", "x", "--out", "y"], "the following arguments are required: --num-topics"),
        (["fit", "x", "--out", "y", "--num-topics", "0"], "'0' must be a whole number from 1 on"),
        (
            ["fit", "x", "--out", "y", "--num-topics", "1", "--alpha0", "nan"],
            "'nan' must be a positive number",
        ),
        (["show", "x", "--words", "-1"], "'-1' must be a whole number from 1 on"),
    ],
)
def test_wrong_use_is_one_line_on_stderr_and_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    printed = capsys.readouterr()
    assert stopped.value.code == 2
    assert message in printed.err
    assert printed.err.count("\n") == 1


def test_more_topics_than_the_data_shows_are_fitted_and_told(
    sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, out = str(sample / "train.recordio"), tmp_path / "model.tar.gz"
    assert main(["fit", train, "--num-topics", "50", "--out", str(out)]) == 0
    told = capsys.readouterr().err
    assert told.startswith("topics: warning: the data shows 5 topics clearly, 50 were asked for")
    assert len(load(str(out)).alpha) == 50


def test_refined_fits_keep_the_sum_of_alpha_that_is_asked_for(sample: Path, tmp_path: Path) -> None:
    train, out = str(sample / "train.recordio"), tmp_path / "model.tar.gz"
    fit_four = ["fit", train, "--num-topics", "4", "--out", str(out), "--refine"]
    assert main([*fit_four, "--alpha0", "5"]) == 0
    assert load(str(out)).alpha.sum() == pytest.approx(5)
    assert main(fit_four) == 0
    assert load(str(out)).alpha.sum() < 4


@pytest.fixture(scope="module")
def ways(sample: Path) -> dict[str, list[str]]:
    """One corpus, named in all ways; it has documents held out."""
    with (sample / "train.recordio").open("rb") as stream:
        counts = read_matrix(stream)
    lines = []
    for start, stop in itertools.pairwise(counts.indptr):
        entries = zip(counts.indices[start:stop] + 1, counts.data[start:stop], strict=True)
        lines.append(",".join(f"{id_}:{count:.0f}" for id_, count in entries))
    content = "\n".join(lines) + "\n"
    (sample / "pairs.txt").write_text(content, encoding="utf-8")
    (sample / "pairs.gz").write_bytes(gzip.compress(content.encode()))
    sparse.save_npz(sample / "matrix.npz", sparse.csr_matrix(counts))
    vocab, test = str(sample / "vocab.txt"), sample / "test.recordio"
    convert(sample / "pairs.txt", sample / "vocab.txt", sample / "prepared", test_corpus=test)
    shutil.copytree(sample / "prepared", sample / "shards")
    cut_into_shards(sample / "shards", documents=100)
    held_out = ["--test", str(test)]
    return {
        "recordio": [str(sample / "train.recordio"), "--vocab", vocab, *held_out],
        "pairs": ["--vocab", vocab, str(sample / "pairs.txt"), *held_out],
        "gzip": ["--vocab", vocab, *held_out, str(sample / "pairs.gz")],
        "matrix": [str(sample / "matrix.npz"), "--vocab", vocab, *held_out],
        "folder": [str(sample / "prepared")],
        "prepared": ["--prepared", str(sample / "prepared")],
        "shards": ["--prepared", str(sample / "shards")],
    }


WAYS = ["recordio", "pairs", "gzip", "matrix", "folder", "prepared", "shards"]


@pytest.mark.parametrize("way", WAYS)
def test_a_model_is_the_same_however_its_documents_are_named(
    way: str, ways: dict[str, list[str]], sample: Path, tmp_path: Path
) -> None:
    out = tmp_path / "model.tar.gz"
    documents = [
        each for each in ways[way] if each not in ("--test", str(sample / "test.recordio"))
    ]
    assert main(["fit", "--num-topics", "4", *documents, "--out", str(out)]) == 0
    assert out.read_bytes() == (sample / "model.tar.gz").read_bytes()


@pytest.mark.parametrize("command", ["score", "compare", "report"])
def test_a_judgement_is_the_same_however_documents_are_named(
    command: str,
    ways: dict[str, list[str]],
    sample: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model, found = str(sample / "model.tar.gz"), set()
    arguments = {
        "score": [model, "--json"],
        "compare": [model, model, "--json"],
        "report": [model, "--html", str(tmp_path / "page.html")],
    }
    for way in WAYS:
        assert main([command, *arguments[command], *ways[way]]) == 0
        page = tmp_path / "page.html"
        found.add((capsys.readouterr().out, page.read_bytes() if page.exists() else b""))
    assert len(found) == 1


def test_mixtures_of_a_prepared_corpus_are_those_of_its_held_out_documents(
    ways: dict[str, list[str]], sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, printed = str(sample / "model.tar.gz"), set()
    for documents in (ways["prepared"], ways["shards"], [str(sample / "test.recordio")]):
        assert main(["infer", model, *documents]) == 0
        printed.add(capsys.readouterr().out)
    assert len(printed) == 1


def test_documents_are_named_once(
    ways: dict[str, list[str]], sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["infer", str(sample / "model.tar.gz"), "x", "--prepared", "y"]
    assert main(arguments) == 2
    assert capsys.readouterr().err == "topics: give either DOCUMENTS or --prepared, not both\n"


def test_what_is_not_named_is_the_corpus_prepared_to_deploy(
    ways: dict[str, list[str]],
    sample: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["score", str(sample / "model.tar.gz")]) == 2
    assert "build/prepared: there is no manifest.json; `python -m" in capsys.readouterr().err
    shutil.copytree(sample / "prepared", tmp_path / "build/prepared")
    assert main(["score", str(sample / "model.tar.gz")]) == 0


def test_a_score_needs_held_out_documents(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(sample / "model.tar.gz"), str(sample / "train.recordio")]) == 2
    assert "give some with --test" in capsys.readouterr().err
