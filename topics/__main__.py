"""The command line: `python -m topics`."""

import argparse
import json
import math
import os
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from data_prep.arguments import Parser, whole_from
from data_prep.progress import Progress
from data_prep.recordio import RecordIOError, read_matrix
from topics import artifact, vocabulary
from topics.client import EndpointError, predict
from topics.evaluate import EvaluationError, match_topics, per_word_log_likelihood, unigram
from topics.inference import InferenceError
from topics.spectral import SpectralError, fit

_RECOVERED = 0.95  # cosine from which a planted topic counts as found
_EXAMPLES = """\
examples:
  python -m topics fit build/nyt/train.recordio --num-topics 10 --out model.tar.gz
  python -m topics show model.tar.gz --vocab build/nyt/vocab.txt
  python -m topics score model.tar.gz --test build/nyt/test.recordio \\
      --train build/nyt/train.recordio
  python -m topics predict --endpoint lda-dev build/nyt/test.recordio --limit 3

MODEL is a model.tar.gz: a file, or s3://BUCKET/KEY. What asks AWS takes credentials and Region
from the environment, as the AWS CLI does.
"""


class InputError(ValueError):
    """A file named on the command line can't be used."""


_INPUT_ERRORS = (
    InputError,
    artifact.ArtifactError,
    vocabulary.VocabularyError,
    EvaluationError,
    InferenceError,
    SpectralError,
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns 0 when it is done, 1 when it failed, 2 when its input is bad."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
        sys.stdout.flush()
    except _INPUT_ERRORS as error:
        return _fail(2, str(error))
    except BrokenPipeError:  # the reader has seen enough, as `head` does
        # Python flushes stdout once more at its end, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (EndpointError, OSError) as error:
        return _fail(1, str(error))
    except KeyboardInterrupt:
        return _fail(1, "interrupted")
    return 0


def _fail(code: int, message: str) -> int:
    print(f"topics: {' '.join(message.split())}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m topics",
        description="Fit topic models, look at them, score them, and ask a deployed one.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    command = commands.add_parser(
        "fit",
        help="fit a model to documents",
        description="Fit a model on this machine, by the method of SageMaker's LDA.",
    )
    command.add_argument("train", type=Path, metavar="TRAIN", help="a .recordio file")
    command.add_argument("--num-topics", type=whole_from(1), required=True, metavar="N")
    command.add_argument("--out", type=Path, required=True, metavar="FILE", help="model.tar.gz")
    command.add_argument(
        "--alpha0",
        type=_positive,
        default=1.0,
        metavar="A",
        help="sum of the prior; more means more topics in a document (default: %(default)s)",
    )
    command.set_defaults(run=_fit)

    command = commands.add_parser(
        "show",
        help="print alpha and the top words of each topic",
        description="Print alpha and the most probable words of each topic.",
    )
    _add_model(command)
    command.add_argument(
        "--vocab",
        type=Path,
        metavar="FILE",
        help="vocab.txt, a word a line; without it words are ids",
    )
    command.add_argument(
        "--words",
        type=whole_from(1),
        default=10,
        metavar="N",
        help="of each topic (default: %(default)s)",
    )
    _add_json(command)
    command.set_defaults(run=_show)

    command = commands.add_parser(
        "score",
        help="score a model on unseen documents",
        description="Print the held-out log likelihood per word of the model, and of the word"
        " frequencies alone. Half of each test document's words determine its topics; the other"
        " half is scored. Larger is better.",
    )
    _add_model(command)
    for name, what in (("--test", "unseen documents"), ("--train", "for the word frequencies")):
        command.add_argument(
            name, type=Path, required=True, metavar="FILE", help=f"{what}: a .recordio file"
        )
    command.set_defaults(run=_score)

    command = commands.add_parser(
        "recover",
        help="compare a model with the one its sample was drawn from",
        description="Match the model's topics with planted ones, and print how many have a cosine"
        f" of {_RECOVERED} or more.",
    )
    _add_model(command)
    command.add_argument(
        "planted", type=Path, metavar="PLANTED", help="planted.npz, with an array beta (K, V)"
    )
    _add_json(command)
    command.set_defaults(run=_recover)

    command = commands.add_parser(
        "predict",
        help="ask an endpoint for the topic mixtures of documents",
        description="Ask an endpoint for the topic mixtures of documents. Prints a JSON object a"
        " line, in the order of the documents.",
    )
    command.add_argument("documents", type=Path, metavar="DOCUMENTS", help="a .recordio file")
    command.add_argument("--endpoint", required=True, metavar="NAME")
    command.add_argument(
        "--out", type=Path, metavar="FILE", help="written when all have been answered"
    )
    command.add_argument(
        "--limit", type=whole_from(1), metavar="N", help="only the first N documents"
    )
    command.set_defaults(run=_predict)
    return parser


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL", help="model.tar.gz: a file, or s3://BUCKET/KEY")


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON")


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} must be a positive number")
    return number


