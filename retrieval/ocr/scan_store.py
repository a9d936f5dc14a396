"""The pages that OCR has read, on disk: one file for each document, found by the digest of its bytes.

A file grows by a line for each page, so that a process that is killed goes on with the next one.
"""

import json
import os
import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from retrieval.ocr.scanned_page import ScannedPage

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
