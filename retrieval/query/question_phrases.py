"""Words about the asking, not the subject: "what does the article say about", "where can I find".

The phrases are in question_phrases.toml, which a speaker of a language can edit.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

_PART = re.compile(
    r"(?P<document>\{document\})|\[(?P<optional>[^\]]*)\]|\((?P<either>[^)]*)\)|(?P<words>[^\[({]+)"
)
_WORD = re.compile(r"\w")
_UNSPACED = re.compile(r"[\u2e80-\u9fff\u3040-\u30ff]")


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a phrase, with its alternatives."""

    options: tuple[str, ...]
    is_optional: bool


@dataclass(frozen=True, slots=True)
class _Phrase:
    """A phrase. `is_first` and `is_last` bind it to the beginning or the end of the question."""

    parts: tuple[_Part, ...]
    is_first: bool
    is_last: bool


def find_asking_phrases(text: str) -> list[tuple[int, int]]:
    """Return the spans of phrases about the asking, in any language that has some, in order.

    Adjacent phrases are one span.
    """
    return list(_find_spans(text))


@lru_cache(maxsize=1_024)
def _find_spans(text: str) -> tuple[tuple[int, int], ...]:
    folded = text.lower().replace("’", "'")
    if len(folded) != len(text):  # offsets in the folded text would be wrong
        return ()
    matches = [
        match.span()
        for phrase in _load_phrases()
        if _may_match(folded, phrase)
        for match in _compile(phrase).finditer(folded)
    ]
    spans: list[tuple[int, int]] = []
    for start, end in sorted(matches, key=lambda span: (span[0], -span[1])):
        if spans and (start < spans[-1][1] or not folded[spans[-1][1] : start].strip(" ,")):
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        elif end > start:
            spans.append((start, end))
    return tuple(spans)


def remove_asking_phrases(text: str) -> str:
    """Return a question without phrases about the asking, or unchanged if nothing else would be left."""
    rest, copied_to = "", 0
    for start, end in find_asking_phrases(text):
        rest += text[copied_to:start] + " "
        copied_to = end
    subject = " ".join((rest + text[copied_to:]).split()).strip(" ,:;¿")
    return subject if _WORD.search(subject) else text


def document_words(language: str) -> Sequence[str]:
    """Return what people call documents in general, in a language of the file."""
    return _load_tables()[language]["documents"]


@cache
def _load_tables() -> Mapping[str, Mapping[str, Sequence[str]]]:
    source = files(__package__).joinpath("question_phrases.toml").read_text(encoding="utf-8")
    return tomllib.loads(source)


@cache
def _load_phrases() -> tuple[_Phrase, ...]:
    return tuple(
        _parse_phrase(phrase.lower(), tuple(table["documents"]))
        for table in _load_tables().values()
        for phrase in table["phrases"]
    )


def _parse_phrase(phrase: str, documents: tuple[str, ...]) -> _Phrase:
    """Parse a phrase in the syntax of the file; `documents` are the words that {document} matches."""
    parts: list[_Part] = []
    for match in _PART.finditer(phrase.removeprefix("^ ").removesuffix(" $")):
        if match["document"]:
            parts.append(_Part(documents, is_optional=False))
        elif match["words"] is not None:
            parts.append(_Part((match["words"],), is_optional=False))
        else:
            alternatives = (match["optional"] or match["either"] or "").split("|")
            options = tuple(
                option for alternative in alternatives for option in _expand(alternative, documents)
            )
            parts.append(_Part(options, is_optional=match["optional"] is not None))
    return _Phrase(tuple(parts), phrase.startswith("^ "), phrase.endswith(" $"))


def _expand(alternative: str, documents: tuple[str, ...]) -> list[str]:
    """Return an alternative with {document} replaced by each of the words for documents."""
    if "{document}" not in alternative:
        return [alternative]
    return [alternative.replace("{document}", document) for document in documents]


def _may_match(text: str, phrase: _Phrase) -> bool:
    """Return whether a text contains all required parts. Much cheaper than compiling a pattern."""
    return all(
        part.is_optional or any(option.strip() in text for option in part.options) for part in phrase.parts
    )


@lru_cache(maxsize=256)
def _compile(phrase: _Phrase) -> "re.Pattern[str]":
    pattern = ""
    for part in phrase.parts:
        options = "|".join(map(_escape, sorted(part.options, key=len, reverse=True)))
        pattern += f"(?:{options}){'?' if part.is_optional else ''}"
    is_unspaced = any(_UNSPACED.search(option) for part in phrase.parts for option in part.options)
    prefix = r"^\W*" if phrase.is_first else "" if is_unspaced else r"(?<!\w)"
    suffix = r"(?=\W*$)" if phrase.is_last else "" if is_unspaced else r"(?!\w)"
    return re.compile(prefix + pattern + suffix)


def _escape(text: str) -> str:
    # A blank matches no space, too: an optional part that is missing leaves its blanks behind.
    return r"\s*".join(map(re.escape, text.split(" ")))
