"""Which language a text is in: by its script where that decides, else by py3langid among the script's languages."""

from functools import cache
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

# The languages told apart in each script; the first is what an undecided text counts as.
# Close relatives (Wu and Mandarin, Gulf and Standard Arabic) are left out: they share all that ranking uses.
_LANGUAGES = {
    "Latin": (
        *(
            "en",
            "ca",
            "cs",
            "da",
            "de",
            "es",
            "et",
            "eu",
            "fi",
            "fr",
            "ga",
            "hr",
            "hu",
            "id",
            "it",
            "lt",
            "lv",
        ),
        *("nl", "no", "pl", "pt", "ro", "sk", "sl", "sq", "sv", "sw", "tl", "tr", "vi"),
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
}
_SCRIPTS = {
    name: regex.compile(rf"[\p{{Hiragana}}\p{{Katakana}}]" if name == "Kana" else rf"\p{{{name}}}")
    for name in _LANGUAGES
}
# A paragraph says its language in its first lines; more only costs time (0.7 ms for 800 characters).
_SAMPLE = 400
DEFAULT = "en"


def script(text: str) -> str | None:
    """Name the script most of the text's letters are in, or None when it has no letter of a known script.

    A few Kana make a Han text Japanese: Chinese has none.
    """
    sample = text[:_SAMPLE]
    counts = {name: len(pattern.findall(sample)) for name, pattern in _SCRIPTS.items()}
    best = max(counts, key=counts.__getitem__)
    if not counts[best]:
        return None
    if best == "Han" and counts["Kana"] * 10 >= counts["Han"]:
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


def script_of(language: str) -> str:
    """Name the script a language is written in, as `script` names it."""
    return next((name for name, languages in _LANGUAGES.items() if language in languages), "Latin")


@cache
def _identifier(name: str) -> "LanguageIdentifier":
    # Imported here: the model takes half a second to load, and a saved index needs none.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(_LANGUAGES[name])
    return identifier
