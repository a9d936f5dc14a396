"""Files of questions and answers, and what is said of lines that cannot be used."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.evaluation import dataset
from retrieval.evaluation.dataset import DatasetError
from retrieval.evaluation.metrics import Case

DOCUMENTS = ["a.txt", "deep/b.md"]


def test_lines_become_cases() -> None:
    """Question, answers, document and every other text are read; empty lines count and are left out."""
    data = (
        b'\xef\xbb\xbf{"question": "Who?", "answers": ["Ada", "Al"], "document": "deep/b.md", "of": "x"}\r\n'
        b"\n"
        b'{"question": "\\u00bfQu\\u00e9?", "answers": [], "document": null, "year": 1843}'
    )
    labels = {"question": "Who?", "document": "deep/b.md", "of": "x"}
    expected = [
        Case("Who?", ("Ada", "Al"), "deep/b.md", labels, line=1),
        Case("¿Qué?", (), None, {"question": "¿Qué?"}, line=3),
    ]
    assert expected == dataset.read_cases(data, "q.jsonl", DOCUMENTS)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("nonsense", "not JSON: nonsense"),
        ("[" * 100_000, f"not JSON: {'[' * 60}…"),
        ('["Who?"]', '["Who?"] is not an object; write {"question": "...", "answers": ["..."]}'),
        ('{"answers": []}', "question: missing"),
        ('{"question": 7, "answers": []}', "question: 7 is not a question; write a text"),
        ('{"question": " ", "answers": []}', 'question: " " is not a question; write a text'),
        ('{"question": "Who?"}', "answers: missing"),
        (
            '{"question": "Who?", "answers": "Ada"}',
            'answers: "Ada" is not a list; write [] if there is no answer',
        ),
        (
            '{"question": "Who?", "answers": ["Ada", 7]}',
            "answers: 7 is not an answer; write a text of the documents",
        ),
        (
            '{"question": "Who?", "answers": [""]}',
            'answers: "" is not an answer; write a text of the documents',
        ),
        (
            '{"question": "Who?", "answers": [], "document": "c.txt"}',
            'document: "c.txt" is none of the documents; write its path below their folder',
        ),
    ],
)
def test_a_bad_line_is_named(line: str, told: str) -> None:
    """What is wrong is told with file, line, key and value, and how to mend it."""
    data = f'{{"question": "Who?", "answers": []}}\n{line}\n'.encode()
    with pytest.raises(DatasetError) as caught:
        dataset.read_cases(data, "q.jsonl", DOCUMENTS)
    assert f"q.jsonl: line 2: {told}" == str(caught.value)


def test_a_file_without_questions_or_in_another_encoding() -> None:
    """An empty file, and one that is not UTF-8, are named."""
    with pytest.raises(DatasetError, match=r"^q\.jsonl: no questions; write one a line: "):
        dataset.read_cases(b"\n \n", "q.jsonl", DOCUMENTS)
    with pytest.raises(DatasetError, match=r"^q\.jsonl: line 1: not UTF-8 text; save the file as UTF-8$"):
        dataset.read_cases('{"question": "Qué?", "answers": []}'.encode("latin-1"), "q.jsonl", DOCUMENTS)


@given(st.binary(max_size=200))
def test_any_bytes_are_cases_or_an_error(data: bytes) -> None:
    """Nothing but a CaseError comes of any file."""
    with contextlib.suppress(DatasetError):
        assert dataset.read_cases(data, "q.jsonl", DOCUMENTS)
