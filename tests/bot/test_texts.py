import inspect

import pytest

from bot.texts import Texts, speaking

TEXTS = speaking("en")
PLAIN = [
    name for name, value in inspect.getmembers(Texts) if isinstance(value, property) and name != "commands"
]


@pytest.mark.parametrize("name", PLAIN)
def test_every_sentence_can_be_sent(name: str) -> None:
    """Each sentence is short enough for a message."""
    assert 1 <= len(getattr(TEXTS, name)) <= 4096


@pytest.mark.parametrize("name", ["failed", "stale", "question_gone", "changed"])
def test_what_a_button_says_fits(name: str) -> None:
    """What answers a tap on a button fits its 200 characters."""
    assert len(getattr(TEXTS, name)) <= 200


def test_the_profile_fits() -> None:
    """Commands and descriptions are within Telegram's limits."""
    assert len(TEXTS.description) <= 512
    assert len(TEXTS.short_description) <= 120
    assert all(len(name) <= 32 and len(text) <= 256 for name, text in TEXTS.commands.items())


def test_numbers_are_spelt_right() -> None:
    """One document is not `1 documents`."""
    assert ("I hold 1 document:", "I hold 2 documents:") == (TEXTS.sources(1), TEXTS.sources(2))
    assert ("line 5", "lines 5–7") == (TEXTS.lines(5, 5), TEXTS.lines(5, 7))


def test_any_language_has_texts() -> None:
    """A person of any language, or of none, is spoken to."""
    assert TEXTS.start == speaking("xx-YY").start == speaking(None).start
