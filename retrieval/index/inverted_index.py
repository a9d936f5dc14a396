"""The inverted index: word forms, posting lists, BM25 scores and the search for the best passages.

A form is a spelling as it is in the text, in the language of that text; a passage is a row of forms. So the
term, the grams and the type of a form are computed once, not for each of its occurrences.

The scores are those of rank_bm25.BM25Plus with delta = 0, whose idf = ln((N + 1) / df) is positive for every
term. rank-bm25's other variants give a zero or negative weight to a term in half of the passages, and in a
small folder that is most terms. Its own get_scores walks every passage in Python; a posting list has only the
passages with the term. Postings have nothing that depends on other passages: term weights and length norms
are computed for each question.

The heading fields of a passage (file name, title and headings) have posting lists of their own: a heading is
often the question itself, and a question often names its document.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag
from itertools import accumulate, chain
from typing import Any, Self

import numpy as np
import regex
from numpy.typing import DTypeLike, NDArray
from rank_bm25 import BM25Plus

from retrieval.language import Token


@dataclass(frozen=True, slots=True)
class RaggedArray:
    """Rows of different lengths in one array: row r is `values[offsets[r]:offsets[r + 1]]`."""

    offsets: NDArray[np.int64]
    values: NDArray[Any]

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[int]], dtype: DTypeLike = np.int32) -> Self:
        offsets = np.fromiter(accumulate(map(len, rows), initial=0), np.int64, len(rows) + 1)
        return cls(offsets, np.fromiter(chain.from_iterable(rows), dtype, int(offsets[-1])))

    @classmethod
    def from_lengths(cls, lengths: NDArray[Any], values: NDArray[Any]) -> Self:
        """Return rows of these lengths; `values` are those of all rows."""
        return cls(row_ends(lengths), values)

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        return cls.from_lengths(
            np.concatenate([part.lengths for part in parts]), np.concatenate([part.values for part in parts])
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.offsets)

    def row(self, number: int) -> NDArray[Any]:
        return self.values[self.offsets[number] : self.offsets[number + 1]]

    def positions(self, numbers: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the positions in `values` of all elements of these rows, and the lengths of the rows."""
        first = self.offsets[numbers]
        lengths = self.offsets[numbers + 1] - first
        positions = np.repeat(first - (np.cumsum(lengths) - lengths), lengths)
        positions += np.arange(len(positions))
        return positions, lengths

    def take(self, numbers: NDArray[Any]) -> "RaggedArray":
        """Return these rows, in the order of `numbers`."""
        positions, lengths = self.positions(numbers)
        return RaggedArray.from_lengths(lengths, self.values.take(positions))


def row_ends(lengths: NDArray[Any]) -> NDArray[np.int64]:
    """Return the offsets of rows of these lengths, shape (rows + 1,)."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


_YEAR = regex.compile(r"1\d{3}|20\d{2}")


class TokenType(IntFlag):
    """Flags for kinds of tokens; the bits combine."""

    CAPITAL = 1
    SMALL = 2
    YEAR = 4
    NUMBER = 8


_NO_TYPE = TokenType(0)  # created once, because it is returned for most tokens


def token_type(token: Token, text: str) -> TokenType:
    """Return the type of a token of `text`; a word in a script without case has none."""
    first = text[token.start]
    if first.isupper():
        return TokenType.CAPITAL
    if first.islower():
        return TokenType.SMALL
    if not first.isdigit():
        return _NO_TYPE
    return TokenType.YEAR | TokenType.NUMBER if _YEAR.fullmatch(token.word) else TokenType.NUMBER


GRAM_CHARS = 4
# 2**32 divided by the golden ratio, rounded to an odd number (Knuth's multiplicative hashing).
_HASH_FACTOR = 0x9E3779B1


def grams(word: str) -> list[str]:
    """Return a word's character 4-grams; the only gram of a shorter word is the word."""
    return [word[i : i + GRAM_CHARS] for i in range(max(len(word) - GRAM_CHARS, 0) + 1)]


