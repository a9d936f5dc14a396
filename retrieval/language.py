"""Detects the language of a text: by its script if that decides, else with py3langid."""

from copy import copy
from functools import cache
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

# The languages that are distinguished in each script. Close relatives (Wu and Mandarin, Gulf and Standard
# Arabic) are left out: ranking treats them alike.
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
# The first lines of a paragraph suffice; more text only takes longer (0.7 ms for 800 characters).
_SAMPLE_CHARS = 400
_DEFAULT_LANGUAGE = "en"


def script(text: str) -> str | None:
    """Return the script of most letters in a text, or None without letters of a known script.

    Han text with a few Kana counts as Kana: Chinese has none.
    """
    sample = text[:_SAMPLE_CHARS]
    if sample.isascii():
        return "Latin" if _ASCII_LETTER.search(sample) else None
    best, best_count, remaining = None, 0, len(_LETTER.findall(sample))
    for name, pattern in _SCRIPTS.items():
        if best_count >= remaining:  # no other script can have more
            break
        count = len(pattern.findall(sample))
        remaining -= count
        if count > best_count:
            best, best_count = name, count
    if best == "Han" and len(_SCRIPTS["Kana"].findall(sample)) * 10 >= best_count:
        return "Kana"
    return best


def detect(text: str) -> str:
    """Return the language of a text as an ISO 639-1 code, English if it cannot be detected."""
    name = script(text)
    if name is None:
        return _DEFAULT_LANGUAGE
    languages = _LANGUAGES[name]
    if len(languages) == 1:
        return languages[0]
    language, _ = _identifier(name).classify(text[:_SAMPLE_CHARS])
    return str(language)


def closest_latin_language(text: str) -> tuple[str, float]:
    """Return the Latin-script language closest to a text and a score that compares readings of its bytes."""
    language, score = _identifier("Latin").classify(text[: 2 * _SAMPLE_CHARS])
    return str(language), float(score)


def script_of(language: str) -> str:
    """Return the script of a language; unknown languages count as Latin."""
    return _SCRIPT_OF.get(language, "Latin")


@cache
def _identifier(name: str) -> "LanguageIdentifier":
    identifier = copy(_model())
    identifier.set_languages(_LANGUAGES[name])
    return identifier


@cache
def _model() -> "LanguageIdentifier":
    # Imported lazily: the model takes most of a second to load, and a saved index needs none.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415

    return LanguageIdentifier.from_model_file(MODEL_FILE)
