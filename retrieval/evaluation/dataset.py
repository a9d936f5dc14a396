"""Files of questions and their answers: one JSON object a line."""

import json
from collections.abc import Container
from typing import Any

from retrieval.evaluation.metrics import Case

_SHOWN = 60


class DatasetError(Exception):
    """A file of questions has a line that cannot be used; the message names file, line, key and value."""


def read_cases(data: bytes, name: str, documents: Container[str]) -> list[Case]:
    """Read the cases of the file called `name`, about these documents; empty lines are left out.

    Raises CaseError.
    """
    cases = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            if line.strip():
                cases.append(_case(line, number, documents))
        except DatasetError as error:
            raise DatasetError(f"{name}: line {number}: {error}") from None
    if not cases:
        raise DatasetError(
            f'{name}: no questions; write one a line: {{"question": "...", "answers": ["..."]}}'
        )
    return cases


def _case(line: bytes, number: int, documents: Container[str]) -> Case:
    try:
        row = json.loads(line.decode())
    except UnicodeDecodeError:
        raise DatasetError("not UTF-8 text; save the file as UTF-8") from None
    except (ValueError, RecursionError):
        raise DatasetError(f"not JSON: {_cut(line.decode().strip())}") from None
    if not isinstance(row, dict):
        raise DatasetError(f'{_shown(row)} is not an object; write {{"question": "...", "answers": ["..."]}}')
    labels = {key: value for key, value in row.items() if isinstance(value, str)}
    return Case(_question(row), _answers(row), _document(row, documents), labels, number)


def _question(row: dict[str, Any]) -> str:
    question = _of(row, "question")
    if not isinstance(question, str) or not question.strip():
        raise DatasetError(f"question: {_shown(question)} is not a question; write a text")
    return question


def _answers(row: dict[str, Any]) -> tuple[str, ...]:
    answers = _of(row, "answers")
    if not isinstance(answers, list):
        raise DatasetError(f"answers: {_shown(answers)} is not a list; write [] if there is no answer")
    for answer in answers:
        if not isinstance(answer, str) or not answer.strip():
            raise DatasetError(f"answers: {_shown(answer)} is not an answer; write a text of the documents")
    return tuple(answers)


def _document(row: dict[str, Any], documents: Container[str]) -> str | None:
    document = row.get("document")
    if document is None:
        return None
    if not isinstance(document, str) or document not in documents:
        raise DatasetError(
            f"document: {_shown(document)} is none of the documents; write its path below their folder"
        )
    return document


def _of(row: dict[str, Any], key: str) -> Any:
    if key not in row:
        raise DatasetError(f"{key}: missing")
    return row[key]


def _shown(value: Any) -> str:
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
