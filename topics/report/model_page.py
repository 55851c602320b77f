"""The page of one model."""

import base64
from pathlib import Path

import numpy as np

from data_prep.files import replacing
from topics.report.markup import Html, join, page, tag
from topics.report.numbers import MINUS, decimal, percent
from topics.report.overview import COMMON, RELEVANCE, REPEATED, Document, Overview, Topic
from topics.report.pictures import DARK, LIGHT, PICTURES, Picture, svg

_TABLE_WORDS = 6
_NAME_WORDS = 3
_CLOSE_PAIRS = 5

_WORD_COLUMNS = ("Most probable words", "Words that set it apart")
_NOTHING = Html("")

_CAPTIONS = {
    "alpha": "How much of each topic a document is expected to have before its words are seen."
    " The numbers of the topics are in the order of alpha.",
    "sizes": "The share of all words that each topic accounts for.",
    "beta": "The probability of each word (across) in each topic (down); where several words share"
    " a cell, the largest. Shades grow with the square root. A clean stair means topics that"
    " share few words.",
    "similarity": "The cosine of each two topics' word probabilities. Strong fields beside the"
    " diagonal are topics that say nearly the same.",
}
_TERMS = {
    "Held-out log likelihood per word": "Half of each test document's words determine its topics;"
    " the mean log probability of the other half is the score. Larger is better. Word frequencies"
    " alone are what any topic model has to beat. Wallach, Murray, Salakhutdinov and Mimno, 2009.",
    "NPMI": "Normalised pointwise mutual information of a topic's ten most probable words, the"
    f" mean over their pairs, in the training documents. From {MINUS}1 (never together) over 0"
    " (independent) to 1 (always together). Bouma, 2009; Lau, Newman and Baldwin, 2014.",
    "UMass": "The mean log probability of meeting a word in a document that has a more probable"
    " one, in the training documents. Nearer to 0 is better. Mimno and others, 2011; the mean as by"
    " Röder, Both and Hinneburg, 2015.",
    "Words that set a topic apart": "They are probable in it, and more so than elsewhere: relevance"
    f" with λ = {RELEVANCE}. The first of them are the topic's name. Sievert and Shirley, 2014.",
    "Warnings": "A topic is marked that has more than a third of all words (with fewer than four"
    " topics, a third more than its equal share), that has a cosine of"
    f" {REPEATED} or more with a larger topic, or whose NPMI is negative.",
}


def write_report(file: Path, overview: Overview) -> None:
    """Write the page."""
    with replacing(file) as stream:
        stream.write(_report(overview).encode())


def _report(overview: Overview) -> str:
    topics = len(overview.topics)
    title = f"{topics} topic{'s' if topics > 1 else ''} of {overview.train:,} documents"
    return page(
        f"Topic report: {title}",
        tag(
            "header",
            tag("p", "Topic report", class_="eyebrow"),
            tag("h1", title),
            tag("p", overview.source, class_="source"),
            _key_figures(overview),
        ),
        _section("topics", "The topics", *_warned(overview), _topic_table(overview)),
        _section(
            "model",
            "The model",
            tag("div", *(_figure(picture, overview) for picture in PICTURES), class_="figures"),
            _closest(overview),
        ),
        _section(
            "each",
            "Topic by topic",
            tag("p", _how_read(overview), class_="note"),
            tag("div", *map(_card, overview.topics), class_="cards"),
        ),
        _section(
            "terms",
            "What the numbers mean",
            tag("dl", *(tag("div", tag("dt", k), tag("dd", v)) for k, v in _TERMS.items())),
        ),
    )


def _section(id_: str, title: str, *content: str) -> Html:
    return tag("section", tag("h2", title, id=id_), *content, aria_labelledby=id_)


