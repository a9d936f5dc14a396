"""The documents folder is watched, so that what is put in or taken out counts within seconds."""

import asyncio
import logging

from watchfiles import awatch

from bot.keeper import Keeper
from retrieval.errors import FolderError

_log = logging.getLogger(__name__)

# A file that is being copied is written to all the time.
_QUIET = 1.0
_STEP_MS = 200
_MOST_MS = 1000
# Where the folder cannot be watched, or was taken away, it is looked at so often.
_AGAIN = 30.0


async def watch(keeper: Keeper) -> None:
    """Bring the library up to date after each change, for ever."""
    while True:
        try:
            async for _ in awatch(keeper.library.folder, step=_STEP_MS, debounce=_MOST_MS, watch_filter=None):
                await _follow(keeper)
        except FolderError as error:
            _log.warning("%s", error)
        except Exception as error:  # noqa: BLE001  # whatever the file system does, answers go on
            folder = keeper.library.folder
            _log.warning("%s cannot be watched (%s); it is looked at every %.0f s", folder, error, _AGAIN)
        await asyncio.sleep(_AGAIN)
        try:
            await _follow(keeper)
        except FolderError:
            continue


async def _follow(keeper: Keeper) -> None:
    """Read what changed; what is still being written when it is whole."""
    library = await keeper.reload(quiet=_QUIET)
    while library.waiting:
        await asyncio.sleep(_QUIET)
        library = await keeper.reload(quiet=_QUIET)
    await keeper.tidy()
