"""Which language a text is in: by its script where that decides, else by py3langid among the script's."""

from copy import copy
from functools import cache
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

# The languages told apart in each script; the first is what an undecided text counts as.
# Close relatives (Wu and Mandarin, Gulf and Standard Arabic) are left out: they share all that ranking uses.
_LANGUAGES = {
    "Latin": (
        "en", "ca", "cs", "da", "de", "es", "et", "eu", "fi", "fr", "ga", "hr", "hu", "id", "it",
        "lt", "lv", "nl", "no", "pl", "pt", "ro", "sk", "sl", "sq", "sv", "sw", "tl", "tr", "vi",
    ),
    "Cyrillic": ("ru", "be", "bg", "kk", "mk", "sr", "uk"),
    "Arabic": ("ar", "fa", "ur"),
    "Devanagari": ("hi", "mr", "ne"),
    "Han": ("zh",),
    "Kana": ("ja",),
    "Hangul": ("ko",),
    "Thai": ("th",),
    "Greek": ("el",),
    "Hebrew": ("he",),
    "Armenian": ("hy",),
    "Georgian": ("ka",),
    "Tamil": ("ta",),
    "Bengali": ("bn",),
    "Telugu": ("te",),
    "Khmer": ("km",),
    "Lao": ("lo",),
    "Myanmar": ("my",),
}  # fmt: skip
_SCRIPTS = {
    name: regex.compile(r"[\p{Hiragana}\p{Katakana}]" if name == "Kana" else rf"\p{{{name}}}")
    for name in _LANGUAGES
}
_SCRIPT_OF = {language: name for name, languages in _LANGUAGES.items() for language in languages}
_LETTER = regex.compile(r"\p{L}")
_ASCII_LETTER = regex.compile(r"[A-Za-z]")
# A paragraph says its language in its first lines; more only costs time (0.7 ms for 800 characters).
_SAMPLE = 400
DEFAULT = "en"


def script(text: str) -> str | None:
    """Name the script most of the text's letters are in, or None when it has no letter of a known script.

    A few Kana make a Han text Japanese: Chinese has none.
    """
    sample = text[:_SAMPLE]
    if sample.isascii():
        return "Latin" if _ASCII_LETTER.search(sample) else None
    best, most, left = None, 0, len(_LETTER.findall(sample))
    for name, pattern in _SCRIPTS.items():
        if most >= left:  # no other script can have more
            break
        count = len(pattern.findall(sample))
        left -= count
        if count > most:
            best, most = name, count
    if best == "Han" and len(_SCRIPTS["Kana"].findall(sample)) * 10 >= most:
        return "Kana"
    return best


def detect(text: str) -> str:
    """Name the text's language as an ISO 639-1 code; English when nothing tells."""
    name = script(text)
    if name is None:
        return DEFAULT
    languages = _LANGUAGES[name]
    if len(languages) == 1:
        return languages[0]
    language, _ = _identifier(name).classify(text[:_SAMPLE])
    return str(language)


def likeness(text: str) -> tuple[str, float]:
    """Name the language in Latin letters that a text is most like, and how much: to compare its readings."""
    language, score = _identifier("Latin").classify(text[: 2 * _SAMPLE])
    return str(language), float(score)


def script_of(language: str) -> str:
    """Name the script a language is written in, as `script` names it."""
    return _SCRIPT_OF.get(language, "Latin")


@cache
def _identifier(name: str) -> "LanguageIdentifier":
    identifier = copy(_model())
    identifier.set_languages(_LANGUAGES[name])
    return identifier


@cache
def _model() -> "LanguageIdentifier":
    # Imported here: the model takes most of a second to load, and a saved index needs none.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415

    return LanguageIdentifier.from_model_file(MODEL_FILE)
