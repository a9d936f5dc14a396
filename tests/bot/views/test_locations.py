"""Locations; test_answers.py and test_answer_output.py test how they are shown."""

from collections.abc import Callable
from typing import Any

import pytest

from bot.i18n.texts import LANGUAGES, texts_for
from bot.views.message import citation_location, location_text, named_location
from retrieval.model import Citation, Locator

TEXTS = texts_for("en")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (Locator("Hours", None, 5, 7, 2), "Guide, under “Hours”, lines 5–7"),
        (Locator("Guide", None, 5, 5, 2), "Guide, line 5"),
        (Locator("Hours", 3, 5, 7, 2), "Guide, under “Hours”, page 3"),
        (Locator("Hours", None, 5, 7, 2, parent="Winter"), "Guide, under “Winter › Hours”, lines 5–7"),
        (
            Locator("When the museum is open to guests", None, 5, 7, 2, parent="Winter"),
            "Guide, under “When the museum is open to guests”, lines 5–7",
        ),
        (Locator("Hours", 4, 5, 7, 2, "page", "iv"), "Guide, under “Hours”, page iv"),
        (Locator(None, 3, 5, 7, 2, "slide", "3"), "Guide, slide 3"),
        (Locator("Prices", None, 5, 7, 2, "row", "12"), "Guide, sheet “Prices”, row 12"),
        (Locator(None, None, 5, 7, 2, "row", "12"), "Guide, row 12"),
        (Locator("Hours", None, 5, 7, 2, "paragraph"), "Guide, under “Hours”, paragraph 2"),
        (
            Locator("Night", None, 5, 7, 2, "chapter", "The Storm"),
            "Guide, chapter “The Storm”, under “Night”",
        ),
        (Locator("The Storm", None, 5, 7, 2, "chapter", "The Storm"), "Guide, chapter “The Storm”"),
        (Locator(None, None, 5, 7, 2, "chapter"), "Guide"),
    ],
)
def test_locations(at: Locator, expected: str) -> None:
    """A location names lines, pages, slides, rows, paragraphs or chapters, whichever the document has."""
    assert expected == location_text("Guide", at, TEXTS)


@pytest.mark.parametrize(
    ("title", "start", "expected", "alone"),
    [
        ("The harbour was built in 1874.", 0, "line 1", "a.txt, line 1"),
        ("The harbour was…", 0, "line 1", "a.txt, line 1"),
        ("The harbour was…", 200, "The harbour was…, line 1", "The harbour was…, line 1"),
        ("The harbour", 40, "The harbour, line 1", "The harbour, line 1"),
        ("Guide", 0, "Guide, line 1", "Guide, line 1"),
    ],
)
def test_a_title_that_the_quote_begins_with(
    title: str, start: int, expected: str, alone: str, passage: Callable[..., Any]
) -> None:
    """The title of a text without headings, which is its beginning, is not repeated below a quote of that.

    Where the file does not follow, its name is there instead.
    """
    text = "The harbour was built in 1874."
    own = passage(text, start=start, document_name="a.txt", title=title)
    cited = Citation(1, "a.txt", title, own.span, text, (), 1.0, Locator(None, None, 1, 1, 1), own)
    assert expected == citation_location(cited, TEXTS)
    assert alone == named_location(cited, TEXTS)


def test_right_to_left_names_are_isolated() -> None:
    """A right-to-left title or heading is isolated, so that the words around it stay in order."""
    at = Locator("قاعة الغوص", None, 18, 18, 1)
    assert "\u200e\u2068دليل زوّار\u2069, under “\u200e\u2068قاعة الغوص\u2069”, line 18" == location_text(
        "دليل زوّار", at, TEXTS
    )
    assert "Guide, under “\u200e\u2068קומה 2\u2069”, page 3" == location_text(
        "Guide", Locator("קומה 2", 3, 1, 1, 1), TEXTS
    )


@pytest.mark.parametrize(
    ("unit", "label", "expected"),
    [
        ("time", "00:12:31", "at 00:12:31"),
        ("cell", "7", "cell 7"),
        ("record", "12", "record 12"),
        ("message", "3 2024-03-05", "message 3 of 2024-03-05"),
        ("message", "2024-03-05", "message of 2024-03-05"),
        ("message", "3", "message 3"),
        ("message", "", ""),
    ],
)
def test_places_of_other_units(unit: Any, label: str, expected: str) -> None:
    """Times, cells, records and messages are named in each language with their labels."""
    at = Locator(None, None, 5, 7, 2, unit, label)
    assert expected == location_text("", at, TEXTS)
    shown = {language: location_text("", at, texts_for(language)) for language in LANGUAGES}
    assert all(word in text for text in shown.values() for word in label.split())
    assert not expected or all(text != expected for code, text in shown.items() if code not in {"en", "fr"})
