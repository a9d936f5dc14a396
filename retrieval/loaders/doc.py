"""Word documents before 2007 (.doc), which LibreOffice saves as .docx, if it is installed.

It runs with a profile of its own that runs no macros and loads nothing that a document links to.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.ooxml import docx
from retrieval.loaders.text import rtf
from retrieval.model import Document

# Less than the limit for reading a file, so that LibreOffice is ended by the process that started it.
CONVERSION_SECONDS = 120.0
_PROGRAMS = ("soffice", "libreoffice")
_RICH_TEXT, _ZIP = b"{\\rtf", b"PK\3\4"
NO_LIBREOFFICE = (
    "is of Word before 2007, which only LibreOffice can read; install it, or save the file as .docx"
)
_SETTINGS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Common/Security/Scripting">
<prop oor:name="DisableMacrosExecution" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting">
<prop oor:name="MacroSecurityLevel" oor:op="fuse"><value>3</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting">
<prop oor:name="BlockUntrustedRefererLinks" oor:op="fuse"><value>true</value></prop></item>
</oor:items>"""


def load(data: bytes, name: str) -> Document:
    """Load a .doc file; many files with this suffix are Rich Text or .docx. Raises DocumentError."""
    if needs_libreoffice(data):
        return docx.load(_convert_to_docx(data, name), name)
    if data[:64].lstrip().startswith(_RICH_TEXT):
        return rtf.load(data, name)
    return docx.load(data, name)


def find_libreoffice() -> str | None:
    """Return the path of LibreOffice, or None if it is not installed."""
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)


def needs_libreoffice(data: bytes) -> bool:
    """Return whether a file can be read by LibreOffice only: many .doc files are Rich Text or .docx."""
    return not data[:64].lstrip().startswith((_RICH_TEXT, _ZIP))


def check_libreoffice(data: bytes, name: str) -> None:
    """Raise DocumentError for a file that only LibreOffice can read, if it is missing."""
    if needs_libreoffice(data) and find_libreoffice() is None:
        raise DocumentError(name, NO_LIBREOFFICE, kind=ProblemKind.UNSUPPORTED)


def _convert_to_docx(data: bytes, name: str) -> bytes:
    """Return a .doc file as LibreOffice saves it as .docx. Raises DocumentError, also when it is missing."""
    program = find_libreoffice()
    if program is None:
        raise DocumentError(name, NO_LIBREOFFICE, kind=ProblemKind.UNSUPPORTED)
    with tempfile.TemporaryDirectory(prefix="verbatim-", ignore_cleanup_errors=True) as folder:
        source, profile = Path(folder, "document.doc"), Path(folder, "profile")
        (profile / "user").mkdir(parents=True)
        (profile / "user" / "registrymodifications.xcu").write_text(_SETTINGS, encoding="utf-8")
        source.write_bytes(data)
        process = subprocess.Popen(  # noqa: S603 the program is LibreOffice, the arguments are ours
            [
                program, f"-env:UserInstallation={profile.as_uri()}", "--headless", "--norestore",
                "--convert-to", "docx", "--outdir", folder, str(source),
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": folder}, start_new_session=True,
        )  # fmt: skip
        try:
            process.wait(CONVERSION_SECONDS)
        except subprocess.TimeoutExpired:
            raise DocumentError(
                name,
                f"takes LibreOffice more than {CONVERSION_SECONDS:.0f} s; save it as .docx",
                kind=ProblemKind.UNSUPPORTED,
            ) from None
        finally:
            # Its own children too, which outlive it when it crashes.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        converted = source.with_suffix(".docx")
        if not converted.is_file():
            raise DocumentError(
                name, "cannot be read by LibreOffice; save it as .docx", kind=ProblemKind.UNSUPPORTED
            )
        return converted.read_bytes()
