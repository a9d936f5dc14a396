"""Text to terms: the words of a text, what each counts as when ranked, and where it stands."""

import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache

import regex
import Stemmer

_SNOWBALL = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish", "fr": "french",
    "ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian",
    "lt": "lithuanian", "ne": "nepali", "nl": "dutch", "no": "norwegian", "pl": "polish", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip

# Scripts written without spaces. Of the first kind two characters are about a word, of the second three.
_BIGRAM = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}ー々"
_TRIGRAM = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
# Python's own \w leaves out the combining vowel signs of Hindi; \p{M} keeps them in the word.
_RUN = regex.compile(
    rf"(?P<bigram>[{_BIGRAM}]+)"
    rf"|(?P<trigram>[{_TRIGRAM}][{_TRIGRAM}\p{{M}}]*)"
    r"|(?P<number>\p{N}+(?:[.,٫٬]\p{N}+)*)"
    rf"|(?P<word>[^\P{{L}}{_BIGRAM}{_TRIGRAM}](?:[^\P{{L}}{_BIGRAM}{_TRIGRAM}]|[\p{{M}}\p{{N}}\u200c\u200d])*"
    rf"(?:['’ʼ](?:[^\P{{L}}{_BIGRAM}{_TRIGRAM}]|\p{{M}})+)?)"
)
_APOSTROPHE = regex.compile(r"['’ʼ]")
_SEPARATOR = regex.compile(r"[.,٫٬]")
_JOINER = regex.compile(r"[\u200c\u200d\u0640]")
_VOWEL_SIGN = regex.compile(r"[\u064b-\u065f\u0670\u0591-\u05c7]")
_ARABIC = str.maketrans("أإآٱىیکہ", "اااايي" + "كه")
_RUSSIAN = str.maketrans("ё", "е")
_TURKISH = str.maketrans("Iİ", "ıi")


@dataclass(frozen=True, slots=True)
class Token:
    """One occurrence: characters `start` to `end` of the text, the word as spelt (folded), and its term."""

    start: int
    end: int
    word: str
    term: str


def tokenize(text: str, language: str) -> list[Token]:
    """Find the tokens of a text, in order of their start.

    In scripts without spaces tokens overlap: every character and every two (Han, Kana, Hangul),
    or every three (Thai, Lao, Khmer, Burmese).
    """
    tokens: list[Token] = []
    for match in _RUN.finditer(text):
        start, end, run = match.start(), match.end(), match.group()
        if match.lastgroup == "bigram":
            tokens += _grams_at(run, start, (1, 2))
        elif match.lastgroup == "trigram":
            tokens += _grams_at(run, start, (3,))
        elif match.lastgroup == "number":
            number = _number(run)
            tokens.append(Token(start, end, number, number))
        else:
            for offset, part in _parts(run, language):
                word, term = _word(part, language)
                tokens.append(Token(start + offset, start + offset + len(part), word, term))
    return tokens


def _grams_at(run: str, start: int, sizes: tuple[int, ...]) -> list[Token]:
    folded = run.casefold() if len(run.casefold()) == len(run) else run
    found = []
    for i in range(len(run)):
        for size in sizes:
            if i + size <= len(run) or (i == 0 and size == sizes[0]):
                gram = folded[i : i + size]
                found.append(Token(start + i, start + i + len(gram), gram, gram))
    return found


def _parts(run: str, language: str) -> list[tuple[int, str]]:
    """Part a word at its apostrophe, as its language means it."""
    apostrophe = _APOSTROPHE.search(run)
    if not apostrophe:
        return [(0, run)]
    before, after = run[: apostrophe.start()], run[apostrophe.end() :]
    if language == "uk":  # a letter of the word
        return [(0, run)]
    if language in {"tr", "en"}:  # a case ending: Ankara'nın, Russia's
        return [(0, before)]
    return [(0, before), (apostrophe.end(), after)]  # two words: l'homme


@lru_cache(maxsize=200_000)
def _word(part: str, language: str) -> tuple[str, str]:
    word = fold(part, language)
    algorithm = _SNOWBALL.get(language)
    return word, _stemmer(algorithm).stemWord(word) if algorithm else word


@lru_cache(maxsize=20_000)
def _number(run: str) -> str:
    """Spell a number without its separators and with ASCII digits: 1,000 and 1.000 and ١٬٠٠٠ are one term."""
    digits = _SEPARATOR.sub("", unicodedata.normalize("NFKC", run))
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in digits).casefold()


def fold(word: str, language: str) -> str:
    """Spell a word as all its spellings are compared: no case, no compatibility forms, no optional signs."""
    if language == "tr":
        word = word.translate(_TURKISH)
    word = unicodedata.normalize("NFKC", word).casefold()
    word = _JOINER.sub("", word)
    if language in {"ar", "fa", "ur", "he"}:
        return _VOWEL_SIGN.sub("", word).translate(_ARABIC)
    return word.translate(_RUSSIAN) if language == "ru" else word


@cache
def _stemmer(algorithm: str) -> Stemmer.Stemmer:
    return Stemmer.Stemmer(algorithm)