def _key_figures(overview: Overview) -> Html:
    means = overview.quality.means()
    log_likelihood = means["log_likelihood"]
    gain = "no documents are held out"
    if log_likelihood is not None and overview.frequencies is not None:
        gain = f"frequencies alone: {decimal(overview.frequencies, 3)}"
    figures = [
        ("Log likelihood per word", decimal(log_likelihood, 3), gain),
        ("Coherence, NPMI", decimal(means["npmi"], 3), f"mean, {MINUS}1 to 1"),
        ("Coherence, UMass", decimal(means["umass"], 2), "mean, at best 0"),
        ("Vocabulary", f"{overview.model.beta.shape[1]:,}", "words"),
        ("Held out", f"{overview.test:,}", "documents"),
    ]
    return tag(
        "dl",
        *(
            tag("div", tag("dt", name), tag("dd", tag("b", value), tag("span", note)))
            for name, value, note in figures
        ),
        class_="key",
    )


def _warned(overview: Overview) -> list[Html]:
    """Say how many topics have a warning, if any has."""
    suspect = sum(topic.suspect for topic in overview.topics)
    if not suspect:
        return []
    one = suspect == 1
    told = f"{suspect} of {len(overview.topics)} topics {'has' if one else 'have'} a warning."
    return [tag("p", told, class_="warning")]


def _warnings(topic: Topic) -> str:
    """Say what is wrong with a topic; nothing if nothing is."""
    told = []
    if topic.large:
        told.append(f"holds {percent(topic.size)} of all words")
    if topic.repeats is not None:
        told.append(f"repeats topic {topic.repeats}")
    if topic.incoherent:
        told.append("its words are rarely in the same documents (negative NPMI)")
    return "; ".join(told)


def _warning(topic: Topic) -> Html:
    return tag("p", f"Warning: {_warnings(topic)}", class_="warning") if topic.suspect else _NOTHING


def _topic_table(overview: Overview) -> Html:
    largest = overview.topics[0].size
    head = tag(
        "tr",
        *(tag("th", name, scope="col") for name in ("Topic", *_WORD_COLUMNS)),
        *(
            tag("th", name, scope="col", class_="number")
            for name in ("Size", "Alpha", "NPMI", "UMass")
        ),
    )
    rows = [
        tag(
            "tr",
            tag("th", tag("a", str(topic.number), href=f"#topic-{topic.number}"), scope="row"),
            _words_cell(
                _WORD_COLUMNS[0], *(word.word for word in topic.words), below=_warning(topic)
            ),
            _words_cell(_WORD_COLUMNS[1], *topic.telling),
            _number("Size", percent(topic.size), share=topic.size / largest),
            _number("Alpha", decimal(topic.alpha, 3)),
            _number("NPMI", decimal(topic.npmi, 2)),
            _number("UMass", decimal(topic.umass, 2)),
        )
        for topic in overview.topics
    ]
    caption = tag(
        "caption",
        "The largest topic comes first. Size is the share of all words, coherence is NPMI and"
        f" UMass. Words set a topic apart by their relevance (λ = {RELEVANCE}).",
    )
    return tag("table", caption, tag("thead", head), tag("tbody", *rows), class_="topics")


def _words_cell(label: str, *words: str, below: Html = _NOTHING) -> Html:
    text = tag("span", ", ".join(words[:_TABLE_WORDS]))
    return tag("td", text, below, data_label=label, class_="words")


def _number(label: str, text: str, share: float | None = None) -> Html:
    bar = {} if share is None else {"style": f"--share:{share:.3f}"}
    return tag("td", tag("span", text), data_label=label, class_="number", **bar)


def _figure(picture: Picture, overview: Overview) -> Html:
    alt = _describe(picture.name, overview)
    return tag(
        "figure",
        tag("h3", picture.title),
        # Two, of which the style shows one: what <picture> chose late would miss the printer.
        tag("img", src=_data(svg(picture, LIGHT, overview)), alt=alt, class_="on-light"),
        tag("img", src=_data(svg(picture, DARK, overview)), alt=alt, class_="on-dark"),
        tag("figcaption", _CAPTIONS[picture.name] + _without_common(picture, overview)),
    )


def _without_common(picture: Picture, overview: Overview) -> str:
    if picture.name != "similarity" or not overview.common:
        return ""
    return (
        f" Words with more than {percent(COMMON)} of all words are left out, since they would make"
        f" all topics alike: {', '.join(overview.common)}."
    )


