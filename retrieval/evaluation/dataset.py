"""Questions with known answers, and their files: one JSON object per line."""

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from retrieval.errors import RetrievalError

# Limit for a wrong value that a message shows.
_MAX_VALUE_CHARS = 60


@dataclass(frozen=True, slots=True)
class Case:
    """A question and its accepted answers; a correct quote contains one. Empty if there is no answer.

    `document` is the name of the document that answers it, if known. `labels` are for grouping. `line` is the
    line of the file, from 1.
    """

    question: str
    answers: tuple[str, ...] = ()
    document: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    line: int = 0

    def accepts(self, quote: str) -> bool:
        """Return whether the quote contains an answer, ignoring case and line breaks."""
        text = _normalize(quote)
        return any(_normalize(answer) in text for answer in self.answers)


class DatasetError(RetrievalError):
    """An invalid line in a file of questions. The message names the file, the line, the key and the value."""


def read_cases(data: bytes, name: str, documents: Container[str]) -> list[Case]:
    """Return the cases in a file. Empty lines are skipped.

    `name` is the file name for messages, `documents` the names that a case may have as its document. Raises
    DatasetError.
    """
    cases = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            if line.strip():
                cases.append(_parse_case(line, number, documents))
        except DatasetError as error:
            raise DatasetError(f"{name}: line {number}: {error}") from None
    if not cases:
        raise DatasetError(
            f'{name}: no questions; write one per line: {{"question": "...", "answers": ["..."]}}'
        )
    return cases


def _parse_case(line: bytes, number: int, documents: Container[str]) -> Case:
    try:
        row = json.loads(line.decode())
    except UnicodeDecodeError:
        raise DatasetError("not UTF-8 text; save the file as UTF-8") from None
    except (ValueError, RecursionError):
        raise DatasetError(f"not JSON: {_truncate(line.decode().strip())}") from None
    if not isinstance(row, dict):
        raise DatasetError(
            f'{_format_value(row)} is not an object; write {{"question": "...", "answers": ["..."]}}'
        )
    labels = {key: value for key, value in row.items() if isinstance(value, str)}
    return Case(_parse_question(row), _parse_answers(row), _parse_document(row, documents), labels, number)


def _parse_question(row: dict[str, Any]) -> str:
    question = _require(row, "question")
    if not isinstance(question, str) or not question.strip():
        raise DatasetError(f"question: {_format_value(question)} is not a question; write a non-empty string")
    return question


def _parse_answers(row: dict[str, Any]) -> tuple[str, ...]:
    answers = _require(row, "answers")
    if not isinstance(answers, list):
        raise DatasetError(f"answers: {_format_value(answers)} is not a list; write [] if there is no answer")
    for answer in answers:
        if not isinstance(answer, str) or not answer.strip():
            raise DatasetError(
                f"answers: {_format_value(answer)} is not an answer; write a string from the documents"
            )
    return tuple(answers)


def _parse_document(row: dict[str, Any], documents: Container[str]) -> str | None:
    document = row.get("document")
    if document is None:
        return None
    if not isinstance(document, str) or document not in documents:
        raise DatasetError(
            f"document: {_format_value(document)} is not a document; "
            "write its path below the documents folder"
        )
    return document


def _require(row: dict[str, Any], key: str) -> Any:
    if key not in row:
        raise DatasetError(f"{key}: missing")
    return row[key]


def _format_value(value: Any) -> str:
    return _truncate(json.dumps(value, ensure_ascii=False))


def _truncate(text: str) -> str:
    return text if len(text) <= _MAX_VALUE_CHARS else f"{text[:_MAX_VALUE_CHARS]}…"


def _normalize(text: str) -> str:
    return " ".join(text.casefold().split())
