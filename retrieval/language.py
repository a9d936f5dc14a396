"""The language of a text, and its words in that language.

A language is detected by its script if that decides, else with py3langid. The tokenizer finds the words,
their positions, and the terms they are indexed by.

"""

import unicodedata
from copy import copy
from functools import cache, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import regex
import Stemmer

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

# The languages that are distinguished in each script. Close relatives (Wu and Mandarin, Gulf and Standard
# Arabic) are missing: ranking treats them alike.
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
# A text has this many times fewer characters in these than in other scripts.
DENSE_SCRIPTS = frozenset({"Han", "Kana", "Hangul"})
DENSE_SCRIPT_FACTOR = 2.5
_LETTER = regex.compile(r"\p{L}")
_ASCII_LETTER = regex.compile(r"[A-Za-z]")
# The first lines of a paragraph suffice; more text only takes longer (0.7 ms for 800 characters).
_SAMPLE_CHARS = 400
_DEFAULT_LANGUAGE = "en"


def script(text: str) -> str | None:
    """Return the script of most of a text, or None without letters of a known script.

    A character of a dense script counts as several letters. Han text with a few Kana counts as Kana: Chinese
    has none.
    """
    sample = text[:_SAMPLE_CHARS]
    if sample.isascii():
        return "Latin" if _ASCII_LETTER.search(sample) else None
    best, best_weight, remaining = None, 0.0, len(_LETTER.findall(sample))
    for name, pattern in _SCRIPTS.items():
        if best_weight >= remaining * DENSE_SCRIPT_FACTOR:  # no other script can have more
            break
        count = len(pattern.findall(sample))
        remaining -= count
        weight = count * (DENSE_SCRIPT_FACTOR if name in DENSE_SCRIPTS else 1.0)
        if weight > best_weight:
            best, best_weight = name, weight
    if best == "Han" and len(_SCRIPTS["Kana"].findall(sample)) * 10 >= len(_SCRIPTS["Han"].findall(sample)):
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


_SNOWBALL = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek",
    "en": "english", "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish",
    "fr": "french",
    "ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian",
    "lt": "lithuanian", "ne": "nepali", "nl": "dutch", "no": "norwegian", "pl": "polish", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip

# Scripts written without spaces. A word is about two characters in the first group, three in the second.
_BIGRAM = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}ー々ｰ"
_TRIGRAM = r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}--\p{Nd}]"
# Python's \w does not match the combining vowel signs of Hindi; \p{M} does.
_WORD_LETTER = rf"[\p{{L}}--[{_BIGRAM}{_TRIGRAM}ʼ]]"
_INNER = rf"[[\p{{L}}\p{{M}}\p{{N}}]--[{_BIGRAM}{_TRIGRAM}ʼ]]"
# Characters without width inside words: soft hyphen, joiners, word joiner, byte order mark.
_INVISIBLE = r"\u00ad\u200c\u200d\u2060\ufeff"
_RUN = regex.compile(
    rf"(?P<bigram>[{_BIGRAM}][{_BIGRAM}\u3099\u309aﾞﾟ]*)"
    rf"|(?P<trigram>{_TRIGRAM}[{_TRIGRAM}\p{{M}}]*)"
    r"|(?P<number>\p{N}+(?:[.,٫٬]\p{N}+|[\u00a0\u2009\u202f'’]\p{N}{3}(?!\p{N}))*)"
    # "v2.1" is the version 2.1.
    r"|(?P<word>(?!(?i:v)\p{N}+\.\p{N})"
    rf"{_WORD_LETTER}(?:[{_INVISIBLE}]*+{_INNER})*(?:['’ʼ]{_WORD_LETTER}(?:[{_INVISIBLE}]*+{_INNER})*)?)",
    regex.VERSION1,
)
_COMPOSED_CHARACTER = regex.compile(
    r"[\u1100-\u115f]+[\u1160-\u11a7]*[\u11a8-\u11ff]*|.[\u3099\u309aﾞﾟ]?", regex.DOTALL
)
_APOSTROPHE = regex.compile(r"['’ʼ]")
_ENGLISH_ENDING = frozenset({"s", "t", "d", "m", "re", "ve", "ll"})
# A separator before three digits groups thousands (or lakhs, in twos); elsewhere it is the decimal separator.
_THOUSANDS_SEPARATOR = regex.compile(r"[.,٬٫\s'’](?=(?:\p{N}{2},)*\p{N}{3}(?!\p{N}))")
_DECIMAL_SEPARATOR = regex.compile(r"[,٫٬]")
_DATE = regex.compile(r"\d{1,2}\.\d{1,2}\.\d{4}|\d{4}\.\d{1,2}\.\d{1,2}")
_DATE_PART = regex.compile(r"[1-9]\d*")
_OPTIONAL_SIGN = regex.compile(rf"[{_INVISIBLE}\u0640]|(?<=i)\u0307")
_VOWEL_SIGN = regex.compile(r"[\u064b-\u065f\u0670\u0591-\u05c7]")
_ARABIC = str.maketrans("أإآٱىیکہ", "اااايي" + "كه")
_PERSIAN = str.maketrans("أإٱىيكہ", "ااایی" + "که")
_RUSSIAN = str.maketrans("ё", "е")
_TURKISH = str.maketrans("Iİ", "ıi")
_UKRAINIAN = str.maketrans("’ʼ", "''")


class Token(NamedTuple):
    """Characters `start` to `end` (exclusive) of a text, the folded word there, and its term (the stem)."""

    start: int
    end: int
    word: str
    term: str


