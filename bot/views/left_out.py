"""Lines about the files that were left out: those that are no documents are only counted, by kind."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from retrieval.loaders.formats import is_document_name
from retrieval.model import Problem

_MAX_KINDS = 12
_MAX_KIND_CHARS = 16


def left_out_lines(problems: Iterable[Problem]) -> Iterator[str]:
    """Yield a line for each document that cannot be read, and then one that counts all other files."""
    return (f"{name}: {reason}" if name else reason for name, reason in left_out(problems))


def left_out(problems: Iterable[Problem]) -> Iterator[tuple[str, str]]:
    """Yield name and reason of each document that cannot be read, and then the count of all other files.

    The count is a reason without a name.
    """
    kinds: Counter[str] = Counter()
    for problem in problems:
        if is_document_name(problem.name) or "not supported" not in problem.reason:
            yield problem.name, problem.reason
        else:
            kinds[_kind(problem.name)] += 1
    if kinds:
        yield "", f"{_counts(kinds)}: not read"


def full_lines(problems: Iterable[Problem]) -> Iterator[str]:
    """Yield a line for each file that was left out."""
    return (f"{problem.name}: {problem.reason}" for problem in problems)


def _kind(name: str) -> str:
    suffix = PurePath(name).suffix.lower()
    return suffix if suffix and len(suffix) <= _MAX_KIND_CHARS else "without an ending"


def _counts(kinds: Counter[str]) -> str:
    ordered = sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))
    parts = [f"{count:,} {kind}" for kind, count in ordered[:_MAX_KINDS]]
    if others := sum(count for _, count in ordered[_MAX_KINDS:]):
        parts.append(f"{others:,} of other kinds")
    return ", ".join(parts)
