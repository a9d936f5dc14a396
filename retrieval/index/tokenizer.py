"""Text to terms: the words of a text, what each counts as when ranked, and where it stands."""

import unicodedata
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

import regex
import Stemmer

_SNOWBALL = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek",
    "en": "english", "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish",
    "fr": "french",
    "ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian",
    "lt": "lithuanian", "ne": "nepali", "nl": "dutch", "no": "norwegian", "pl": "polish", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip

# Scripts written without spaces. Of the first kind two characters are about a word, of the second three.
_BIGRAM = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}ー々ｰ"
_TRIGRAM = r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}--\p{Nd}]"
# Python's own \w leaves out the combining vowel signs of Hindi; \p{M} keeps them in the word.
_LETTER = rf"[\p{{L}}--[{_BIGRAM}{_TRIGRAM}ʼ]]"
_INNER = rf"[[\p{{L}}\p{{M}}\p{{N}}]--[{_BIGRAM}{_TRIGRAM}ʼ]]"
# What may stand unseen in a word: soft hyphen, joiners, word joiner, byte order mark.
_INVISIBLE = r"\u00ad\u200c\u200d\u2060\ufeff"
_RUN = regex.compile(
    rf"(?P<bigram>[{_BIGRAM}][{_BIGRAM}\u3099\u309aﾞﾟ]*)"
    rf"|(?P<trigram>{_TRIGRAM}[{_TRIGRAM}\p{{M}}]*)"
    r"|(?P<number>\p{N}+(?:[.,٫٬]\p{N}+|[\u00a0\u2009\u202f'’]\p{N}{3}(?!\p{N}))*)"
    rf"|(?P<word>{_LETTER}(?:[{_INVISIBLE}]*+{_INNER})*(?:['’ʼ]{_LETTER}(?:[{_INVISIBLE}]*+{_INNER})*)?)",
    regex.VERSION1,
)
_COMPOSED_CHARACTER = regex.compile(
    r"[\u1100-\u115f]+[\u1160-\u11a7]*[\u11a8-\u11ff]*|.[\u3099\u309aﾞﾟ]?", regex.DOTALL
)
_APOSTROPHE = regex.compile(r"['’ʼ]")
_ENGLISH_ENDING = frozenset({"s", "t", "d", "m", "re", "ve", "ll"})
# Before three digits a separator parts thousands (or lakhs, by twos before that); elsewhere it is a point.
_THOUSANDS_SEPARATOR = regex.compile(r"[.,٬٫\s'’](?=(?:\p{N}{2},)*\p{N}{3}(?!\p{N}))")
_DECIMAL_SEPARATOR = regex.compile(r"[,٫٬]")
_OPTIONAL_SIGN = regex.compile(rf"[{_INVISIBLE}\u0640]|(?<=i)\u0307")
_VOWEL_SIGN = regex.compile(r"[\u064b-\u065f\u0670\u0591-\u05c7]")
_ARABIC = str.maketrans("أإآٱىیکہ", "اااايي" + "كه")
_PERSIAN = str.maketrans("أإٱىيكہ", "ااایی" + "که")
_RUSSIAN = str.maketrans("ё", "е")
_TURKISH = str.maketrans("Iİ", "ıi")
_UKRAINIAN = str.maketrans("’ʼ", "''")


class Token(NamedTuple):
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
        start, end = match.span()
        kind, run = match.lastgroup, match.group()
        if kind == "bigram":
            tokens += _unigrams_and_bigrams(run, start)
        elif kind == "trigram":
            tokens += _trigrams(run, start)
        elif kind == "number":
            number = _normalize_number(run)
            tokens.append(Token(start, end, number, number))
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
    """Tell whether a word is of a script written without spaces."""
    match = _RUN.match(word)
    return match is not None and match.lastgroup in {"bigram", "trigram"}


def _unigrams_and_bigrams(run: str, start: int) -> list[Token]:
    letters = _split_characters(run)
    singles = [Token(start + at, start + end, letter, letter) for at, end, letter in letters]
    tokens = singles[:1]
    for one, other in pairwise(singles):
        pair = one.word + other.word
        tokens += (Token(one.start, other.end, pair, pair), other)
    return tokens


def _split_characters(run: str) -> list[tuple[int, int, str]]:
    """Part a run into letters, each as it is composed: Hangul of its sounds, Kana of its voicing."""
    if unicodedata.is_normalized("NFKC", run):
        return [(i, i + 1, letter) for i, letter in enumerate(run)]
    found = [(m.start(), m.end(), m.group()) for m in _COMPOSED_CHARACTER.finditer(run)]
    return [(start, end, unicodedata.normalize("NFKC", letter).casefold()) for start, end, letter in found]


def _trigrams(run: str, start: int) -> list[Token]:
    found = [run[i : i + 3] for i in range(max(len(run) - 2, 1))]
    return [Token(start + i, start + i + len(gram), gram, gram) for i, gram in enumerate(found)]


def _split_at_apostrophe(run: str, language: str) -> list[tuple[int, str]]:
    """Part a word at its apostrophe, as its language means it."""
    apostrophe = _APOSTROPHE.search(run)
    if not apostrophe or language in {"uk", "be"}:  # a letter of the word
        return [(0, run)]
    before, after = run[: apostrophe.start()], run[apostrophe.end() :]
    if language == "tr" or (language == "en" and after.casefold() in _ENGLISH_ENDING):
        return [(0, before)]  # an ending: Ankara'nın, Russia's
    return [(0, before), (apostrophe.end(), after)]  # two words: l'homme, O'Brien


def fold_and_stem(part: str, language: str) -> tuple[str, str]:
    """Give a word as all its spellings are compared, and its term."""
    word = part.casefold() if part.isascii() and language != "tr" else fold(part, language)
    algorithm = _SNOWBALL.get(language)
    return word, _stemmer(algorithm).stemWord(word) if algorithm else word


_cached_fold_and_stem = lru_cache(maxsize=10_000)(fold_and_stem)


@lru_cache(maxsize=4_096)
def _normalize_number(run: str) -> str:
    """Spell a number with ASCII digits, parted by points alone: 1,000 and 1.000 and ١٬٠٠٠ are one term."""
    plain = _DECIMAL_SEPARATOR.sub(".", _THOUSANDS_SEPARATOR.sub("", run))
    digits = unicodedata.normalize("NFKC", plain)
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in digits).casefold()


def fold(word: str, language: str) -> str:
    """Spell a word as all its spellings are compared: no case, no compatibility forms, no optional signs."""
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
