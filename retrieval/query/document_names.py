"""Documents by the names that people write: "the travel policy" is travel-policy.md.

`find_documents` takes a name as people say it, `find_files` and `find_titles` a message that is nothing but
file names or titles as they are written.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import dropwhile, takewhile
from pathlib import PurePosixPath
from typing import Self

import regex

from retrieval.language import Token, tokenize
from retrieval.model import Source
from retrieval.query.intent import (
    MAX_NAMES_CHARS,
    DocumentQuestionKind,
    fold_phrase,
    is_any_document,
    is_document_word,
    may_name_files,
    parse_document_question,
)
from retrieval.query.query import UNSPACED_LETTER, load_stopwords, load_tables

# Forms of a word that differ after its stem: "politikası", "politikasında".
_MIN_STEM_CHARS = 5
_MIN_STEM_SHARE = 0.75
# Where scripts with and without spaces meet: "note.txt里".
_UNSPACED_EDGE = regex.compile(
    rf"(?<={UNSPACED_LETTER})(?=[\p{{Latin}}\p{{N}}])|(?<=[\p{{Latin}}\p{{N}}])(?={UNSPACED_LETTER})"
)
_NAME_SEPARATORS = regex.compile(r"[,;\n،、，；]+")
_QUESTION_MARKS = frozenset("?？؟")
# Shorter words between names are taken for "and" and the like.
_MAX_JOINING_CHARS = 3


def documents_meant(name: str, sources: Sequence[Source], *, is_whole: bool = False) -> list[Source]:
    """Return the documents of a name; all of them without a name, or for "this" and "the article".

    "The manual" and "the mail" are the only document of this kind, if there is one. With `is_whole`, the name
    must be a whole title, file name or kind.
    """
    documents = _find_without_article(name, sources, is_whole=is_whole) or _only_one_of_kind(name, sources)
    return list(sources) if not documents and (not name or is_any_document(name)) else documents


def only_document_named(text: str, sources: Sequence[Source]) -> Source | None:
    """Return the only document whose title or file name is the text after an article: "the bylaws".

    A word alone may ask for passages with it, too.
    """
    return only_document_chosen(text, sources) if _is_function_word(text.split(" ", maxsplit=1)[0]) else None


def only_document_chosen(text: str, sources: Sequence[Source]) -> Source | None:
    """Return the only document whose title or file name is the text, perhaps after an article."""
    has_more = "." in text and len(text.split()) > 1
    if has_more or len(text) > MAX_NAMES_CHARS or not _QUESTION_MARKS.isdisjoint(text):
        return None
    documents = _find_without_article(text, sources, is_whole=True)
    return documents[0] if len(documents) == 1 else None


def only_document_about(text: str, sources: Sequence[Source]) -> Source | None:
    """Return the only document that a question for the contents of one can mean: "what is in the goulash".

    A part of its title is enough, so this is for questions that no quote answers.
    """
    question = parse_document_question(text)
    if question is None or question.kind is not DocumentQuestionKind.CONTENTS:
        return None
    documents = _find_without_article(question.subject, sources)
    return documents[0] if len(documents) == 1 else None


def _find_without_article(name: str, sources: Sequence[Source], *, is_whole: bool = False) -> list[Source]:
    """Return what `find_documents` does; if that is nothing, what it does without articles of any language.

    "What does the Satzung say" asks in English for a German document.
    """
    if documents := find_documents(name, sources, is_whole=is_whole):
        return documents
    words = name.split()
    rest = list(dropwhile(_is_function_word, words))
    return find_documents(" ".join(rest), sources, is_whole=is_whole) if len(rest) < len(words) else []


def _is_function_word(word: str) -> bool:
    return any(word.casefold() in stopwords.function_words for stopwords in load_stopwords().values())


# The kinds of files that people have words for, which a title rarely has.
_SUFFIXES = {
    "mails": frozenset({".eml", ".msg", ".mbox"}),
    "sheets": frozenset({".xlsx", ".xls", ".ods", ".csv", ".tsv"}),
    "slides": frozenset({".pptx", ".odp"}),
}
# "这封" before "邮件".
_MAX_UNSPACED_POINTER_CHARS = 2


def _only_one_of_kind(name: str, sources: Sequence[Source]) -> list[Source]:
    """Return the only document of a kind that people call it by, such as "the mail"; none if several are."""
    found: dict[str, Source] = {}
    folded = fold_phrase(name)
    for language, table in load_tables("document_questions").items():
        for key in ("kinds", *_SUFFIXES):
            if kind := next((word for word in table[key] if _is_only_word(word, folded, language)), None):
                found |= {source.id: source for source in sources if _is_of_kind(source, key, kind, language)}
    return list(found.values()) if len(found) == 1 else []


def _is_only_word(word: str, folded: str, language: str) -> bool:
    """Return whether a folded name is a word, perhaps with function words such as "the" before it."""
    word = fold_phrase(word)
    rest = folded.removesuffix(word)
    if len(rest) == len(folded):
        return False
    if language == "zh":
        return len(rest) <= _MAX_UNSPACED_POINTER_CHARS
    stopwords = load_stopwords()[language].function_words
    return rest[-1:] in {"", " "} and all(before in stopwords for before in rest.split())


def _is_of_kind(source: Source, key: str, kind: str, language: str) -> bool:
    if key in _SUFFIXES:
        return PurePosixPath(source.name).suffix.lower() in _SUFFIXES[key]
    if source.language != language:
        return False
    terms = _content_terms(kind, language)
    return any(terms <= _content_terms(name, language) for name in (source.title, source.name))


def find_documents(name: str, sources: Sequence[Source], *, is_whole: bool = False) -> list[Source]:
    """Return the documents whose title or file name has all words of a name, in the order of `sources`.

    Inflected words match. If the words are all of a title or file name, or have a file name with its suffix
    among them, documents that have others as well are excluded; with `is_whole`, always. Empty if the name
    has no words but function words and "document".
    """
    if files := _find_file_names(name, sources):
        return files
    matches: list[Source] = []
    exact: list[Source] = []
    for language in sorted({source.language for source in sources}):
        name_terms = _content_terms(name, language)
        wanted = name_terms - _document_terms(name, language)
        joined = "".join(token.word for token in _content_tokens(name, language))
        for source in (source for source in sources if source.language == language):
            tokens = [_content_tokens(text, language) for text in _names(source)]
            names = [{token.term for token in own_tokens} for own_tokens in tokens]
            # "The price list" is pricelist.xls, "the pricelist" is price-list.xls.
            is_joined = joined in ("".join(token.word for token in own_tokens) for own_tokens in tokens)
            if name_terms and (
                is_joined or any(_is_name(terms, name_terms, wanted, is_whole=is_whole) for terms in names)
            ):
                exact.append(source)
            elif wanted and wanted <= set().union(*names):
                matches.append(source)
    ids = {source.id for source in (exact if is_whole else exact or matches)}
    return [source for source in sources if source.id in ids]


def _is_name(terms: set[str], name_terms: set[str], wanted: set[str], *, is_whole: bool) -> bool:
    """Return whether the terms of a title or file name are those of a name, perhaps without "document".

    With `is_whole`, words may differ in an ending that stemming leaves.
    """
    if terms in (name_terms, wanted):
        return True
    return (
        is_whole
        and len(terms) == len(wanted) > 0
        and all(any(_is_inflected(term, other) for other in terms) for term in wanted)
    )


def _is_inflected(term: str, other: str) -> bool:
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(term, other, strict=False)))
    is_most = shared >= max(_MIN_STEM_CHARS, _MIN_STEM_SHARE * max(len(term), len(other)))
    return term == other or (is_most and term.isalpha() and other.isalpha())


def _find_file_names(name: str, sources: Sequence[Source]) -> list[Source]:
    """Return the documents with the longest file name, with its suffix, in a text with other words."""
    if "." not in name:
        return []
    words = f" {_UNSPACED_EDGE.sub(' ', fold_phrase(name))} "
    found: dict[str, list[Source]] = {}
    for source in sources:
        for path in {source.name, PurePosixPath(source.name).name}:
            folded = fold_phrase(path)
            if "." in path and f" {_UNSPACED_EDGE.sub(' ', folded)} " in words:
                found.setdefault(folded, []).append(source)
    return _distinct([found[max(found, key=len)]]) if found else []


def _names(source: Source) -> tuple[str, ...]:
    """Return the title, the path, the file name and the file name without its suffix."""
    file = PurePosixPath(source.name)
    return source.title, source.name, file.name, file.stem


def _content_tokens(text: str, language: str) -> list[Token]:
    stopwords = load_stopwords()
    ignored = stopwords[language].function_words if language in stopwords else frozenset()
    return [token for token in tokenize(text, language) if token.word not in ignored]


def _content_terms(text: str, language: str) -> set[str]:
    return {token.term for token in _content_tokens(text, language)}


def has_word_of(question: str, name: str, language: str) -> bool:
    """Return whether a title or heading in a language has a content word of a question, however inflected."""
    return not _content_terms(question, language).isdisjoint(_content_terms(name, language))


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


def find_files(text: str, tables: Sequence[NameTable]) -> list[Source]:
    """Return the documents whose file names make up the text; none if it has other words."""
    if not may_name_files(text):
        return []
    for parts in ([text], _NAME_SEPARATORS.split(text), _NAME_SEPARATORS.sub(" ", text).split()):
        names = [name for part in parts if (name := fold_phrase(part))]
        matches = [[source for table in tables for source in table.files.get(name, ())] for name in names]
        rest = [name for name, match in zip(names, matches, strict=True) if not match]
        if all(len(name) <= _MAX_JOINING_CHARS for name in rest) and any(matches):
            return _distinct(matches)
    return []


def find_titles(text: str, tables: Sequence[NameTable]) -> list[Source]:
    """Return the documents whose title is the text, or whose titles are its parts."""
    if len(text) > MAX_NAMES_CHARS:
        return []
    for parts in ([text], _NAME_SEPARATORS.split(text)):
        names = [name for part in parts if (name := fold_phrase(part))]
        matches = [[source for table in tables for source in table.titles.get(name, ())] for name in names]
        if matches and all(matches):
            return _distinct(matches)
    return []


def _distinct(matches: Sequence[Sequence[Source]]) -> list[Source]:
    return list({source.id: source for match in matches for source in match}.values())
