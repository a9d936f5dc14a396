"""Words about the asking, not the subject: "what does the article say about", "where can I find".

The phrases stand in question_phrases.toml, which a speaker of a language can edit.
"""

import re
import tomllib
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
    """A piece of a phrase: any of its options stands there, or none where it `is_optional`."""

    options: tuple[str, ...]
    is_optional: bool


@dataclass(frozen=True, slots=True)
class _Phrase:
    """A phrase, in parts; `is_first` and `is_last` bind it to the beginning or the end of the question."""

    parts: tuple[_Part, ...]
    is_first: bool
    is_last: bool


def asking_spans(text: str) -> list[tuple[int, int]]:
    """Return where phrases about the asking stand in a question, in any language that has some, in order.

    Phrases that follow each other are one span.
    """
    return list(_spans(text))


@lru_cache(maxsize=1_024)
def _spans(text: str) -> tuple[tuple[int, int], ...]:
    folded = text.lower().replace("’", "'")
    if len(folded) != len(text):
        return ()
    found = [
        match.span()
        for phrase in _phrases()
        if _may_hold(folded, phrase)
        for match in _pattern(phrase).finditer(folded)
    ]
    spans: list[tuple[int, int]] = []
    for start, end in sorted(found, key=lambda span: (span[0], -span[1])):
        if spans and (start < spans[-1][1] or not folded[spans[-1][1] : start].strip(" ,")):
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        elif end > start:
            spans.append((start, end))
    return tuple(spans)


def without_asking(text: str) -> str:
    """Return a question without the phrases about the asking.

    Where it holds nothing else it is returned whole.
    """
    rest, done = "", 0
    for start, end in asking_spans(text):
        rest += text[done:start] + " "
        done = end
    subject = " ".join((rest + text[done:]).split()).strip(" ,:;¿")
    return subject if _WORD.search(subject) else text


@cache
def _phrases() -> tuple[_Phrase, ...]:
    source = files(__package__).joinpath("question_phrases.toml").read_text(encoding="utf-8")
    return tuple(
        _parsed(phrase.lower(), tuple(table["documents"]))
        for table in tomllib.loads(source).values()
        for phrase in table["phrases"]
    )


def _parsed(phrase: str, documents: tuple[str, ...]) -> _Phrase:
    parts: list[_Part] = []
    for match in _PART.finditer(phrase.removeprefix("^ ").removesuffix(" $")):
        if match["document"]:
            parts.append(_Part(documents, is_optional=False))
        elif match["words"] is not None:
            parts.append(_Part((match["words"],), is_optional=False))
        else:
            listed = (match["optional"] or match["either"] or "").split("|")
            options = tuple(
                option.replace("{document}", document)
                for option in listed
                for document in _named(option, documents)
            )
            parts.append(_Part(options, is_optional=match["optional"] is not None))
    return _Phrase(tuple(parts), phrase.startswith("^ "), phrase.endswith(" $"))


def _named(option: str, documents: tuple[str, ...]) -> tuple[str, ...]:
    return documents if "{document}" in option else ("",)


def _may_hold(text: str, phrase: _Phrase) -> bool:
    """Return at a glance whether a phrase may be in a text: patterns take milliseconds to compile."""
    return all(
        part.is_optional or any(option.strip() in text for option in part.options) for part in phrase.parts
    )


@lru_cache(maxsize=256)
def _pattern(phrase: _Phrase) -> "re.Pattern[str]":
    pattern = ""
    for part in phrase.parts:
        options = "|".join(map(_literal, sorted(part.options, key=len, reverse=True)))
        pattern += f"(?:{options}){'?' if part.is_optional else ''}"
    is_unspaced = any(_UNSPACED.search(option) for part in phrase.parts for option in part.options)
    begin = r"^\W*" if phrase.is_first else "" if is_unspaced else r"(?<!\w)"
    end = r"(?=\W*$)" if phrase.is_last else "" if is_unspaced else r"(?!\w)"
    return re.compile(begin + pattern + end)


def _literal(text: str) -> str:
    # What may be left out leaves a blank behind.
    return r"\s*".join(map(re.escape, text.split(" ")))
