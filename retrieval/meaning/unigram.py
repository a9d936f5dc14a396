"""The tokenizer of XLM-RoBERTa models: SentencePiece's unigram model, by Viterbi over each word's pieces."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

_SPACE = "\u2581"
# A piece the vocabulary does not hold costs this much more than its rarest.
_UNKNOWN_PENALTY = 10.0


class UnigramTokenizer:
    """Splits text into the pieces whose scores (log probabilities) add up highest.

    `normalized` maps single characters to what the model was trained to see for them.
    """

    def __init__(
        self, pieces: Sequence[str], scores: Sequence[float], unknown: int, normalized: Mapping[int, str]
    ) -> None:
        self._ids = dict(zip(pieces, range(len(pieces)), strict=True))
        self._scores = scores
        self._unknown = unknown
        self._ids.pop(pieces[unknown], None)
        self._normalized = dict(normalized)
        self._unknown_score = min(scores) - _UNKNOWN_PENALTY
        self._longest = max(map(len, pieces))
        # Words follow Zipf's law: most have been split before.
        self._split = lru_cache(maxsize=50_000)(self._split_word)

    def encode(self, text: str, limit: int) -> list[int]:
        """Return the ids of at most `limit` pieces."""
        ids: list[int] = []
        for word in text.translate(self._normalized).split():
            ids += self._split(word)
            if len(ids) >= limit:
                break
        return ids[:limit]

    def _split_word(self, word: str) -> tuple[int, ...]:
        text = _SPACE + word
        size = len(text)
        best = [0.0] + [float("-inf")] * size
        piece, begin = [self._unknown] * (size + 1), [0] * (size + 1)
        for start in range(size):
            for end in range(start + 1, min(start + self._longest, size) + 1):
                found = self._ids.get(text[start:end])
                if found is not None and (score := best[start] + self._scores[found]) > best[end]:
                    best[end], piece[end], begin[end] = score, found, start
            if (score := best[start] + self._unknown_score) > best[start + 1]:
                best[start + 1], piece[start + 1], begin[start + 1] = score, self._unknown, start
        ids: list[int] = []
        end = size
        while end:
            ids.append(piece[end])
            end = begin[end]
        return tuple(reversed(ids))
