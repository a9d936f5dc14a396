"""Files inside other files: the entries of an archive, or the attachments of a mail."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from retrieval.errors import ProblemKind

# The most bytes of a file that is read as a whole.
MAX_FILE_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file in a container: its path there, its size in bytes, and why it cannot be read, if so."""

    path: str
    size: int
    problem: str = ""
    kind: ProblemKind = ProblemKind.UNREADABLE


class Container(Protocol):
    """A file that holds files."""

    def files(self) -> Iterator[PackedFile]:
        """Yield the files in it. Raises DocumentError."""

    def holds(self, path: str) -> bool:
        """Return whether there is a file of this path."""

    def read(self, path: str, name: str, limit: int) -> bytes:
        """Return the bytes of a file, at most `limit`. Raises DocumentError, which calls it `name`."""

    def close(self) -> None:
        """Release the file."""