def gram_codes(words: Sequence[str]) -> RaggedArray:
    """Return for each word the distinct hashes (uint32) of its grams, ascending. Collisions are very rare."""
    characters = np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), np.uint32)
    lengths = np.array([len(word) for word in words], np.int64)
    counts = np.maximum(lengths - GRAM_CHARS, 0) + 1
    owners = np.repeat(np.arange(len(words)), counts)
    # Where each gram begins and its word ends, in the characters of all words.
    starts = np.arange(len(owners)) - (row_ends(counts)[:-1] - row_ends(lengths)[:-1])[owners]
    ends = row_ends(lengths)[1:][owners]
    codes = np.zeros(len(owners), np.uint32)
    for step in range(GRAM_CHARS):
        is_inside = starts + step < ends
        codes[is_inside] += characters[(starts + step)[is_inside]] + np.uint32(1)
        codes *= np.uint32(_HASH_FACTOR)
        codes ^= codes >> np.uint32(15)
    keys = np.unique(owners << 32 | codes)
    return RaggedArray(np.searchsorted(keys >> 32, np.arange(len(words) + 1)), keys.astype(np.uint32))


def digest(text: str) -> int:
    """Return a 64-bit hash. Among a billion texts the chance that any two collide is 1 in 40."""
    raw = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(raw, "little")


def digests(texts: Iterable[str]) -> NDArray[np.uint64]:
    return np.array([digest(text) for text in texts], np.uint64)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Word forms, a row each.

    `names` are digests of language and spelling, which identify a form. `terms` are digests of terms.
    `token_types` are bits of TokenType, `lengths` the characters of the spelling. `grams` are the codes of
    the grams of the folded word, as gram_codes returns them.
    """

    names: NDArray[np.uint64]
    terms: NDArray[np.uint64]
    token_types: NDArray[np.uint8]
    lengths: NDArray[np.uint16]
    grams: RaggedArray

    def __len__(self) -> int:
        return len(self.names)

    def take(self, numbers: NDArray[Any]) -> "Vocabulary":
        """Return these forms, in the order of `numbers`."""
        return _from_columns([getattr(self, name)[numbers] for name in _COLUMNS], self.grams.take(numbers))

    def find_grams(self, wanted: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return each pair of a wanted gram and a form that has it: the gram's index, the form's number.

        Both arrays have the shape (pairs,); the forms are in ascending order.
        """
        # A gram is a word with one gram, itself.
        codes = gram_codes(wanted).values
        order = np.argsort(codes)
        # Fewer than one gram in a hundred is wanted: the lower half of the code excludes most of the others.
        is_likely = np.zeros(1 << 16, np.bool_)
        is_likely[codes & 0xFFFF] = True
        positions = np.flatnonzero(is_likely[self.grams.values & 0xFFFF])
        nearest = np.minimum(np.searchsorted(codes[order], self.grams.values[positions]), len(codes) - 1)
        matches = codes[order][nearest] == self.grams.values[positions]
        return order[nearest[matches]], np.searchsorted(
            self.grams.offsets, positions[matches], side="right"
        ) - 1

    def map_terms(self, terms: Mapping[int, int]) -> NDArray[np.intp]:
        """Return for each form the value in `terms` of its term's digest, or -1."""
        wanted = np.array(sorted(terms), np.uint64)
        if not len(wanted):
            return np.full(len(self), -1)
        values = np.array([terms[term] for term in wanted.tolist()], np.intp)
        nearest = np.minimum(np.searchsorted(wanted, self.terms), len(wanted) - 1)
        return np.where(wanted[nearest] == self.terms, values[nearest], -1)

    @classmethod
    def join(cls, parts: Sequence[Self]) -> "Vocabulary":
        """Return the forms of all parts one after the other, with duplicates."""
        columns = [np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS]
        return _from_columns(columns, RaggedArray.join([part.grams for part in parts]))

    @classmethod
    def merge(
        cls, parts: Sequence[Self], counts: Sequence[NDArray[np.int64]]
    ) -> tuple["Vocabulary", list[NDArray[np.int32]]]:
        """Return the distinct forms that occur, and for each part the new numbers of its forms.

        `counts` is how often each form of each part occurs. The most frequent forms come first: most tokens
        are of a few forms, which are then neighbours in memory.
        """
        _, first, which = np.unique(
            np.concatenate([part.names for part in parts]), return_index=True, return_inverse=True
        )
        total = np.bincount(which, np.concatenate(counts), len(first))
        order = np.argsort(-total, kind="stable")
        order = order[total[order] > 0]
        number = np.zeros(len(first), np.int32)
        number[order] = np.arange(len(order), dtype=np.int32)
        cuts = np.cumsum([len(part) for part in parts])[:-1]
        return cls.join(parts).take(first[order]), np.split(number[which], cuts)


