"""Word documents before 2007, with programs in place of LibreOffice that do what it may do."""

import os
import stat
import time
from pathlib import Path

import pytest

from retrieval.errors import DocumentError
from retrieval.loaders import doc
from retrieval.loaders.formats import load_document, read_file
from tests.documents import samples

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of a program that is found as LibreOffice; tests write it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return programs / "soffice"


def write(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_conversion(program: Path, tmp_path: Path) -> None:
    """The document is read as LibreOffice saves it, with a profile that runs no macros."""
    (tmp_path / "saved.docx").write_bytes(samples.make_docx())
    write(
        program,
        f'while [ "$1" != --outdir ]; do case "$1" in -env:*) profile="${{1#*file://}}";; esac; shift; done\n'
        f'grep -q DisableMacrosExecution "$profile/user/registrymodifications.xcu" || exit 1\n'
        f'cp "{tmp_path}/saved.docx" "$2/document.docx"',
    )
    document = load_document(OLE, "a.doc")
    assert load_document(samples.make_docx(), "a.doc") == document
    assert ("The Skerry Light", "paragraph") == (document.title, document.unit)


@pytest.mark.parametrize("script", ["exit 1", "kill -SEGV $$", "echo converted"])
def test_documents_that_libreoffice_cannot_read(program: Path, script: str) -> None:
    """A file that LibreOffice rejects, or crashes at, is rejected."""
    write(program, script)
    with pytest.raises(DocumentError, match=r"cannot be read by LibreOffice; save it as \.docx"):
        load_document(OLE, "a.doc")


def test_documents_that_take_too_long(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LibreOffice and what it started are ended after a while."""
    monkeypatch.setattr(doc, "CONVERSION_SECONDS", 0.5)
    write(program, 'sleep 30 & echo $! > "$HOME/../child-of-$PPID"; wait')
    started = time.monotonic()
    with pytest.raises(DocumentError, match=r"takes LibreOffice more than 0 s; save it as \.docx"):
        load_document(OLE, "a.doc")
    assert time.monotonic() - started < 10


def test_missing_libreoffice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without LibreOffice the file is rejected with what to do, before it is read; that may change."""
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "a.doc").write_bytes(OLE)
    with pytest.raises(DocumentError, match=r"can read; install it, or save the file as \.docx"):
        read_file(tmp_path / "a.doc", "a.doc")
    with pytest.raises(DocumentError, match="only LibreOffice can read"):
        load_document(OLE, "a.doc")


def test_other_formats_with_this_suffix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich Text and .docx files named .doc, as some programs save them, need no LibreOffice."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for data in (samples.make_docx(), samples.RTF.encode()):
        (tmp_path / "a.doc").write_bytes(data)
        assert load_document(read_file(tmp_path / "a.doc", "a.doc"), "a.doc").blocks


def test_kindle_books(tmp_path: Path) -> None:
    """Kindle books are rejected with what to do."""
    with pytest.raises(DocumentError, match=r"is a Kindle book, which cannot be read; convert it to \.epub"):
        read_file(tmp_path / "a.azw3", "a.azw3")
