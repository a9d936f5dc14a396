"""Limits of ZIP archives, checked before anything is unpacked."""

import zipfile
import zlib

from retrieval.errors import DocumentError, ProblemKind

MAX_ENTRIES = 50_000
MAX_UNPACKED_BYTES = 256 * 2**20
# Office files unpack to 3 to 50 times their size, a bomb to 1000 times. Small archives are harmless.
_MAX_UNPACK_RATIO = 200
_MAX_SMALL_ARCHIVE_BYTES = 8 * 2**20
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
# Errors of `zipfile` for an archive that is damaged.
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError),
    *(ValueError, LookupError, NotImplementedError, RuntimeError),
)
_ENCRYPTED_FLAG = 1
SAVE_AGAIN = "save it again in the program that made it"


def check_archive(entries: list[zipfile.ZipInfo], size: int, name: str) -> None:
    """Raise DocumentError if an archive of `size` bytes is not read; nothing is unpacked for that."""
    unpacked = sum(entry.file_size for entry in entries)
    if any(entry.flag_bits & _ENCRYPTED_FLAG for entry in entries):
        raise DocumentError(name, "is encrypted; save it without a password", kind=ProblemKind.PROTECTED)
    if any(entry.compress_type not in _METHODS for entry in entries):
        raise DocumentError(name, f"is compressed in a way that cannot be read; {SAVE_AGAIN}")
    if len(entries) > MAX_ENTRIES:
        raise DocumentError(name, f"has more than {MAX_ENTRIES} parts; split it", kind=ProblemKind.TOO_LARGE)
    if unpacked > MAX_UNPACKED_BYTES or unpacked > max(_MAX_SMALL_ARCHIVE_BYTES, size * _MAX_UNPACK_RATIO):
        reason = f"unpacks to {unpacked / 2**20:.0f} MB, which is too much; split it, or remove it"
        raise DocumentError(name, reason, kind=ProblemKind.TOO_LARGE)