def _from_columns(columns: Sequence[NDArray[Any]], grams: RaggedArray) -> Vocabulary:
    return Vocabulary(**dict(zip(_COLUMNS, columns, strict=True)), grams=grams)


_COLUMNS = ("names", "terms", "token_types", "lengths")
EMPTY_VOCABULARY = Vocabulary(
    np.zeros(0, np.uint64),
    np.zeros(0, np.uint64),
    np.zeros(0, np.uint8),
    np.zeros(0, np.uint16),
    RaggedArray(np.zeros(1, np.int64), np.zeros(0, np.uint32)),
)


# Short passages saturate early: 0.6 to 0.9 beat 1.2 on paragraphs, and b made no difference there.
K1 = 0.6
B = 0.75
# A posting (uint32) is the passage's number, and in the lower bits the term's frequency in it.
FREQUENCY_BITS = 12
_FREQUENCY_MASK = (1 << FREQUENCY_BITS) - 1
MAX_SEGMENT_PASSAGES = 1 << (32 - FREQUENCY_BITS)
# Postings copied at a time, which takes some tens of megabytes of working memory.
_POSTINGS_PER_BLOCK = 2_000_000

Scores = NDArray[np.float64]
Float32Array = NDArray[np.float32]
Ordinals = NDArray[np.intp]


class BM25Weights(BM25Plus):  # type: ignore[misc]  # rank-bm25 has no types
    """rank-bm25's weights for statistics that are counted already."""

    def __init__(self, size: int, length: int) -> None:
        """Take the number of passages, and the number of tokens in all of them together."""
        self.corpus_size, self.avgdl = size, length / size if size else 0.0
        self.idf: dict[int, float] = {}

    def inverse_document_frequency(self, frequency: int) -> float:
        """Return the weight of a term that `frequency` passages have."""
        if frequency not in self.idf:
            self._calc_idf({frequency: frequency})
        return self.idf[frequency]

    def norms(self, lengths: NDArray[Any]) -> Scores:
        """Return the length norms of passages of `lengths` tokens: rank-bm25's operations in their order."""
        return K1 * (1 - B + B * lengths.astype(np.float64) / max(self.avgdl, 1e-9))


