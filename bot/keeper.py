"""The documents folder while the bot runs: read again as a whole, a document put in or taken out."""

import asyncio
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path, PurePath

from bot.threads import in_thread
from retrieval.errors import DocumentError
from retrieval.folder import files
from retrieval.library import QUOTE_CHARS, Library
from retrieval.loading import loaders
from retrieval.model import Source
from retrieval.reading import Failed, read_all

_MOST_NAME_BYTES = 200


class Keeper:
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

    async def tidy(self) -> None:
        """Put together what changes have left in pieces; of a large index that takes some seconds."""
        async with self._busy:
            before = self.library
            library = await in_thread(before.tidied)
            if library is not before:
                self.library = library
                self._swap(library)
                await in_thread(lambda: self._save(library))

    async def put(self, name: str, data: bytes) -> bool:
        """Put a document into the folder, and tell whether it took the place of another.

        Raises DocumentError when it cannot be read, and OSError when it cannot be written.
        """
        await in_thread(lambda: _try(name, data))
        replaced = (self.library.folder / name).exists()
        await in_thread(lambda: self._write(name, data))
        await self.reload()
        return replaced

    async def take_out(self, source: Source) -> None:
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
        for batch in read_all(folder, files(folder)[0], QUOTE_CHARS, scratch):
            for _, result in batch.results:
                if isinstance(result, Failed):
                    raise DocumentError(name, result.reason)


def is_good_name(name: str) -> bool:
    """Tell whether a name that somebody sent is one of a visible file in the folder itself."""
    is_plain = name == PurePath(name).name and not name.startswith((".", "~")) and "\\" not in name
    is_shown = not any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for letter in name)
    if not (name and is_plain and is_shown):
        return False
    return len(name.encode()) <= _MOST_NAME_BYTES and PurePath(name).suffix.lower() in loaders.LOADERS
