"""The pipeline: the stages of retrieval from a question to an Answer, and how sure that is.

`_run_stages` runs the stages in their order, on an index on this machine or in a cluster.
"""

import asyncio
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from retrieval.embeddings.encoder import QuestionVectors
from retrieval.index.candidates import Candidates, Index
from retrieval.language import is_unspaced, tokenize
from retrieval.model import Answer, Certainty, Citation, TermWeight
from retrieval.query.matching import inverse_document_frequency, match_candidates
from retrieval.query.query import (
    Query,
    parse,
    remove_asking_phrases,
    split_question,
    with_corrections,
    with_earlier_words,
)
from retrieval.quotes.coefficients import MIN_UNSURE_CONFIDENCE, Coefficients
from retrieval.quotes.quote_selection import (
    Excerpt,
    cite,
    drop_altered,
    find_highlights,
    match_forms,
    rank_spans,
    select_quotes,
    with_explanations,
)

# 64 are as good as 100, within 0.002, in two thirds of the time. 99.5 % of the answers are among them.
MAX_CANDIDATES = 64
# The log probability of "words" like "qwertz" and "фыва" per character, by their letters. The likeliest word
# of each of 1,248 evaluation questions in such letters has at least -3.8; 1.4 % of rare words are below this.
_MAX_GIBBERISH_LIKELIHOOD = ((re.compile("[a-z]+"), -4.75), (re.compile("[а-яё]+"), -5.25))
_MAX_ABBREVIATION_CHARS = 4
# E4, F21b, WM200; but 31st and 6am are a date and a time.
_CODE = re.compile(r"[^\W\d_]{1,4}\d+[^\W\d_]?\d*")
# Each is compared with all words of the documents, and questions rarely have more misspelt words.
_MAX_CORRECTED_WORDS = 5


async def run_pipeline(
    text: str, index: Index, *, quote_chars: int, top: int, earlier: str | None = None
) -> Answer:
    """Answer a question with up to `top` quotes of at most `quote_chars` characters.

    `earlier` is the question before it, if the question is a reply to its answer. A declined question keeps
    its suggestion only if that is not declined too.
    """
    result = await _run_stages(text, index, quote_chars=quote_chars, top=top, earlier=earlier)
    if not earlier and (parts := split_question(text)):
        result = await _answer_parts(result, parts, index, quote_chars=quote_chars, top=top)
    if result.certainty != "none" or result.suggestion is None:
        return result
    corrected = await _run_stages(result.suggestion, index, quote_chars=quote_chars, top=1, earlier=earlier)
    return result if corrected.certainty != "none" else replace(result, suggestion=None)


async def _run_stages(text: str, index: Index, *, quote_chars: int, top: int, earlier: str | None) -> Answer:
    question_query, corrections = await parse_and_correct(text, index)
    if question_query.is_greeting or not question_query.words:
        earlier = None
    query = question_query
    if earlier:
        earlier_query, _ = await parse_and_correct(earlier, index)
        query = with_earlier_words(question_query, earlier_query)
    asks_nothing = bool(index.languages) and not any(word.is_content for word in query.words)
    candidates = await find_candidates(query, earlier, index)
    if not candidates.passages:
        return Answer(text, certainty="none", confidence=0.0, citations=(), asks_nothing=asks_nothing)
    matches = match_candidates(query, candidates)
    ranking = rank_spans(query, matches, candidates, quote_chars)
    probability = confidence(query, ranking.best_features, ranking.coefficients)
    if _is_unknown(question_query, candidates):
        if candidates.meaning is None or _is_gibberish(question_query, index):
            probability = 0.0
        elif earlier:
            # The earlier question alone may have found these quotes, and it has been answered already.
            probability = below_sure(probability, ranking.coefficients)
    excerpts = select_quotes(ranking, matches, candidates.passages, top)
    excerpts = with_explanations(excerpts, matches, candidates.passages, quote_chars)
    if excerpts and _is_code_of(query, excerpts[0], candidates):
        probability = max(probability, ranking.coefficients.min_sure)
    forward, is_match = candidates.forward, match_forms(query, candidates.forward.vocabulary)
    citations = tuple(
        cite(
            candidates.passages[excerpt.candidate],
            excerpt,
            rank,
            find_highlights(forward, excerpt.candidate, is_match, excerpt.start, excerpt.end),
        )
        for rank, excerpt in enumerate(excerpts, 1)
    )
    answer = Answer(
        text,
        certainty="none" if asks_nothing else certainty(probability, ranking.coefficients),
        confidence=probability,
        citations=citations,
        suggestion=suggest_correction(question_query, corrections),
        asks_nothing=asks_nothing,
    )
    return keep_verbatim(answer)


