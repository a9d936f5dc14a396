"""Keeps slow updates on disk until they are answered.

Telegram returns only the first hundred unconfirmed updates, so a few slow ones would hide all later ones.
Slow updates are stored here and confirmed instead.
"""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot.durable_files import write_durably

_log = logging.getLogger(__name__)


class Spool:
    """One file for each update, in a folder that only its owner can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def store(self, update_id: int, update: dict[str, Any]) -> bool:
        """Write an update durably to disk; return False if that fails."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(self._file(update_id), json.dumps(update).encode())
        except OSError as error:
            _log.warning("%s: cannot store pending questions (%s)", self._folder, error.strerror)
            return False
        return True

    def drop(self, update_id: int) -> None:
        self._file(update_id).unlink(missing_ok=True)

    def pending(self) -> Iterator[dict[str, Any]]:
        """Yield the updates of an earlier process, oldest first; damaged files are logged and skipped."""
        for file in sorted(self._folder.glob("*.json"), key=lambda file: (len(file.name), file.name)):
            try:
                update = json.loads(file.read_text(encoding="utf-8"))
                is_valid = update["update_id"] == int(file.stem)
            except (OSError, ValueError, TypeError, LookupError):
                is_valid = False
            if is_valid:
                yield update
            else:
                _log.warning("%s is not a stored update; remove it", file)

    def _file(self, update_id: int) -> Path:
        return self._folder / f"{update_id}.json"