@dataclass(frozen=True, slots=True)
class InvertedIndex:
    """For each term the passages that have it, and its frequency in each.

    `terms` are digests in ascending order. Row r of `lists` has the postings of `terms[r]` (uint32, ascending
    by passage). `lengths` are the passages' lengths in tokens.
    """

    terms: NDArray[np.uint64]
    lists: RaggedArray
    lengths: NDArray[np.uint16]

    @classmethod
    def build(cls, forms: Vocabulary, tokens: RaggedArray) -> Self:
        """Build from the tokens of each passage, as rows of form numbers.

        Raises ValueError for more than 1,048,576 passages.
        """
        size = len(tokens)
        if size > MAX_SEGMENT_PASSAGES:
            raise ValueError(f"{size} passages are more than {MAX_SEGMENT_PASSAGES}")
        terms, row_of_form = np.unique(forms.terms, return_inverse=True)
        keys = np.repeat(np.arange(size), tokens.lengths)
        keys |= row_of_form[tokens.values] * MAX_SEGMENT_PASSAGES
        keys.sort()
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        # Passages are too short for this to cut a frequency.
        counts = np.minimum(np.diff(np.append(first, len(keys))), _FREQUENCY_MASK)
        rows, passages = np.divmod(keys[first], MAX_SEGMENT_PASSAGES)
        lists = RaggedArray(
            np.searchsorted(rows, np.arange(len(terms) + 1)),
            (passages << FREQUENCY_BITS | counts).astype(np.uint32),
        )
        return cls(terms, lists, tokens.lengths.astype(np.uint16))

    @classmethod
    def merge(cls, parts: Sequence[tuple[Self, NDArray[np.bool_]]]) -> "InvertedIndex":
        """Merge the passages where each part's mask is true, numbered from 0 in the order of the parts."""
        terms = np.unique(np.concatenate([part.terms for part, _ in parts]))
        counts = np.zeros(len(terms), np.int64)
        for part, mask in parts:
            counts[np.searchsorted(terms, part.terms)] += part.document_frequencies(mask)
        occurs = counts > 0
        terms, counts = terms[occurs], counts[occurs]
        # The next free position in each posting list.
        free = row_ends(counts)
        lists = RaggedArray(free.copy(), np.empty(int(free[-1]), np.uint32))
        first = 0
        for part, mask in parts:
            numbers = (np.cumsum(mask) - 1 + first).astype(np.uint32)
            for rows, postings, lengths in part.blocks(mask):
                row = np.searchsorted(terms, part.terms[rows][lengths > 0])
                lengths = lengths[lengths > 0]  # noqa: PLW2901
                positions = np.repeat(free[row] - (np.cumsum(lengths) - lengths), lengths)
                positions += np.arange(len(postings))
                passages = numbers[postings >> FREQUENCY_BITS] << FREQUENCY_BITS
                lists.values[positions] = passages | (postings & _FREQUENCY_MASK)
                free[row] += lengths
            first += int(mask.sum())
        return cls(terms, lists, np.concatenate([part.lengths[mask] for part, mask in parts]))

    def document_frequencies(self, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return for each term how many of the passages where `mask` is true have it."""
        if mask.all():
            return self.lists.lengths
        # Passages of symbols alone, such as 😀, have no terms: then there are no blocks.
        empty = self.lists.lengths[:0]
        return np.concatenate([empty, *(lengths for _, _, lengths in self.blocks(mask))])

    def blocks(
        self, mask: NDArray[np.bool_]
    ) -> Iterator[tuple[slice, NDArray[np.uint32], NDArray[np.int64]]]:
        """Yield blocks of whole posting lists without the passages where `mask` is false.

        A block is a range of rows, the remaining postings, and how many remain in each row.
        """
        is_whole = bool(mask.all())
        cuts = np.searchsorted(self.lists.offsets, np.arange(0, len(self.lists.values), _POSTINGS_PER_BLOCK))
        cuts = np.unique([*cuts.tolist(), 0, len(self.terms)])
        for start, stop in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
            offsets = self.lists.offsets[start : stop + 1]
            postings = self.lists.values[offsets[0] : offsets[-1]]
            lengths = np.diff(offsets)
            if not is_whole:
                remains = mask[postings >> FREQUENCY_BITS]
                postings = postings[remains]
                lengths = np.diff(row_ends(remains)[offsets - offsets[0]])
            yield slice(start, stop), postings, lengths

    def rows(self, terms: NDArray[np.uint64]) -> list[int]:
        """Return the row of each term, -1 for those in no passage."""
        if not len(self.terms):
            return [-1] * len(terms)
        nearest = np.minimum(self.terms.searchsorted(terms), len(self.terms) - 1)
        rows: list[int] = np.where(self.terms.take(nearest) == terms, nearest, -1).tolist()
        return rows

    def posting_list(self, row: int) -> NDArray[np.uint32]:
        """Return the postings of a row that `rows` returned: none for row -1."""
        return self.lists.row(row) if row >= 0 else self.lists.values[:0]


def decode_passages(postings: NDArray[np.uint32]) -> Ordinals:
    return (postings >> FREQUENCY_BITS).astype(np.intp)


def decode_frequencies(postings: NDArray[np.uint32], dtype: DTypeLike = np.float64) -> NDArray[Any]:
    return (postings & _FREQUENCY_MASK).astype(dtype)


def term_scores(frequencies: NDArray[Any], weights: Any, norms: NDArray[Any]) -> NDArray[Any]:
    """Return what terms add to passages' scores, with rank-bm25's operations in their order.

    The shapes broadcast: `frequencies` may be (terms, passages), `weights` (terms, 1) and `norms`
    (passages,).
    """
    scores: NDArray[Any] = weights * (frequencies * (K1 + 1) / (norms + frequencies))
    return scores


def term_frequencies(passages: Ordinals, lists: Sequence[NDArray[np.uint32]]) -> Scores:
    """Return the frequency of each posting list's term in each passage, shape (terms, passages)."""
    wanted = passages.astype(np.uint32) << FREQUENCY_BITS
    postings = np.zeros((len(lists), len(passages)), np.uint32)
    for row, posting_list in zip(postings, lists, strict=True):
        if len(posting_list):
            posting_list.take(posting_list.searchsorted(wanted), out=row, mode="clip")
    # Where a passage does not have the term, the search ended at the posting of another passage.
    postings[postings ^ wanted > _FREQUENCY_MASK] = 0
    return decode_frequencies(postings)


# MaxScore (Turtle and Flood 1995): the exact top passages of a segment, without scoring every passage.
#
# Terms are taken in the order of their weights, rare ones first. As soon as `limit` passages each score more
# than the remaining terms can add, a passage with none of the terms so far cannot be among the top. The
# remaining lists are then only searched for the passages that still can.

# The sums are of 32 bits and in another order; they differ from the scores by less than this factor.
_FLOAT32_MARGIN = 1 - 1e-4
# If more sums than one in each cache line are set, it is faster to clear them all.
_FLOATS_PER_CACHE_LINE = 16
_NO_PASSAGES = np.zeros(0, np.intp)
# Checking which passages can still win costs as much as adding this many postings, and this share of the
# postings added so far.
_PRUNING_COST_POSTINGS = 6_144
_PRUNING_COST_SHARE = 0.5
# Postings added at a time, so that they stay in the processor's cache.
_POSTINGS_PER_SUM = 32_768
# Up to this many passages are searched for in all remaining lists at once.
_MAX_BATCH_PASSAGES = 256


@dataclass(frozen=True, slots=True)
class SegmentQuery:
    """A query to one segment: a posting list and a weight for each term, in the order of the query.

    `approximate_norms` has the length norm of each passage of the segment in 32 bits, half the memory to
    read; it is infinite for deleted passages. `exact_norms` returns the norms of some passages in 64 bits.
    """

    lists: Sequence[NDArray[np.uint32]]
    weights: Sequence[float]
    approximate_norms: Float32Array
    exact_norms: Callable[[Ordinals], Scores]


def top_passages(
    query: SegmentQuery, limit: int, min_score: float, sums: Float32Array
) -> tuple[Ordinals, Scores]:
    """Return the `limit` best passages of those that score `min_score` or more, and their scores.

    Passages with the same score as the last are included. The order is undefined. Scores are rank-bm25's bit
    for bit: each is added up in the order of the query. `sums` is working memory, shape (passages,): it must
    be zero, and is zero again afterwards.
    """
    order = sorted(range(len(query.lists)), key=lambda term: -query.weights[term])
    lists = [query.lists[term] for term in order]
    weights = [query.weights[term] for term in order]
    bounds = [
        weight * (K1 + 1) if len(posting_list) else 0.0
        for weight, posting_list in zip(weights, lists, strict=True)
    ]
    # The most that the terms from each one on can add to a score.
    remaining = [*accumulate(reversed(bounds), initial=0.0)][::-1]
    passages, approximate, added = _accumulate(query, order, remaining, limit, min_score, sums)
    frequencies = np.zeros((0, len(passages)))
    term = added
    while term < len(order):
        # Many passages: after each list there may be fewer for the next. Few: all lists at once is faster.
        until = term + 1 if len(passages) > _MAX_BATCH_PASSAGES else len(order)
        counts = term_frequencies(passages, lists[term:until])
        norms = query.approximate_norms[passages]
        approximate = approximate + term_scores(counts, np.array(weights[term:until])[:, None], norms).sum(
            axis=0
        )
        term = until
        needed = max(min_score, kth_best(approximate, limit)) - remaining[term]
        can_win = approximate >= needed * _FLOAT32_MARGIN
        passages, approximate = passages[can_win], approximate[can_win]
        frequencies = np.vstack((frequencies, counts))[:, can_win]
    frequencies = np.vstack((term_frequencies(passages, lists[:added]), frequencies))
    gained = term_scores(frequencies, np.array(weights)[:, None], query.exact_norms(passages))
    scores = np.zeros(len(passages))
    for index in sorted(range(len(order)), key=order.__getitem__):
        scores += gained[index]
    is_top = (scores >= max(min_score, kth_best(scores, limit))) & (scores > 0)
    return passages[is_top], scores[is_top]


def _accumulate(  # noqa: PLR0913, PLR0917
    query: SegmentQuery,
    order: Sequence[int],
    remaining: Sequence[float],
    limit: int,
    min_score: float,
    sums: Float32Array,
) -> tuple[Ordinals, NDArray[Any], int]:
    """Add up terms in `order` until a passage with none of them cannot win.

    Returns the passages that can, their sums, and the number of terms added. Clears `sums`.
    """
    groups: list[Ordinals] = []
    pending: list[int] = []
    count = added = 0
    while True:
        is_last = added == len(order)
        if is_last or _is_pruning_worthwhile(
            len(query.lists[order[added]]), count, remaining[0] - remaining[added], remaining[added]
        ):
            groups += _add_terms(query, pending, sums)
            pending = []
            passages = groups[0] if len(groups) == 1 else np.concatenate(groups or [_NO_PASSAGES])
            scores = sums.take(passages)
            # A passage is here once for each of its terms, so `limit` passages are up to `limit * added`
            # here.
            top = _sort_unique(passages[scores >= _kth_best_lower_bound(scores, limit * max(added, 1))])
            needed = max(min_score, kth_best(sums.take(top), limit))
            if is_last or needed * _FLOAT32_MARGIN > remaining[added]:
                break
        pending.append(order[added])
        count += len(query.lists[order[added]])
        added += 1
    can_win = (scores >= (needed - remaining[added]) * _FLOAT32_MARGIN) & (scores > 0)
    winners = _sort_unique(passages[can_win])
    scores = sums.take(winners)
    if len(passages) * _FLOATS_PER_CACHE_LINE > len(sums):
        sums.fill(0)
    else:
        sums[passages] = 0
    return winners, scores, added


def _is_pruning_worthwhile(size: int, count: int, max_added: float, max_remaining: float) -> bool:
    """Return whether to check which passages can win before adding a list of `size` postings.

    `count` postings are added so far. Their terms give a passage at most `max_added`; if the remaining terms
    can add as much, nothing can be pruned.
    """
    is_cheaper = size > _PRUNING_COST_POSTINGS + _PRUNING_COST_SHARE * count
    return is_cheaper and max_added > max_remaining


def _sort_unique(passages: Ordinals) -> Ordinals:
    """Return the distinct passages, sorted. Sorts its argument in place."""
    passages.sort()
    is_first = np.ones(len(passages), np.bool_)
    np.not_equal(passages[1:], passages[:-1], out=is_first[1:])
    return passages[is_first]


def _add_terms(query: SegmentQuery, terms: Sequence[int], sums: Float32Array) -> list[Ordinals]:
    """Add terms to the sums of their passages; return these in blocks, once for each of their terms."""
    blocks: list[Ordinals] = []
    if not terms:
        return blocks
    lists = [query.lists[term] for term in terms]
    postings = np.concatenate(lists)
    term_weights = np.array([query.weights[term] * (K1 + 1) for term in terms], np.float32)
    weights = np.repeat(term_weights, [len(posting_list) for posting_list in lists])
    for start in range(0, len(postings), _POSTINGS_PER_SUM):
        block = postings[start : start + _POSTINGS_PER_SUM]
        passages = decode_passages(block)
        frequencies = decode_frequencies(block, np.float32)
        gained = query.approximate_norms.take(passages)
        gained += frequencies
        np.divide(frequencies, gained, out=gained)
        gained *= weights[start : start + _POSTINGS_PER_SUM]
        np.add.at(sums, passages, gained)
        blocks.append(passages)
    return blocks


def kth_best(scores: NDArray[Any], k: int) -> float:
    """Return the `k`-th greatest score, 0 when there are fewer."""
    if len(scores) < k:
        return 0.0
    ordered = scores.copy()
    ordered.partition(len(scores) - k)
    return float(ordered[len(scores) - k])


def _kth_best_lower_bound(scores: Float32Array, k: int) -> float:
    """Return a score that at least `k` of them reach: from the greatest of each block if they are many."""
    width = len(scores) // (8 * k)
    if width > 1:
        scores = scores[: len(scores) // width * width].reshape(-1, width).max(axis=1)
    return kth_best(scores, k)


# Passages that match by their heading fields and are added to the candidates.
MAX_HEADING_CANDIDATES = 16
# Postings of heading fields read for a question, unless its rarest term alone has more.
_MAX_HEADING_POSTINGS = 50_000


def rarest_terms(counts: Sequence[int]) -> list[int]:
    """Return the indexes of the terms to search heading fields for, rarest first.

    `counts` is how many passages have each term in their heading fields. Rare terms discriminate best; a
    term in the heading fields of nearly all passages hardly does.
    """
    chosen: list[int] = []
    total = 0
    for count, ordinal in sorted((count, ordinal) for ordinal, count in enumerate(counts) if count):
        if chosen and total + count > _MAX_HEADING_POSTINGS:
            break
        chosen.append(ordinal)
        total += count
    return chosen


def heading_weight(count: int, size: int) -> float:
    """Return the weight of a term that is in the heading fields of `count` of `size` passages."""
    return float(np.log((size + 1) / count))
