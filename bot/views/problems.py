"""Why a file was skipped: a line for the operator, and a sentence for the person who sent it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from bot.i18n.texts import Texts
from retrieval.errors import ProblemKind
from retrieval.loaders.formats import is_document_name, is_picture_name
from retrieval.model import Problem

SHOWN_FORMATS = "PDF, DOCX, ODT, RTF, XLSX, PPTX, EPUB, HTML, MD, CSV, TXT, EML, ZIP"
# Where OCR is.
SHOWN_PICTURES = "JPG, PNG"
_MAX_KINDS = 12
_MAX_KIND_CHARS = 16


def problem_lines(problems: Iterable[Problem]) -> Iterator[str]:
    """Yield a line for each document that cannot be read, and then one that counts all other files."""
    return (f"{name}: {reason}" if name else reason for name, reason in named_problems(problems))


def named_problems(problems: Iterable[Problem]) -> Iterator[tuple[str, str]]:
    """Yield name and reason of each document that cannot be read, and then the count of all other files.

    The count is a reason without a name.
    """
    kinds: Counter[str] = Counter()
    for problem in problems:
        # There may be thousands of pictures without text.
        is_picture = is_picture_name(problem.name) and problem.kind is ProblemKind.PICTURES
        is_unsupported = problem.kind is ProblemKind.UNSUPPORTED and not is_document_name(problem.name)
        if not (is_picture or is_unsupported):
            yield problem.name, problem.reason
        else:
            kinds[_kind(problem.name)] += 1
    if kinds:
        yield "", f"{_counts(kinds)}: not read"


def all_problem_lines(problems: Iterable[Problem]) -> Iterator[str]:
    """Yield a line for each file that was skipped."""
    return (f"{problem.name}: {problem.reason}" for problem in problems)


def explain_problem(problem: Problem, texts: Texts) -> str:
    """Return why a document that was sent to a chat cannot be read, and what to send instead.

    The reason of a problem is for the operator of a folder.
    """
    if problem.real_suffix:
        return texts.document_is_misnamed(problem.real_suffix)
    kinds = {
        ProblemKind.UNSUPPORTED: texts.format_not_supported(SHOWN_FORMATS),
        ProblemKind.PROTECTED: texts.document_is_protected,
        ProblemKind.PICTURES: texts.document_is_pictures,
        ProblemKind.SCRIPT: texts.scan_language_missing,
        ProblemKind.EMPTY: texts.document_is_empty,
        ProblemKind.TOO_LARGE: texts.document_is_too_large,
        ProblemKind.UNREADABLE: texts.document_is_damaged,
    }
    return kinds[problem.kind]


def _kind(name: str) -> str:
    suffix = PurePath(name).suffix.lower()
    return suffix if suffix and len(suffix) <= _MAX_KIND_CHARS else "without an extension"


def _counts(kinds: Counter[str]) -> str:
    ordered = sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))
    parts = [f"{count:,} {kind}" for kind, count in ordered[:_MAX_KINDS]]
    if others := sum(count for _, count in ordered[_MAX_KINDS:]):
        parts.append(f"{others:,} of other kinds")
    return ", ".join(parts)
