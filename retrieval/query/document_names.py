"""Finds the documents that a person names.

`find_documents` takes a name as people say it: "the travel policy" is travel-policy.md. `find_files` and
`find_titles` take a message that is nothing but file names or titles as they are written.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self

import regex

from retrieval.language import tokenize
from retrieval.model import Source
from retrieval.query.query import load_stopwords
from retrieval.query.question_phrases import fold_phrase, is_any_document, is_document_word

# Longer messages are more than names.
_MAX_NAMES_CHARS = 1000
_SEPARATORS = regex.compile(r"[,;\n،、，；]+")
# Shorter words between names are taken for "and" and the like.
_MAX_JOINING_CHARS = 3


def documents_meant(name: str, sources: Sequence[Source]) -> list[Source]:
    """Return the documents of a name; all of them without a name, or for "this" and "the article"."""
    found = find_documents(name, sources)
    return list(sources) if not found and (not name or is_any_document(name)) else found


def find_documents(name: str, sources: Sequence[Source]) -> list[Source]:
    """Return the documents whose title or file name has all words of a name, in the order of `sources`.

    Inflected words match. If the words are all of a title or file name, documents that have others as well
    are left out. Empty if the name has no words but function words and "document".
    """
    matches: list[Source] = []
    exact: list[Source] = []
    for language in sorted({source.language for source in sources}):
        own = _content_terms(name, language)
        wanted = own - _document_terms(name, language)
        for source in (source for source in sources if source.language == language):
            names = [_content_terms(text, language) for text in _names(source)]
            if own and any(terms in (own, wanted) for terms in names):
                exact.append(source)
            elif wanted and wanted <= set().union(*names):
                matches.append(source)
    found = {source.id for source in exact or matches}
    return [source for source in sources if source.id in found]


def _names(source: Source) -> tuple[str, ...]:
    """Return the title, the path, the file name and the file name without its suffix."""
    file = PurePosixPath(source.name)
    return source.title, source.name, file.name, file.stem


def _content_terms(text: str, language: str) -> set[str]:
    stopwords = load_stopwords()
    ignored = stopwords[language].function_words if language in stopwords else frozenset()
    return {token.term for token in tokenize(text, language) if token.word not in ignored}


def _document_terms(text: str, language: str) -> set[str]:
    return {token.term for token in tokenize(text, language) if is_document_word(token.word)}


@dataclass(frozen=True, slots=True)
class NameTable:
    """Documents by folded file name, with and without its folder, and by folded title."""

    sources: Sequence[Source]
    files: Mapping[str, Sequence[Source]]
    titles: Mapping[str, Sequence[Source]]

    @classmethod
    def of(cls, sources: Sequence[Source]) -> Self:
        files, titles = defaultdict(list), defaultdict(list)
        for source in sources:
            paths = [
                path for name in (source.name, *source.copies) for path in (name, PurePosixPath(name).name)
            ]
            for name in dict.fromkeys(map(fold_phrase, paths)):
                files[name].append(source)
            titles[fold_phrase(source.title)].append(source)
        return cls(sources, files, titles)


def may_name_files(text: str) -> bool:
    """Return whether a text can be file names alone. Making a NameTable for any other is in vain."""
    return "." in text and len(text) <= _MAX_NAMES_CHARS


def find_files(text: str, tables: Sequence[NameTable]) -> list[Source]:
    """Return the documents whose file names make up the text; none if it has other words."""
    if not may_name_files(text):
        return []
    for parts in ([text], _SEPARATORS.split(text), _SEPARATORS.sub(" ", text).split()):
        names = [name for part in parts if (name := fold_phrase(part))]
        matches = [[source for table in tables for source in table.files.get(name, ())] for name in names]
        rest = [name for name, match in zip(names, matches, strict=True) if not match]
        if all(len(name) <= _MAX_JOINING_CHARS for name in rest) and any(matches):
            return _distinct(matches)
    return []


def find_titles(text: str, tables: Sequence[NameTable]) -> list[Source]:
    """Return the documents whose title is the text, or whose titles are its parts."""
    if len(text) > _MAX_NAMES_CHARS:
        return []
    for parts in ([text], _SEPARATORS.split(text)):
        names = [name for part in parts if (name := fold_phrase(part))]
        matches = [[source for table in tables for source in table.titles.get(name, ())] for name in names]
        if matches and all(matches):
            return _distinct(matches)
    return []


def _distinct(matches: Sequence[Sequence[Source]]) -> list[Source]:
    return list({source.id: source for match in matches for source in match}.values())
