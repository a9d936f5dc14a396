"""Finds the document that a person names: "the travel policy" is travel-policy.md."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from retrieval.document_structure import Source
from retrieval.index.tokenizer import tokenize
from retrieval.query.document_questions import is_any_document, is_document_word
from retrieval.query.stopwords import load_stopwords


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