def keep_verbatim(answer: Answer) -> Answer:
    """Return an answer without the quotes that are not verbatim. If none is left, there is no answer."""
    citations = tuple(drop_altered(answer.citations))
    return replace(answer, citations=citations, certainty=answer.certainty if citations else "none")


def _is_code_of(query: Query, excerpt: Excerpt, candidates: Candidates) -> bool:
    """Return whether a question is only a code such as E4, and an excerpt has the one passage that has it.

    One word is not enough to be sure of an answer, but no other passage can be meant.
    """
    if len({word.text for word in query.words}) != 1 or not _CODE.fullmatch(query.words[0].text):
        return False
    terms = {term for word in query.words for term in word.terms}
    if {candidates.document_frequencies.get(term, 0) for term in terms} - {0} != {1}:
        return False
    passage = candidates.passages[excerpt.candidate]
    quote = passage.text[excerpt.start : excerpt.end]
    return any(token.term in terms for token in tokenize(quote, passage.language))


async def find_candidates(query: Query, earlier: str | None, index: Index) -> Candidates:
    """Return the passages to look for quotes in. `earlier` is as in `run_pipeline`."""
    vector = await _encode(query, earlier, index)
    return await index.search(query.terms, MAX_CANDIDATES, vector)


async def _answer_parts(
    whole: Answer, parts: Sequence[str], index: Index, *, quote_chars: int, top: int
) -> Answer:
    """Return one quote for each part of a question if all parts have a sure answer, in different places.

    Otherwise return the answer to the whole question; also if its first quote has words of each part.
    """
    queries = [parse(part, index.languages) for part in parts]
    terms_by_part = [_content_terms(query) for query in queries]
    distinct = [
        terms - set().union(*(other for other in terms_by_part if other is not terms))
        for terms in terms_by_part
    ]
    if top < len(parts) or not all(distinct):
        return whole
    if whole.answered and all(_mentions(whole.citations[0], terms) for terms in distinct):
        return whole
    answers = []
    for part in parts:
        # Other questions come in between.
        await asyncio.sleep(0)
        answers.append(await _run_stages(part, index, quote_chars=quote_chars, top=1, earlier=None))
    firsts = [answer.citations[0] for answer in answers if answer.answered]
    if len(firsts) < len(parts) or len({citation.passage.id for citation in firsts}) < len(parts):
        return whole
    quoted = {(citation.document_name, citation.span) for citation in firsts}
    others = [other for other in whole.citations if (other.document_name, other.span) not in quoted]
    citations = tuple(
        replace(citation, rank=rank) for rank, citation in enumerate([*firsts, *others][:top], 1)
    )
    lowest = min(answer.confidence for answer in answers)
    return replace(whole, certainty="sure", confidence=lowest, citations=citations, parts=len(parts))


def _content_terms(query: Query) -> frozenset[str]:
    return frozenset(term for word in query.words if word.is_content for term in word.terms)


def _mentions(citation: Citation, terms: frozenset[str]) -> bool:
    """Return whether a quote, its heading or the title of its document has one of the terms."""
    passage = citation.passage
    text = " ".join([citation.quote, *passage.heading, passage.title])
    return any(token.term in terms for token in tokenize(text, passage.language))


async def explain(text: str, index: Index) -> tuple[TermWeight, ...]:
    """Return the weight of each word of a question in this index: content words first, heaviest first."""
    query, _ = await parse_and_correct(text, index)
    frequencies = await index.document_frequencies(query.terms)
    counts = [max(frequencies[term] for term in word.terms) for word in query.words]
    weights = inverse_document_frequency(np.array(counts, np.float64), index.size)
    terms = [
        TermWeight(text[word.start : word.end], word.is_content, count, float(weight))
        for word, count, weight in zip(query.words, counts, weights, strict=True)
    ]
    return tuple(sorted(terms, key=lambda term: (-term.content, -term.weight)))


def suggest_correction(query: Query, corrections: Mapping[str, str]) -> str | None:
    """Return the question with its misspelt words corrected, or None if there are none.

    `corrections` maps folded spellings to the right ones. A capital at the beginning of a word is kept.
    """
    text, copied_to = "", 0
    for word in sorted(query.words, key=lambda word: word.start):
        if word.text in corrections and word.start >= copied_to:
            is_capitalised = query.text[word.start].isupper()
            correction = corrections[word.text]
            text += query.text[copied_to : word.start]
            text += correction.capitalize() if is_capitalised else correction
            copied_to = word.end
    return text + query.text[copied_to:] if copied_to else None