def _read_documents(file: Path) -> sparse.csr_array:
    try:
        with file.open("rb") as stream:
            return read_matrix(stream)
    except RecordIOError as error:
        raise InputError(f"{file}: {error}") from None
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from None


def _fit(options: argparse.Namespace) -> None:
    counts = _read_documents(options.train)
    start = time.perf_counter()
    if sys.stderr.isatty():
        print(f"fitting {options.num_topics} topics ...", file=sys.stderr)
    model = fit(counts, options.num_topics, alpha0=options.alpha0)
    artifact.save(model, options.out)
    print(
        f"{options.num_topics} topics of {counts.shape[0]:,} documents,"
        f" {time.perf_counter() - start:.1f} s -> {options.out}"
    )


def _show(options: argparse.Namespace) -> None:
    model = artifact.load(options.model)
    size = model.beta.shape[1]
    words = vocabulary.load(options.vocab, size) if options.vocab else list(map(str, range(size)))
    topics = [
        {
            "topic": topic,
            "alpha": alpha,
            "words": [
                {"word": words[word], "probability": float(row[word])}
                for word in np.argsort(-row, kind="stable")[: options.words]
            ],
        }
        for topic, (alpha, row) in enumerate(zip(model.alpha.tolist(), model.beta, strict=True))
    ]
    if options.json:
        print(json.dumps({"topics": topics}, indent=2, ensure_ascii=False))
    else:
        for topic in topics:
            print(_topic_line(topic))


def _topic_line(topic: dict[str, Any]) -> str:
    words = "  ".join(f"{entry['word']} {entry['probability']:.4f}" for entry in topic["words"])
    return f"topic {topic['topic']:3d}  alpha {topic['alpha']:.4f}  {words}"


def _score(options: argparse.Namespace) -> None:
    model = artifact.load(options.model)
    test = _read_documents(options.test)
    scores = {
        "model": per_word_log_likelihood(model, test),
        "unigram": per_word_log_likelihood(unigram(_read_documents(options.train)), test),
    }
    print("held-out log likelihood per word")
    for name, score in scores.items():
        print(f"{name:8s} {score:.4f}")


def _recover(options: argparse.Namespace) -> None:
    planted = _read_planted(options.planted)
    match = match_topics(planted, artifact.load(options.model).beta)
    found = int((match.cosine >= _RECOVERED).sum())
    if options.json:
        pairs = [
            {"planted": first, "topic": second, "cosine": cosine}
            for first, second, cosine in zip(*(array.tolist() for array in match), strict=True)
        ]
        print(json.dumps({"planted": len(planted), "recovered": found, "pairs": pairs}, indent=2))
        return
    print(f"{found} of {len(planted)} planted topics recovered (cosine {_RECOVERED} or more)")
    for first, second, cosine in zip(*match, strict=True):
        print(f"planted {first:3d}  topic {second:3d}  cosine {cosine:.4f}")


def _read_planted(file: Path) -> NDArray[np.float64]:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            beta = np.asarray(arrays["beta"], np.float64)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(f"{file}: not an .npz with an array beta: {error}") from None
    if beta.ndim != 2 or not (np.isfinite(beta).all() and (beta >= 0).all() and beta.any(1).all()):
        raise InputError(f"{file}: beta must be (K, V) topics, finite, not negative, none empty")
    return beta


def _predict(options: argparse.Namespace) -> None:
    counts = _read_documents(options.documents)[: options.limit]
    start = time.perf_counter()
    lines = _prediction_lines(options.endpoint, counts)
    if options.out:
        options.out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    else:
        for line in lines:
            print(line)
    print(
        f"{counts.shape[0]:,} predictions in {time.perf_counter() - start:.1f} s", file=sys.stderr
    )


def _prediction_lines(endpoint: str, counts: sparse.csr_array) -> Iterator[str]:
    with Progress("predicting", counts.shape[0]) as progress:
        for mixtures in predict(endpoint, counts):
            progress.advance(len(mixtures))
            for mixture in mixtures.tolist():
                yield json.dumps({"topic_mixture": mixture})


if __name__ == "__main__":
    sys.exit(main())