def _data(content: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(content).decode()}"


def _describe(name: str, overview: Overview) -> str:
    """Say in words what a picture shows."""
    topics = overview.topics
    if name == "alpha":
        return (
            f"Line: alpha falls from {decimal(overview.model.alpha[0], 3)} for topic 0 to"
            f" {decimal(overview.model.alpha[-1], 3)} for topic {len(topics) - 1}."
        )
    if name == "sizes":
        return (
            f"Bars: the largest topic is {topics[0].number} with {percent(topics[0].size)} of all"
            f" words, the smallest is {topics[-1].number} with {percent(topics[-1].size)}."
        )
    if name == "beta":
        words = overview.model.beta.shape[1]
        return f"Heat map: probabilities of {words:,} words in {len(topics)} topics."
    pairs = _close_pairs(overview)
    if not pairs:
        return "Heat map: there is one topic."
    first, second, cosine = pairs[0]
    return (
        f"Heat map: the topics most alike are {first} and {second}, with a cosine of"
        f" {decimal(cosine, 2)}."
    )


def _close_pairs(overview: Overview) -> list[tuple[int, int, float]]:
    """Return the pairs of topics that are most alike."""
    first, second = np.triu_indices(len(overview.topics), 1)
    cosines = overview.similarity[first, second]
    order = np.argsort(-cosines, kind="stable")[:_CLOSE_PAIRS]
    return [(int(first[at]), int(second[at]), float(cosines[at])) for at in order]


def _closest(overview: Overview) -> Html:
    topics = {topic.number: topic for topic in overview.topics}
    rows = [
        tag(
            "tr",
            *(tag("td", _link(topics[number]), class_="words") for number in (first, second)),
            tag("td", decimal(cosine, 2), class_="number"),
        )
        for first, second, cosine in _close_pairs(overview)
    ]
    if not rows:
        return _NOTHING
    head = [tag("th", "Topic", scope="col"), tag("th", "and topic", scope="col")]
    return tag(
        "table",
        tag("caption", "The topics that are most alike"),
        tag("thead", tag("tr", *head, tag("th", "Cosine", scope="col", class_="number"))),
        tag("tbody", *rows),
        class_="closest",
    )


def _link(topic: Topic) -> Html:
    return join(tag("a", str(topic.number), href=f"#topic-{topic.number}"), f" {_name(topic)}")


def _name(topic: Topic) -> str:
    return ", ".join(topic.telling[:_NAME_WORDS])


def _how_read(overview: Overview) -> str:
    text = (
        "Bars are probabilities of words within the topic. Below them stand the words that set it"
        " apart, and the training documents with the largest shares of it: their number in the"
        " corpus, which data_prep inspect --document shows, and the words that speak most for the"
        " topic."
    )
    if overview.sampled < overview.train:
        text += (
            f" Sizes and documents are taken from {overview.sampled:,} documents, evenly spread."
        )
    return text


def _card(topic: Topic) -> Html:
    largest = topic.words[0].probability
    words = [
        tag(
            "li",
            tag("span", word.word, class_="word"),
            tag("span", class_="bar", style=f"--share:{word.probability / largest:.3f}"),
            tag("span", percent(word.probability), class_="number"),
        )
        for word in topic.words
    ]
    return tag(
        "article",
        tag("h3", tag("span", str(topic.number), class_="badge"), f" {_name(topic)}"),
        tag(
            "p",
            f"{percent(topic.size)} of all words · NPMI {decimal(topic.npmi, 2)}",
            class_="facts",
        ),
        _warning(topic),
        tag("ol", *words, class_="bars"),
        tag("h4", _WORD_COLUMNS[1]),
        tag("p", ", ".join(topic.telling), class_="telling"),
        tag("h4", "Documents"),
        tag("ul", *map(_document, topic.documents), class_="documents"),
        id=f"topic-{topic.number}",
    )


def _document(document: Document) -> Html:
    return tag(
        "li",
        tag("b", f"{document.number:,}"),
        f" {percent(document.share)} ",
        tag("span", ", ".join(document.words)),
    )
