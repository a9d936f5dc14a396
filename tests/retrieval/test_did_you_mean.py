import pytest

from retrieval.pipeline import suggest_correction
from retrieval.query.query import parse


@pytest.mark.parametrize(
    ("text", "corrections", "expected"),
    [
        ("Who feeds the gaots?", {"gaots": "goats"}, "Who feeds the goats?"),
        ("Gaots  feed?!", {"gaots": "goats"}, "Goats  feed?!"),
        ("teh lihgt of teh gaots", {"lihgt": "light", "gaots": "goats"}, "teh light of teh goats"),
        ("Кто видел телесокп?", {"телесокп": "телескоп"}, "Кто видел телескоп?"),
        ("Who feeds the goats?", {}, None),
        ("", {}, None),
        ("Who?", {"other": "word"}, None),
    ],
)
def test_suggest_correction(text: str, corrections: dict[str, str], expected: str | None) -> None:
    """Misspelt words are corrected in place, with their capitals; the rest stays as typed."""
    assert expected == suggest_correction(parse(text, ["en", "ru"]), corrections)
