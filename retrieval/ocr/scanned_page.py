"""Pages that OCR has read: their words with places and confidence, and the pages kept on disk.

There is one file for each document, found by the digest of its bytes. It grows by a line for each page, so
that after a process is killed, reading continues with the next one.
"""

import json
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
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
    """The text that OCR has read on the picture of a page, which has `width` times `height` pixels.

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


FOLDER_NAME = "scans"
_SUFFIX, _FAILURE_SUFFIX = ".jsonl", ".txt"
_PAGE_NUMBER = re.compile(rb'^\{"page": (\d+),', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ScanStore:
    """The folder of the files. It need not exist yet."""

    folder: Path

    def read(self, digest: str) -> dict[int, ScannedPage]:
        """Return the pages (from 0) of a document that have been read; those that failed have no lines."""
        pages: dict[int, ScannedPage] = {}
        try:
            rows = (self.folder / f"{digest}{_SUFFIX}").read_bytes().splitlines()
        except OSError:
            return pages
        for row in rows:
            # The last line of a process that was killed may be incomplete.
            with suppress(LookupError, TypeError, ValueError):
                saved = json.loads(row)
                pages[int(saved["page"])] = ScannedPage.from_json(saved)
        return pages

    def has(self, digest: str, pages: Iterable[int]) -> bool:
        """Return whether all these pages of a document have been read."""
        try:
            data = (self.folder / f"{digest}{_SUFFIX}").read_bytes()
        except OSError:
            return False
        # The numbers alone: a file may have megabytes.
        if set(pages) - {int(number) for number in _PAGE_NUMBER.findall(data)}:
            return False
        return not set(pages) - self.read(digest).keys()

    def failure(self, digest: str) -> str:
        """Return why OCR cannot read a document for now, empty if it can."""
        try:
            return (self.folder / f"{digest}{_FAILURE_SUFFIX}").read_text("utf-8")
        except (OSError, ValueError):
            return ""

    def set_failure(self, digest: str, reason: str) -> None:
        """Save why OCR cannot read a document for now; empty: it can. Raises OSError."""
        path = self.folder / f"{digest}{_FAILURE_SUFFIX}"
        if reason:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            path.write_text(reason, "utf-8")
        else:
            path.unlink(missing_ok=True)

    def add(self, digest: str, pages: Mapping[int, ScannedPage]) -> None:
        """Save pages that were read. Raises OSError, also if the index that they belong to was deleted."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        rows = [json.dumps({"page": number, **page.to_json()}) + "\n" for number, page in pages.items()]
        with (self.folder / f"{digest}{_SUFFIX}").open("ab+") as file:
            # The line of a process that was killed may have no end.
            if file.tell() and _last_byte(file.fileno(), file.tell()) != b"\n":
                rows.insert(0, "\n")
            file.write("".join(rows).encode())
            file.flush()
            os.fsync(file.fileno())

    def keep_only(self, digests: Collection[str]) -> None:
        """Delete the pages of all other documents. Raises OSError."""
        if not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            if path.stem not in digests:
                path.unlink(missing_ok=True)


def _last_byte(descriptor: int, size: int) -> bytes:
    return os.pread(descriptor, 1, size - 1)
