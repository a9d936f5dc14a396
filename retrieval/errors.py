"""Errors of this package: one class for each case that callers handle differently."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from typing import Self


class ProblemKind(StrEnum):
    """Why a file cannot be read, as far as people get different sentences."""

    UNSUPPORTED = "unsupported"
    """Nothing here reads its format."""
    PROTECTED = "protected"
    PICTURES = "pictures"
    SCRIPT = "script"
    """It is scanned, in a script that OCR cannot read here."""
    EMPTY = "empty"
    TOO_LARGE = "too large"
    """It exceeds a size limit; its parts may not."""
    UNREADABLE = "unreadable"
    """It is damaged, or anything else."""


class RetrievalError(Exception):
    """Base class of all errors that this package raises on purpose."""


class DocumentError(RetrievalError):
    """A document cannot be read; others are not affected."""

    def __init__(
        self, name: str, reason: str, *, kind: ProblemKind = ProblemKind.UNREADABLE, real_suffix: str = ""
    ) -> None:
        """`name` is the path below the documents folder, `reason` the problem and what to do about it.

        `real_suffix` is the suffix that the file should have, if its name has a wrong one.
        """
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason
        self.kind = kind
        self.real_suffix = real_suffix

    def __reduce__(self) -> tuple[partial[Self], tuple[str, str]]:
        """Return how the error is made again in another process."""
        return partial(type(self), kind=self.kind, real_suffix=self.real_suffix), (self.name, self.reason)


class TooManyDocumentsError(RetrievalError):
    """A folder has more documents than it may. None has been read."""


class ReadingStoppedError(RetrievalError):
    """Reading was stopped because its result is no longer wanted. Nothing has changed."""


class FolderError(RetrievalError):
    """The documents folder itself is missing or cannot be listed."""


class DamagedError(RetrievalError):
    """The saved index is damaged; rebuilding it repairs it."""


class UnavailableError(RetrievalError):
    """The search cluster cannot be reached for now. The message is one line for people."""


class EncoderError(RetrievalError):
    """The sentence encoder cannot be used. Search continues by words alone."""


@contextmanager
def panics_as_errors() -> Iterator[None]:
    """Raise RuntimeError for a panic of a library in Rust, which is no Exception and cannot be pickled."""
    try:
        yield
    except (Exception, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        raise RuntimeError(f"{type(error).__name__}: {error}") from error
