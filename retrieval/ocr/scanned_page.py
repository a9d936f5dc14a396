"""The words that OCR has read on a page: their text, places and confidence, as saved in JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import regex

# Scripts without spaces between words: OCR returns their words one by one.
_UNSPACED = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\u3000-\u303f\uff00-\uffef]"
)


class ScannedWord(NamedTuple):
    """A word: its box in pixels from the top left corner, and the engine's confidence from 0 to 100."""

    text: str
    left: int
    top: int
    right: int
    bottom: int
    confidence: int


@dataclass(frozen=True, slots=True)
class ScannedLine:
    """A line: its words in reading order, its base line and its font size, in pixels."""

    words: tuple[ScannedWord, ...]
    base: float
    size: float

    @property
    def text(self) -> str:
        return "".join(before + word.text for before, word in self.spaced_words())

    def spaced_words(self) -> list[tuple[str, ScannedWord]]:
        """Return each word with the space before it, which some scripts do not have."""
        spaced: list[tuple[str, ScannedWord]] = []
        for word in self.words:
            last = spaced[-1][1].text if spaced else ""
            is_joined = not last or (_UNSPACED.match(last[-1]) and _UNSPACED.match(word.text))
            spaced.append(("" if is_joined else " ", word))
        return spaced


@dataclass(frozen=True, slots=True)
class ScannedPage:
    """What OCR has read on the picture of a page, which has `width` times `height` pixels.

    `turned` is by how many degrees, clockwise, the page was turned upright first. `language` is the engine's
    name of the language that it was read in; empty if nothing was read.
    """

    width: int
    height: int
    lines: tuple[ScannedLine, ...]
    language: str = ""
    turned: int = 0

    @property
    def words(self) -> list[ScannedWord]:
        return [word for line in self.lines for word in line.words]

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)

    @property
    def confidence(self) -> float:
        """The mean confidence of the characters, 0 without any."""
        return mean_confidence(self.words)

    def to_json(self) -> dict[str, Any]:
        return {
            "size": [self.width, self.height],
            "language": self.language,
            "turned": self.turned,
            "lines": [[round(line.base, 1), round(line.size, 1), line.words] for line in self.lines],
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> "ScannedPage":
        """Return the page that `to_json` was called on. Raises LookupError, TypeError or ValueError."""
        width, height = saved["size"]
        lines = tuple(
            ScannedLine(tuple(ScannedWord(*word) for word in words), float(base), float(size))
            for base, size, words in saved["lines"]
        )
        return cls(int(width), int(height), lines, str(saved["language"]), int(saved["turned"]))


def mean_confidence(words: Sequence[ScannedWord]) -> float:
    """Return the mean confidence of the characters of words, 0 without any."""
    chars = sum(len(word.text) for word in words)
    return sum(len(word.text) * word.confidence for word in words) / chars if chars else 0.0
