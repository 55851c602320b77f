"""Draw a corpus from a latent Dirichlet allocation model whose topics read well.

The process is that of Blei, Ng and Jordan, "Latent Dirichlet Allocation" (2003): a document's
topic mixture is drawn from a Dirichlet, each of its words from the mixture of the topics.
"""

from collections.abc import Iterator
from itertools import chain, count, islice, permutations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_prep.files import staging

# A theme a paragraph, its most frequent words first.
_WORDS = """
game team season coach player league goal match score win ball field stadium champion fans defense
captain referee tournament striker trophy contract victory midfield playoff rival

oven butter recipe sugar flour salt garlic onion sauce dough pepper bake chicken lemon cheese
kitchen simmer spice roast pan vinegar basil broth skillet dessert flavor

star planet orbit telescope galaxy moon comet asteroid astronomer nebula light sky eclipse gravity
spacecraft probe solar universe crater supernova meteor cosmos lunar rocket observatory satellite

patient doctor hospital disease vaccine virus surgery nurse drug treatment symptom clinic health
infection therapy cancer dose blood medicine diagnosis immune trial recovery fever heart surgeon

bank market investor stock profit price loan debt fund trader share interest currency inflation
bond dividend budget revenue asset credit tax broker wealth merger deposit earnings

guitar song album band concert singer melody drum piano rhythm chorus stage jazz orchestra violin
lyric composer audience opera tune harmony choir studio record symphony trumpet

election vote senator party campaign president law congress governor candidate policy ballot
minister debate parliament reform mayor poll democracy speech committee veto coalition voter lobby
treaty

computer software code data network program server screen internet chip algorithm user keyboard
browser password machine robot file memory processor website cloud laptop developer device
download

river mountain forest tree bird lake valley trail wolf bear flower island ocean desert meadow
wildlife canyon waterfall insect soil nest glacier eagle coral habitat fern

train station airport flight passenger hotel ticket luggage bus road driver bridge traffic ferry
journey highway tourist harbor railway pilot route runway suitcase taxi map cabin

painting museum artist gallery sculpture canvas portrait exhibition brush sketch color curator
drawing statue palette fresco masterpiece collector pottery mural easel ceramic print watercolor
engraving mosaic

school teacher student classroom lesson exam homework pupil university professor grade textbook
lecture campus scholarship library diploma essay principal tutor curriculum degree college quiz
semester math
"""
_THEMES = [paragraph.split() for paragraph in _WORDS.split("\n\n")]
_OWN_SHARE = 0.9  # of the probability of a topic that the words of its own theme get
_RANK_OFFSET = 4  # makes the most frequent words less frequent
_OVERLAP = 0.05  # Dirichlet parameter of words from other themes; a small one gives few words
_ALPHA0 = 1.0  # sum of the Dirichlet parameters of the topic mixtures
_MEAN_LENGTH = 120  # words a document
_MIN_LENGTH = 20

MAX_TOPICS = len(_THEMES)
MIN_VOCABULARY = 10 * MAX_TOPICS
MAX_VOCABULARY = 1_000_000  # the topics are held in memory


def write_sample(
    out: Path,
    *,
    documents: int = 3000,
    vocabulary_size: int = 1000,
    topics: int = 10,
    seed: int = 0,
) -> None:
    """Write corpus.txt and vocab.txt for `convert`, and planted.npz with the model.

    The model is `alpha` (topics,) and `beta` (topics, vocabulary), float64, rows of which sum to 1.
    Equal arguments give equal bytes.

    Args:
        out: Folder to write to; created if it is missing.
        documents: Number of documents, about 120 words each.
        vocabulary_size: Number of words, from `MIN_VOCABULARY` to `MAX_VOCABULARY`.
        topics: Number of topics, up to `MAX_TOPICS`.
        seed: Of the random numbers.
    """
    rng = np.random.default_rng(seed)
    words, beta = _plant_topics(vocabulary_size, topics, rng)
    alpha = np.full(topics, _ALPHA0 / topics)
    with staging(out) as staged:
        (staged / "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
        np.savez(staged / "planted.npz", alpha=alpha, beta=beta)
        with (staged / "corpus.txt").open("w", encoding="utf-8", newline="\n") as stream:
            for ids, counts in _draw_documents(documents, alpha, beta, rng):
                pairs = zip((ids + 1).tolist(), counts.tolist(), strict=True)
                stream.write(",".join(f"{id_}:{count_}" for id_, count_ in pairs) + "\n")
        for file in sorted(staged.iterdir()):
            file.replace(out / file.name)


def _plant_topics(
    size: int, topics: int, rng: "np.random.Generator"
) -> tuple[list[str], NDArray[np.float64]]:
    """Return the vocabulary in alphabetical order and each topic's probabilities of its words."""
    own = [
        list(islice(_theme_words(_THEMES[topic]), len(range(topic, size, topics))))
        for topic in range(topics)
    ]
    words = sorted(chain.from_iterable(own))
    ids = {word: id_ for id_, word in enumerate(words)}
    beta = (1 - _OWN_SHARE) * rng.dirichlet(np.full(size, _OVERLAP), size=topics)
    for topic, theme in enumerate(own):
        weights = 1 / (_RANK_OFFSET + np.arange(len(theme)))
        beta[topic, [ids[word] for word in theme]] += _OWN_SHARE * weights / weights.sum()
    return words, beta


def _theme_words(theme: list[str]) -> Iterator[str]:
    """Yield the words of a theme, then compounds of two of them, of three, and so on."""
    for parts in count(1):
        yield from ("-".join(words) for words in permutations(theme, parts))


def _draw_documents(
    documents: int,
    alpha: NDArray[np.float64],
    beta: NDArray[np.float64],
    rng: "np.random.Generator",
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the word ids, ascending, and the counts of each document."""
    for _ in range(documents):
        mixture = rng.dirichlet(alpha)
        length = max(_MIN_LENGTH, rng.poisson(_MEAN_LENGTH))
        yield np.unique(rng.choice(beta.shape[1], length, p=mixture @ beta), return_counts=True)
