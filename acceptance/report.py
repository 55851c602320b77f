"""The report of a run: each step, what was expected, what AWS did, and the open questions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from acceptance.probes import QUESTIONS

AS_EXPECTED, OTHERWISE, INTERRUPTED, NOT_REACHED = "yes", "NO", "interrupted", "not reached"
NOT_ASKED = "not asked in this run"


@dataclass(frozen=True)
class Outcome:
    """What became of a step; `seconds` is None if it was not reached."""

    title: str
    expected: str
    happened: str
    state: str
    seconds: float | None = None


@dataclass
class Report:
    """What a run tells.

    Attributes:
        name: The environment's name.
        where: The Region, and whose AWS it is.
        facts: More to know, by name: the versions, the options.
        outcomes: Of the steps, in their order.
        answers: Of the questions.
        left: What is left; None as long as nobody has looked.
        account: The caller's account, which is not told: reports are shared.
    """

    name: str
    where: str
    account: str
    facts: Mapping[str, str]
    answers: Mapping[str, str]
    outcomes: list[Outcome] = field(default_factory=list)
    left: Sequence[str] | None = None

    @property
    def is_good(self) -> bool:
        """Whether all was as expected, and nothing is left."""
        return self.left == [] and all(one.state == AS_EXPECTED for one in self.outcomes)

    def text(self) -> str:
        """The report in Markdown."""
        return "\n".join(self._lines()).replace(self.account, "ACCOUNT") + "\n"

    def _lines(self) -> Iterator[str]:
        yield f"# Acceptance of {self.name} in {self.where}"
        yield ""
        yield self._verdict()
        yield ""
        yield from (f"- {name}: {value}" for name, value in self.facts.items())
        yield from ("", "## Steps", "")
        yield from (
            "| step | expected | what AWS did | as expected | seconds |",
            "|" + " --- |" * 5,
        )
        for one in self.outcomes:
            seconds = "" if one.seconds is None else f"{one.seconds:.0f}"
            yield _row(one.title, one.expected, one.happened, one.state, seconds)
        total = sum(one.seconds or 0 for one in self.outcomes)
        yield _row("all", "", "", "", f"{total:.0f}")
        yield from ("", "## Questions that AWS's documentation leaves open", "")
        yield from ("| question | answer |", "| --- | --- |")
        for question in QUESTIONS:
            yield _row(question, self.answers.get(question, NOT_ASKED))
        yield from ("", "## Left at the end", "")
        if self.left is None:
            yield "Nobody has looked: the run was ended before."
        else:
            yield from [f"- {thing}" for thing in self.left] or ["Nothing."]

    def _verdict(self) -> str:
        good = sum(one.state == AS_EXPECTED for one in self.outcomes)
        told = f"{good} of {len(self.outcomes)} steps went as expected"
        if self.left is None:
            return f"{told}; what is left is not known."
        left = {0: "nothing is left", 1: "1 is left"}
        return f"{told}; {left.get(len(self.left), f'{len(self.left)} are left')}."


def _row(*cells: str) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    """Text as it stands in a table of Markdown: in one line, with no bar and no HTML."""
    escaped = text.strip().replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    return "<br>".join(line.rstrip() for line in escaped.splitlines())
