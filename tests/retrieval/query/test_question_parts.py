"""Messages that ask several things."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.query.query import MAX_QUESTION_PARTS, looks_like_question, split_question


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("What are the opening hours and the prices?", ["What are the opening hours", "What are the prices"]),
        ("When does it open and how much is it?", ["When does it open", "how much is it"]),
        ("When does it open? What does it cost?", ["When does it open?", "What does it cost?"]),
        ("who built it, when and why", ["who built it", "when", "why"]),
        ("compare the free plan and the team plan", ["the free plan", "the team plan"]),
        ("What is the difference between DNS-01 and HTTP-01?", ["DNS-01", "HTTP-01"]),
        ("Was kostet das und wann kommt es?", ["Was kostet das", "wann kommt es"]),
        ("¿Cuánto cuesta y cuándo abre?", ["¿Cuánto cuesta", "cuándo abre"]),
        ("Combien ça coûte et quand est-ce ouvert ?", ["Combien ça coûte", "quand est-ce ouvert"]),
        ("Сколько стоит билет и когда отходит паром?", ["Сколько стоит билет", "когда отходит паром"]),
        ("Скільки коштує квиток і коли відходить пором?", ["Скільки коштує квиток", "коли відходить пором"]),
        ("ما هي ساعات العمل والأسعار؟", ["ما هي ساعات العمل", "ما الأسعار"]),
        ("营业时间和价格是多少？", ["营业时间", "价格是多少"]),
        ("Açılış saatleri ve fiyatlar nedir?", ["Açılış saatleri", "fiyatlar nedir"]),
    ],
)
def test_parts(text: str, parts: list[str]) -> None:
    """A message is split at question marks and at words that join, in each of the nine languages."""
    assert parts == split_question(text)


@pytest.mark.parametrize(
    "text",
    [
        "Who built the lighthouse?",
        "R&D budget",
        "and",
        "sand und",
        "",
        "Android",
        "a, b, c",
        "yandy",
        "?" * 9,
    ],
)
def test_one_part(text: str) -> None:
    """A message without a word that joins two parts is not split; neither is one with an empty part."""
    assert [] == split_question(text)


@given(st.text() | st.lists(st.sampled_from(["and", "A", "?", ",", "what", "و", "和", " "])).map(" ".join))
def test_any_text(text: str) -> None:
    """Any text has no parts, or two to four, each with a letter or digit."""
    parts = split_question(text)
    assert not parts or 2 <= len(parts) <= MAX_QUESTION_PARTS
    assert all(any(char.isalnum() for char in part) for part in parts)


def test_long_texts_are_quick() -> None:
    """A text made to be slow takes no time that others would notice."""
    started = time.process_time()
    for text in ("and " * 4000, "a , " * 120, "? a" * 160):
        split_question(text)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rent?", True),
        ("who is the landlord", True),
        ("Bis wann kann ich kündigen", True),
        ("¿qué dice del perro", True),
        ("во сколько поезд", True),
        ("房租是多少", True),
        ("كم الإيجار", True),
        ("minutes of May", False),
        ("Here you go!", False),
        ("договор аренды", False),
        ("租房合同", False),
        ("", False),
    ],
)
def test_what_looks_like_a_question(text: str, expected: bool) -> None:
    """A question has a question mark or begins like one; a description of a document has neither."""
    assert expected is looks_like_question(text)
