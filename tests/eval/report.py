"""The figures of everyday questions, laid out for a terminal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.eval import pages
from tests.eval.measures import BINS, MEANINGS, Figures, Outcome, Reliability, figures, reliability
from tests.eval.sources import Collection

ALL = "all"
# Of the other half, which is only reported on, nobody looks at what goes wrong.
FIT = "fit"


@dataclass(frozen=True, slots=True)
class Measured:
    """A collection with what its questions got; `paged` are figures of pages: ours, and those of BM25."""

    collection: Collection
    outcomes: Sequence[Outcome]
    paged: tuple[Figures, Figures] | None = None


def report(measured: Sequence[Measured], *, with_misses: bool = False) -> Iterator[str]:
    """Yield the paragraphs of the report; of the half that is only reported on, no question is told."""
    outcomes = [outcome for one in measured for outcome in one.outcomes]
    answerable = sum(bool(outcome.question.answers) for outcome in outcomes)
    without = len(outcomes) - answerable
    yield f"{len(outcomes)} everyday questions: {answerable} with an answer, {without} without"
    yield _table([[name, meaning] for name, meaning in MEANINGS.items()], left={0, 1})
    collections = _by_collection(measured)
    languages = _by_language(outcomes)
    yield _figures_table("collection", collections)
    yield _figures_table("question in", languages)
    bins = [(f"{at / BINS:.1f} to {(at + 1) / BINS:.1f}", of) for at, of in enumerate(reliability(outcomes))]
    yield _reliability_table("confidence", bins, "questions")
    for title, groups in (("collection", collections), ("question in", languages)):
        sure = [(name, Reliability.of([o for o in found if o.is_sure])) for name, found in groups.items()]
        yield _reliability_table(title, sure, "answered")
    for one in measured:
        if one.paged:
            yield _paged_table(one.collection.name, one.paged)
    if with_misses:
        yield from (_missed(one) for one in measured if one.collection.part == FIT)


def _by_collection(measured: Sequence[Measured]) -> dict[str, list[Outcome]]:
    """Group by collection, then by part, then all."""
    found = {one.collection.name: list(one.outcomes) for one in measured}
    for one in measured:
        found.setdefault(f"part: {one.collection.part}", []).extend(one.outcomes)
    return found | {ALL: [outcome for one in measured for outcome in one.outcomes]}


def _by_language(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    """Group by the language of the question, and those that are in another than their documents."""
    found: dict[str, list[Outcome]] = {}
    for outcome in sorted(outcomes, key=lambda one: one.question.language):
        found.setdefault(outcome.question.language, []).append(outcome)
    foreign = [outcome for of in found.values() for outcome in of if outcome.question.is_foreign]
    return found | ({"another than the documents": foreign} if foreign else {})


def _figures_table(title: str, found: Mapping[str, Sequence[Outcome]]) -> str:
    rows = [[title, "with answer", "without", *MEANINGS]]
    for name, outcomes in found.items():
        answerable = sum(bool(outcome.question.answers) for outcome in outcomes)
        counts = [str(answerable), str(len(outcomes) - answerable)]
        rows.append([name, *counts, *(_shown(*figure) for figure in figures(outcomes).items())])
    return _table(rows)


def _reliability_table(title: str, lines: Iterable[tuple[str, Reliability]], of: str) -> str:
    rows = [[title, of, "mean confidence", "first quote right"]]
    rows += [
        [name, str(one.replies), _shown("", one.confidence), _shown("", one.right)] for name, one in lines
    ]
    return _table(rows)


def _paged_table(name: str, paged: tuple[Figures, Figures]) -> str:
    ours, beside = paged
    rows = [[name, "quotes", "BM25 over pages", ""]]
    rows += [
        [figure, _shown(figure, ours[figure]), _shown(figure, beside[figure]), meaning]
        for figure, meaning in pages.MEANINGS.items()
    ]
    return _table(rows, left={0, 3})


def _missed(one: Measured) -> str:
    lines = [f"{one.collection.name}: what went wrong"]
    for outcome in one.outcomes:
        asked, citations = outcome.question, outcome.answer.citations
        if kind := _miss(outcome):
            quote = " ".join(citations[0].quote.split()) if citations else "-"
            lines.append(f"  {kind}  {outcome.answer.confidence:.2f}  {asked.text}  |  {quote}")
    return "\n".join(lines)


def _miss(outcome: Outcome) -> str | None:
    if not outcome.question.answers:
        return "answered" if outcome.is_sure else None
    if not outcome.is_shown:
        return "silent"
    if outcome.is_right:
        return None
    if any(outcome.right):
        return "in three"
    return "wrong" if outcome.is_sure else "unsure"


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if name == "chars" else f"{value:.3f}"


def _table(rows: Sequence[Sequence[str]], left: Iterable[int] = (0,)) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    to_left = set(left)
    lines = (
        "  ".join(
            cell.ljust(width) if at in to_left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)
