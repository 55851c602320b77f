"""`topics recover`: compare a model with the one that its sample was drawn from."""

import argparse
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cli.arguments import Commands
from data_prep.errors import InputError
from topics.commands.common_arguments import add_json, add_model
from topics.commands.outputs import print_json
from topics.model import archive, tar_member
from topics.quality.matching import match_topics

_RECOVERED = 0.95  # a planted topic with at least this cosine counts as found
# The errors of NumPy for damaged files, and for arrays that are too large for memory.
_BROKEN = (
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)


def add(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "recover",
        help="compare a model with the one its sample was drawn from",
        description="Match the model's topics with planted ones, and print how many have a cosine"
        f" of {_RECOVERED} or more.",
    )
    add_model(command)
    command.add_argument(
        "planted", type=Path, metavar="PLANTED", help="planted.npz, with an array beta (K, V)"
    )
    add_json(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print the pairs."""
    planted = _read_planted(options.planted)
    match = match_topics(planted, archive.load(options.model).beta)
    found = int((match.cosine >= _RECOVERED).sum())
    if options.json:
        pairs = [
            {"planted": first, "topic": second, "cosine": cosine}
            for first, second, cosine in zip(*(array.tolist() for array in match), strict=True)
        ]
        print_json({"planted": len(planted), "recovered": found, "pairs": pairs})
        return
    print(f"{found} of {len(planted)} planted topics recovered (cosine {_RECOVERED} or more)")
    for first, second, cosine in zip(*match, strict=True):
        print(f"planted {first:3d}  topic {second:3d}  cosine {cosine:.4f}")


def _read_planted(file: Path) -> NDArray[np.float64]:
    try:
        _check_size(file)
        with np.load(file, allow_pickle=False) as arrays:
            beta = np.asarray(arrays["beta"], np.float64)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error}") from None
    except _BROKEN:
        raise InputError(f"{file}: not an .npz with an array beta of numbers") from None
    if beta.ndim != 2 or not (np.isfinite(beta).all() and (beta >= 0).all() and beta.any(1).all()):
        raise InputError(f"{file}: beta must be (K, V) topics, finite, not negative, none empty")
    beta /= beta.max(axis=1, keepdims=True)  # the largest numbers have no square
    return beta


def _check_size(file: Path) -> None:
    """Reject a file that unpacks to more than a model does."""
    with zipfile.ZipFile(file) as packed:
        member = packed.getinfo("beta.npy")
    most = max(tar_member.SMALL_BYTES, tar_member.MAX_RATIO * member.compress_size)
    if member.file_size > min(most, tar_member.MAX_MODEL_BYTES):
        raise InputError(f"{file}: beta unpacks to {member.file_size} bytes, too many for topics")
