"""The report of a run: each step, what was expected, what AWS did, and the open questions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from acceptance.probes import QUESTIONS

AS_EXPECTED, OTHERWISE, INTERRUPTED, NOT_REACHED = "yes", "NO", "interrupted", "not reached"
NOT_ASKED = "not asked in this run"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a step; `seconds` is None if the step was not reached."""

    title: str
    expected: str
    happened: str
    state: str
    seconds: float | None = None


@dataclass
class Report:
    """The report of a run.

    Attributes:
        name: The environment's name.
        where: The Region, and whether it is of AWS or of the embedded AWS.
        facts: More facts by name, such as versions and options.
        outcomes: The outcomes of the steps, in their order.
        answers: The answers by question.
        left: What is left; None until `clean_up` has looked.
        account: The caller's account, which the report hides, since reports are shared.
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
        """Whether all steps went as expected, and nothing is left."""
        return self.left == [] and all(one.state == AS_EXPECTED for one in self.outcomes)

    def text(self) -> str:
        """Return the report in Markdown."""
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
            yield "Not known: the run ended before it could look."
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
    """Write text for a cell of a Markdown table: in one line, with bars and HTML escaped."""
    escaped = text.strip().replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    return "<br>".join(line.rstrip() for line in escaped.splitlines())
