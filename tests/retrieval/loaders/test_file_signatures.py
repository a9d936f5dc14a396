"""The real format of files with a wrong suffix."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.file_signatures import real_suffix
from retrieval.loaders.formats import load_document
from tests.documents import samples, text_samples


def picture(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, kind)
    return buffer.getvalue()


SAMPLES: dict[str, Callable[[], bytes]] = {
    ".docx": samples.make_docx,
    ".xlsx": samples.make_xlsx,
    ".pptx": samples.make_pptx,
    ".odt": samples.make_odt,
    ".ods": samples.make_ods,
    ".odp": samples.make_odp,
    ".epub": samples.make_epub,
    ".msg": text_samples.DOCUMENTS["simple.msg"],
    ".pdf": Path("tests/documents/printed/well.pdf").read_bytes,
    ".html": samples.DOCUMENTS["mill.html"],
    ".rtf": samples.DOCUMENTS["ferry.rtf"],
    ".zip": lambda: samples.make_zip({"a.txt": "x"}),
    ".png": lambda: picture("PNG"),
    ".jpg": lambda: picture("JPEG"),
    ".tif": lambda: picture("TIFF"),
    ".gif": lambda: picture("GIF"),
}


@pytest.mark.parametrize("suffix", SAMPLES)
def test_real_suffix(suffix: str) -> None:
    """The format is recognised by the first bytes; with the right name there is nothing to report."""
    data = SAMPLES[suffix]()
    assert suffix == real_suffix(data, ".csv")
    assert real_suffix(data, suffix) == ""


@pytest.mark.parametrize("data", [b"", b"Hello", b"PK\3\4" + bytes(9), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"])
def test_unknown(data: bytes) -> None:
    """Text, damaged archives and unknown bytes are nothing that could be named."""
    assert real_suffix(data, ".pdf") == ""


@pytest.mark.parametrize(
    ("suffix", "name"), [(".html", "a.pdf"), (".png", "a.pdf"), (".pdf", "a.txt"), (".odt", "a.docx")]
)
def test_refused(suffix: str, name: str) -> None:
    """A file with a wrong suffix is rejected with the right one."""
    with pytest.raises(
        DocumentError, match=f"is a {suffix} file, not what its suffix says; give it the"
    ) as no:
        load_document(SAMPLES[suffix](), name)
    assert (suffix, ProblemKind.UNREADABLE) == (no.value.real_suffix, no.value.kind)


def test_not_supported() -> None:
    """A file with a wrong suffix of a format that is not read is rejected as others of that format."""
    with pytest.raises(
        DocumentError, match=r"is a \.gif file, not what its suffix says, and these are"
    ) as no:
        load_document(SAMPLES[".gif"](), "a.pdf")
    assert ("", ProblemKind.UNSUPPORTED) == (no.value.real_suffix, no.value.kind)


def test_damaged_is_not_renamed() -> None:
    """A damaged file with the right suffix is reported as damaged."""
    with pytest.raises(DocumentError, match="is not a PDF, or is cut short or damaged"):
        load_document(b"%PDF-1.7\n", "a.pdf")