async def parse_and_correct(text: str, index: Index) -> tuple[Query, dict[str, str]]:
    """Return the corrected query for a question, and the corrections by folded spelling."""
    query = parse(text, index.languages)
    corrections = await _find_corrections(query, index)
    return with_corrections(query, corrections, index.languages), corrections


async def _find_corrections(query: Query, index: Index) -> dict[str, str]:
    """Return words of the documents that content words no document has are probably meant to be."""
    frequencies = await index.document_frequencies(query.terms)
    unknown = [
        word.text
        for word in query.words
        if word.is_content and not any(frequencies[term] for term in word.terms)
    ]
    nearest = await index.corrections(unknown[:_MAX_CORRECTED_WORDS])
    return {word: correction for word, correction in nearest.items() if _is_content_word(correction, index)}


def _is_content_word(text: str, index: Index) -> bool:
    """Return whether a correction is a content word. Content words are corrected to these only."""
    return any(word.is_content for word in parse(text, index.languages).words)


async def _encode(query: Query, earlier: str | None, index: Index) -> QuestionVectors | None:
    """Return the vectors of a question, together with the question before it if there is one.

    None without an encoder, passages or words.
    """
    if index.encoder is None or not index.size or not query.words:
        return None
    texts = " ".join(remove_asking_phrases(text) for text in (earlier, query.text) if text)
    return await asyncio.to_thread(index.encoder.encode_question, texts)


def _is_gibberish(query: Query, index: Index) -> bool:
    """Return whether a question of several words has none that could be one in any language.

    Only in letters that this was measured for: rare words in other scripts can look like gibberish. So can a
    single word, and abbreviations.
    """
    words = [word.text for word in query.words]
    if index.encoder is None or len(words) < 2 or all(map(_may_be_abbreviation, words)):  # noqa: PLR2004
        return False
    for word in words:
        bounds = [most for letters, most in _MAX_GIBBERISH_LIKELIHOOD if letters.fullmatch(word)]
        if not bounds or index.encoder.word_likelihood(word) > bounds[0]:
            return False
    return True


def _may_be_abbreviation(word: str) -> bool:
    """Return whether a word is as short as most abbreviations, and not one letter again and again."""
    return len(word) <= _MAX_ABBREVIATION_CHARS and len(set(word)) > 1


def _is_unknown(query: Query, candidates: Candidates) -> bool:
    """Return whether a question has content words, and the documents have none of them.

    They may still express them in other words, which only the encoder can find.
    """
    content = [word for word in query.words if word.is_content]
    is_known = any(candidates.document_frequencies.get(term, 0) for word in content for term in word.terms)
    return bool(content) and not is_known


# More content words do not make a question clearer.
_MAX_COUNTED_WORDS = 6


def confidence(query: Query, features: Mapping[str, float], coefficients: Coefficients) -> float:
    """Return the probability (0 to 1) that a question is answered, by the features of its best span.

    It is 0 for a question without content words, which asks for nothing. For a single word, which asks for
    nothing in particular, it stays below `min_sure`.
    """
    word_count = sum(word.is_content for word in query.words)
    if not word_count:
        return 0.0
    values = {**features, **confidence_features(query)}
    logit = coefficients.bias + sum(
        coefficient * math.prod(values[part] for part in name.split("*"))
        for name, coefficient in coefficients.confidence.items()
    )
    probability = 1 / (1 + math.exp(-logit))
    return below_sure(probability, coefficients) if _has_one_word(query) else probability


def confidence_features(query: Query) -> dict[str, float]:
    """Return the features of a question that has a content word."""
    word_count = sum(word.is_content for word in query.words)
    return {
        "words": math.log(min(word_count, _MAX_COUNTED_WORDS)),
        "unspaced": float(any(is_unspaced(word.text) for word in query.words)),
    }


def below_sure(probability: float, coefficients: Coefficients) -> float:
    """Scale a probability to below `min_sure`, keeping the order."""
    return probability * coefficients.min_sure


def certainty(confidence: float, coefficients: Coefficients) -> Certainty:
    """Return the kind of reply that a confidence allows."""
    if confidence >= coefficients.min_sure:
        return "sure"
    return "unsure" if confidence >= MIN_UNSURE_CONFIDENCE else "none"


def _has_one_word(query: Query) -> bool:
    """Return whether a query has one word: in scripts without spaces, a token that contains all others."""
    texts = [word.text for word in query.words]
    return len(texts) == 1 or any(is_unspaced(text) and all(part in text for part in texts) for text in texts)
