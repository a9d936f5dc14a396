"""Reloads the documents folder when it changes; adds and removes documents."""

import asyncio
import logging
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path, PurePath

from watchfiles import awatch

from bot.ops.concurrency import in_thread
from retrieval.documents.file_listing import list_files
from retrieval.documents.ingestion import FailedFile, ingest
from retrieval.documents.library import QUOTE_CHARS, Library
from retrieval.errors import DocumentError, FolderError
from retrieval.loaders import formats
from retrieval.model import Source

_log = logging.getLogger(__name__)


_MOST_NAME_BYTES = 200


class DocumentManager:
    """`reopen` brings a library up to date, `swap` and then `save` are given the new one.

    Answers go on meanwhile.
    """

    def __init__(
        self,
        library: Library,
        reopen: Callable[[Library, float], Library],
        swap: Callable[[Library], None],
        save: Callable[[Library], None],
    ) -> None:
        self.library = library
        self._save = save
        self._reopen = reopen
        self._swap = swap
        self._busy = asyncio.Lock()

    async def reload(self, *, quiet: float = 0.0) -> Library:
        """Read the folder again, but for files written in the last `quiet` seconds.

        Raises FolderError when the folder is gone.
        """
        async with self._busy:
            before = self.library
            library = await in_thread(lambda: self._reopen(before, quiet))
            self.library = library
            if library.version != before.version or library.problems != before.problems:
                self._swap(library)
                # Answers come from it already.
                await in_thread(lambda: self._save(library))
            return library

    async def compact(self) -> None:
        """Put together what changes have left in pieces; of a large index that takes some seconds."""
        async with self._busy:
            before = self.library
            library = await in_thread(before.compact)
            if library is not before:
                self.library = library
                self._swap(library)
                await in_thread(lambda: self._save(library))

    async def add(self, name: str, data: bytes) -> bool:
        """Put a document into the folder, and tell whether it took the place of another.

        Raises DocumentError when it cannot be read, and OSError when it cannot be written.
        """
        await in_thread(lambda: _try(name, data))
        replaced = (self.library.folder / name).exists()
        await in_thread(lambda: self._write(name, data))
        await self.reload()
        return replaced

    async def remove(self, source: Source) -> None:
        """Delete a document's file; raises OSError when that cannot be done."""
        (self.library.folder / source.name).unlink(missing_ok=True)
        await self.reload()

    def _write(self, name: str, data: bytes) -> None:
        # Hidden files are not read, so that none is read half.
        with tempfile.NamedTemporaryFile(dir=self.library.folder, prefix=".", delete=False) as file:
            written = Path(file.name)
            try:
                file.write(data)
                file.flush()
                written.chmod(0o644)
                written.replace(self.library.folder / name)
            except OSError:
                written.unlink()
                raise


def _try(name: str, data: bytes) -> None:
    """Read a document as the folder's are read: one made to crash a reader does no harm."""
    with tempfile.TemporaryDirectory() as place:
        folder, scratch = Path(place, "folder"), Path(place, "index")
        folder.mkdir()
        (folder / name).write_bytes(data)
        for batch in ingest(folder, list_files(folder)[0], QUOTE_CHARS, scratch):
            for _, result in batch.results:
                if isinstance(result, FailedFile):
                    raise DocumentError(name, result.reason)


def is_good_name(name: str) -> bool:
    """Return whether a name that somebody sent names a visible file in the folder itself."""
    is_plain = name == PurePath(name).name and not name.startswith((".", "~")) and "\\" not in name
    is_shown = not any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for letter in name)
    if not (name and is_plain and is_shown):
        return False
    return len(name.encode()) <= _MOST_NAME_BYTES and PurePath(name).suffix.lower() in formats.LOADERS


# A file that is being copied is written to all the time.
_QUIET = 1.0
_STEP_MS = 200
_MOST_MS = 1000
# Where the folder cannot be watched, or was taken away, it is looked at so often.
_AGAIN = 30.0


async def watch(manager: DocumentManager) -> None:
    """Bring the library up to date after each change, for ever."""
    while True:
        try:
            async for _ in awatch(
                manager.library.folder, step=_STEP_MS, debounce=_MOST_MS, watch_filter=None
            ):
                await _follow(manager)
        except FolderError as error:
            _log.warning("%s", error)
        except Exception as error:  # noqa: BLE001  # whatever the file system does, answers go on
            folder = manager.library.folder
            _log.warning("%s cannot be watched (%s); it is looked at every %.0f s", folder, error, _AGAIN)
        await asyncio.sleep(_AGAIN)
        try:
            await _follow(manager)
        except FolderError:
            continue


async def _follow(manager: DocumentManager) -> None:
    """Read what changed; what is still being written when it is whole."""
    library = await manager.reload(quiet=_QUIET)
    while library.waiting:
        await asyncio.sleep(_QUIET)
        library = await manager.reload(quiet=_QUIET)
    await manager.compact()
