"""Files of questions and answers, and the messages for invalid lines."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval import evaluation
from retrieval.evaluation import Case, DatasetError

DOCUMENTS = ["a.txt", "deep/b.md"]


def test_read_cases() -> None:
    """All strings of a line are read; empty lines are skipped but counted."""
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
    assert expected == evaluation.read_cases(data, "q.jsonl", DOCUMENTS)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "not JSON: nonsense"),
        ("[" * 100_000, f"not JSON: {'[' * 60}…"),
        ('["Who?"]', '["Who?"] is not an object; write {"question": "...", "answers": ["..."]}'),
        ('{"answers": []}', "question: missing"),
        ('{"question": 7, "answers": []}', "question: 7 is not a question; write a non-empty string"),
        ('{"question": " ", "answers": []}', 'question: " " is not a question; write a non-empty string'),
        ('{"question": "Who?"}', "answers: missing"),
        (
            '{"question": "Who?", "answers": "Ada"}',
            'answers: "Ada" is not a list; write [] if there is no answer',
        ),
        (
            '{"question": "Who?", "answers": ["Ada", 7]}',
            "answers: 7 is not an answer; write a string from the documents",
        ),
        (
            '{"question": "Who?", "answers": [""]}',
            'answers: "" is not an answer; write a string from the documents',
        ),
        (
            '{"question": "Who?", "answers": [], "document": "c.txt"}',
            'document: "c.txt" is not a document; write its path below the documents folder',
        ),
    ],
)
def test_invalid_line(line: str, message: str) -> None:
    """The message names the file, line, key and value, and says what to write instead."""
    data = f'{{"question": "Who?", "answers": []}}\n{line}\n'.encode()
    with pytest.raises(DatasetError) as caught:
        evaluation.read_cases(data, "q.jsonl", DOCUMENTS)
    assert f"q.jsonl: line 2: {message}" == str(caught.value)


def test_empty_file_and_wrong_encoding() -> None:
    """The messages for an empty file and for one that is not UTF-8 name the file."""
    with pytest.raises(DatasetError, match=r"^q\.jsonl: no questions; write one per line: "):
        evaluation.read_cases(b"\n \n", "q.jsonl", DOCUMENTS)
    with pytest.raises(DatasetError, match=r"^q\.jsonl: line 1: not UTF-8 text; save the file as UTF-8$"):
        evaluation.read_cases('{"question": "Qué?", "answers": []}'.encode("latin-1"), "q.jsonl", DOCUMENTS)


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """Any file has cases or raises DatasetError."""
    with contextlib.suppress(DatasetError):
        assert evaluation.read_cases(data, "q.jsonl", DOCUMENTS)