def tokenize(text: str, language: str) -> list[Token]:
    """Return the tokens of a text, in order of their start.

    Scripts without spaces have overlapping tokens: single characters and bigrams (Han, Kana, Hangul), or
    trigrams (Thai, Lao, Khmer, Burmese).
    """
    tokens: list[Token] = []
    for match in _RUN.finditer(text):
        start, end = match.span()
        group, run = match.lastgroup, match.group()
        if group == "bigram":
            tokens += _unigrams_and_bigrams(run, start)
        elif group == "trigram":
            tokens += _trigrams(run, start)
        elif group == "number":
            for offset, part in _split_date(run):
                number = _normalize_number(part)
                tokens.append(Token(start + offset, start + offset + len(part), number, number))
        elif run.isalpha() and "ʼ" not in run:
            tokens.append(Token(start, end, *_cached_fold_and_stem(run, language)))
        else:
            for offset, part in _split_at_apostrophe(run, language):
                tokens.append(
                    Token(start + offset, start + offset + len(part), *_cached_fold_and_stem(part, language))
                )
    return tokens


@lru_cache(maxsize=4_096)
def is_unspaced(word: str) -> bool:
    """Return whether a word begins in a script written without spaces."""
    match = _RUN.match(word)
    return match is not None and match.lastgroup in {"bigram", "trigram"}


def _unigrams_and_bigrams(run: str, start: int) -> list[Token]:
    unigrams = [
        Token(start + offset, start + end, character, character)
        for offset, end, character in _split_characters(run)
    ]
    tokens = unigrams[:1]
    for first, second in pairwise(unigrams):
        bigram = first.word + second.word
        tokens += (Token(first.start, second.end, bigram, bigram), second)
    return tokens


def _split_characters(run: str) -> list[tuple[int, int, str]]:
    """Return start, end and composed form of each character of a run.

    Decomposed Hangul syllables, and Kana with a separate voicing mark, count as one character each.
    """
    if unicodedata.is_normalized("NFKC", run):
        return [(offset, offset + 1, character) for offset, character in enumerate(run)]
    parts = [(match.start(), match.end(), match.group()) for match in _COMPOSED_CHARACTER.finditer(run)]
    return [(start, end, unicodedata.normalize("NFKC", part).casefold()) for start, end, part in parts]


def _trigrams(run: str, start: int) -> list[Token]:
    grams = [run[offset : offset + 3] for offset in range(max(len(run) - 2, 1))]
    return [
        Token(start + offset, start + offset + len(gram), gram, gram) for offset, gram in enumerate(grams)
    ]


def _split_at_apostrophe(run: str, language: str) -> list[tuple[int, str]]:
    """Return the words of a run with an apostrophe, by the rules of its language, and their offsets in it."""
    apostrophe = _APOSTROPHE.search(run)
    if not apostrophe or language in {"uk", "be"}:  # the apostrophe is a letter
        return [(0, run)]
    before, after = run[: apostrophe.start()], run[apostrophe.end() :]
    if language == "tr" or (language == "en" and after.casefold() in _ENGLISH_ENDING):
        return [(0, before)]  # without the ending: Ankara'nın, Russia's
    return [(0, before), (apostrophe.end(), after)]  # two words: l'homme, O'Brien


def fold_and_stem(part: str, language: str) -> tuple[str, str]:
    """Return the folded word and its term: the stem, or the word where the language has no stemmer."""
    word = part.casefold() if part.isascii() and language != "tr" else fold(part, language)
    algorithm = _SNOWBALL.get(language)
    return word, _stemmer(algorithm).stemWord(word) if algorithm else word


_cached_fold_and_stem = lru_cache(maxsize=10_000)(fold_and_stem)


def _split_date(run: str) -> list[tuple[int, str]]:
    """Return day, month and year of a date such as 17.10.2025 and their offsets, or the number itself.

    Leading zeros are left out: 03.10.2025 is 3.10.2025.
    """
    parts = _DATE_PART.finditer(run) if _DATE.fullmatch(run) else ()
    return [(part.start(), part.group()) for part in parts] or [(0, run)]


@lru_cache(maxsize=4_096)
def _normalize_number(run: str) -> str:
    """Return a number in ASCII digits with a decimal point: 1,000 and 1.000 and ١٬٠٠٠ are the term 1000."""
    plain = _DECIMAL_SEPARATOR.sub(".", _THOUSANDS_SEPARATOR.sub("", run))
    digits = unicodedata.normalize("NFKC", plain)
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in digits).casefold()


def fold(word: str, language: str) -> str:
    """Return the form that all spellings of a word share: no case, compatibility forms or optional signs."""
    if language == "tr":
        word = word.translate(_TURKISH)
    word = _OPTIONAL_SIGN.sub("", unicodedata.normalize("NFKC", word).casefold())
    if language in {"ar", "he"}:
        return _VOWEL_SIGN.sub("", word).translate(_ARABIC)
    if language in {"fa", "ur"}:
        return _VOWEL_SIGN.sub("", word).translate(_PERSIAN)
    if language in {"uk", "be"}:
        return word.translate(_UKRAINIAN)
    return word.translate(_RUSSIAN) if language == "ru" else word


@cache
def _stemmer(algorithm: str) -> Stemmer.Stemmer:
    return Stemmer.Stemmer(algorithm, 0)


_NAME_SEPARATORS = regex.compile(r"[/_\-+.]+|(?<=\p{Ll})(?=\p{Lu})|(?<=\p{L})(?=\p{N})|(?<=\p{N})(?=\p{L})")


@lru_cache(maxsize=4_096)
def name_words(name: str) -> str:
    """Return the words of a file's path without its extension.

    `hr/AnnualReport2019.pdf` gives `hr Annual Report 2019`.
    """
    stem, dot, _ = name.rpartition(".")
    return " ".join(_NAME_SEPARATORS.sub(" ", stem if dot else name).split())
