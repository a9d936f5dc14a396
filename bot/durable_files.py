"""Writes files so that each has its old or its new content, even if the power fails."""

import errno
import os
import tempfile
from pathlib import Path

# Names with a dot in front are hidden: no reader of a folder takes a file that is only half written.
TEMPORARY_PREFIX = ".new-"


def write_durably(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Replace a file as a whole, or leave nothing behind. Blocks; raises OSError.

    A process that is killed while it writes leaves a file that begins with TEMPORARY_PREFIX.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=TEMPORARY_PREFIX, delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            temporary.chmod(mode)
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the new name of a file durable, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems cannot do this.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)
