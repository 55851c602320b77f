"""The entry point `train`: fit a model to the channel `train` and score it on `test`."""

import logging
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from scipy import sparse

from local_aws.lda_image.configuration import ConfigurationError, Hyperparameters, load_channels
from local_aws.lda_image.word_counts import WordCountsError, read
from topics.lda.blocks import Blocks
from topics.lda.moments import SpectralError
from topics.lda.spectral import FewTopicsWarning, fit
from topics.model import archive
from topics.quality.likelihood import EvaluationError, per_word_log_likelihood

_CLIENT_ERRORS = (ConfigurationError, WordCountsError, EvaluationError, SpectralError)
_CLIENT_FAILURE, _ALGORITHM_FAILURE = 2, 1  # exit codes

_log = logging.getLogger(__name__)


def train(root: Path) -> int:
    """Train under `root`, the folder that stands for `/opt/ml`.

    There is no handler for SIGTERM, so SIGTERM ends the process at once. A model file is complete
    or does not exist.

    Returns:
        0; 2 if the request or the data is at fault; 1 if this program is. The reason is then in
        `output/failure`.
    """
    logging.basicConfig(
        stream=sys.stdout,
        level=logging.INFO,
        format="[%(asctime)s %(levelname)s %(process)d] %(message)s",
        datefmt="%m/%d/%Y %H:%M:%S",
    )
    try:
        _train(root)
    except _CLIENT_ERRORS as error:
        return _fail(root, f"ClientError: {error}", _CLIENT_FAILURE)
    except (
        Exception
    ) as error:  # by the contract of a container, the caller always learns the reason
        _log.exception("the algorithm failed")
        return _fail(root, f"AlgorithmError: {error!r}", _ALGORITHM_FAILURE)
    return 0


def _fail(root: Path, reason: str, code: int) -> int:
    reason = " ".join(reason.split())
    _log.error(reason)
    (root / "output").mkdir(exist_ok=True)
    (root / "output/failure").write_text(reason, encoding="utf-8")
    return code


def _train(root: Path) -> None:
    hyperparameters = Hyperparameters.load(root / "input/config/hyperparameters.json")
    channels = load_channels(root / "input/config/inputdataconfig.json")
    _log.info("Running with %s", hyperparameters)
    corpora = {
        name: _open_channel(root / "input/data" / name, media, hyperparameters.feature_dim)
        for name, media in channels.items()
    }
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FewTopicsWarning)
        model = fit(
            corpora["train"],
            hyperparameters.num_topics,
            alpha0=hyperparameters.alpha0,
            max_restarts=hyperparameters.max_restarts,
            max_iterations=hyperparameters.max_iterations,
            tol=hyperparameters.tol,
        )
    for warning in caught:
        _log.warning(warning.message)
        if isinstance(warning.message, FewTopicsWarning):
            clear = warning.message.clear
            _log.info("#quality_metric: host=algo-1, train clear_topics <loss>=%d", clear)
    _log.info("Fitted %d topics in %.2f s", len(model.alpha), time.perf_counter() - start)
    if "test" in corpora:
        score = per_word_log_likelihood(model, corpora["test"])
        _log.info("#quality_metric: host=algo-1, test pwll <loss>=%.6f", score)
    _write_model(model, root)


def _open_channel(folder: Path, media: str, feature_dim: int) -> Blocks:
    """Read a channel once, to find what is wrong with it, and return its documents."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise WordCountsError(f"channel '{folder.name}' has no files")
    corpus = Blocks(lambda: _read_files(folder, files, media, feature_dim))
    sizes = [(counts.shape[0], counts.nnz) for counts in corpus]
    documents, nonzeros = map(sum, zip(*sizes, strict=True))
    _log.info(
        "Channel '%s': %d documents, %d non-zeros from %d files",
        folder.name,
        documents,
        nonzeros,
        len(files),
    )
    return corpus


def _read_files(
    folder: Path, files: list[Path], media: str, feature_dim: int
) -> Iterator[sparse.csr_array]:
    for file in files:
        try:
            with file.open("rb") as stream:
                yield from read(stream, media, feature_dim)
        except WordCountsError as error:
            where = f"channel '{folder.name}', {file.relative_to(folder)}"
            raise WordCountsError(f"{where}: {error} (feature_dim is {feature_dim})") from None


def _write_model(model: archive.Model, root: Path) -> None:
    partial = root / f"{archive.MEMBER}.partial"
    partial.write_bytes(archive.encode(model))
    (root / "model").mkdir(exist_ok=True)
    partial.replace(root / "model" / archive.MEMBER)
    _log.info("Wrote model/%s", archive.MEMBER)
