"""Text that people added to PDF pages: the text of form fields, free text and comments."""

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pypdfium2
import regex
from pypdfium2 import raw

from retrieval.loaders.pdf.characters import PageChars
from retrieval.loaders.pdf.lines_and_columns import Line, find_gaps

# Links, pop-up windows of comments, sounds and the like have no text of their own.
_COMMENTS = frozenset(
    {
        *(raw.FPDF_ANNOT_TEXT, raw.FPDF_ANNOT_FREETEXT, raw.FPDF_ANNOT_LINE, raw.FPDF_ANNOT_SQUARE),
        *(raw.FPDF_ANNOT_CIRCLE, raw.FPDF_ANNOT_POLYGON, raw.FPDF_ANNOT_POLYLINE, raw.FPDF_ANNOT_HIGHLIGHT),
        *(raw.FPDF_ANNOT_UNDERLINE, raw.FPDF_ANNOT_SQUIGGLY, raw.FPDF_ANNOT_STRIKEOUT, raw.FPDF_ANNOT_STAMP),
        *(raw.FPDF_ANNOT_CARET, raw.FPDF_ANNOT_INK),
    }
)
_CHOICES = frozenset({raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX})
_HIDDEN_FLAGS = raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW
_PASSWORD_FLAG = 1 << 13
_MAX_ANNOTATIONS = 10_000
_MAX_TEXT_BYTES = 2 * 1024 * 1024
_MAX_OPTIONS = 1000
_MAX_LABEL_CHARS = 80
_CONTROL = regex.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
_FILLER = regex.compile(r"[_.…·]{2,}")
_LETTER = regex.compile(r"\p{L}")

_Getter = Callable[[object, int], int]


def annotation_texts(
    pdf: pypdfium2.PdfDocument, page: pypdfium2.PdfPage, lines: Sequence[Line], chars: PageChars | None
) -> list[str]:
    """Return the texts of the annotations of a page in their order, each once.

    The text of a field follows its label: its description in the file, else the text on the page before it.
    """
    visible_lines = {_squeeze(line.text) for line in lines} | {_squeeze("".join(line.text for line in lines))}
    texts: dict[str, None] = {}
    for number in range(min(raw.FPDFPage_GetAnnotCount(page), _MAX_ANNOTATIONS)):
        with _annotation(page, number) as annotation:
            if annotation is None or raw.FPDFAnnot_GetFlags(annotation) & _HIDDEN_FLAGS:
                continue
            kind = raw.FPDFAnnot_GetSubtype(annotation)
            if kind == raw.FPDF_ANNOT_WIDGET and pdf.formenv is not None:
                text = _field_text(pdf.formenv, annotation, lines, chars)
            elif kind in _COMMENTS:
                text = _string(annotation, b"Contents")
                # Some programs copy the words that were marked.
                text = "" if any(_squeeze(text) in line for line in visible_lines) else text
            else:
                continue
            if text:
                texts[text] = None
    return list(texts)


@contextmanager
def _annotation(page: pypdfium2.PdfPage, number: int) -> Iterator[object]:
    annotation = raw.FPDFPage_GetAnnot(page, number)
    try:
        yield annotation or None
    finally:
        if annotation:
            raw.FPDFPage_CloseAnnot(annotation)


def _field_text(
    form: pypdfium2.PdfFormEnv, annotation: object, lines: Sequence[Line], chars: PageChars | None
) -> str:
    """Return the label and the text of a filled text or choice field; empty for other fields."""
    kind = raw.FPDFAnnot_GetFormFieldType(form, annotation)
    if kind in _CHOICES:
        value = _choice(form, annotation)
    elif kind == raw.FPDF_FORMFIELD_TEXTFIELD:
        is_secret = raw.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD_FLAG
        value = "" if is_secret else _value(form, annotation)
    else:
        return ""
    if not value:
        return ""
    described = _read(
        lambda buffer, size: raw.FPDFAnnot_GetFormFieldAlternateName(form, annotation, buffer, size)
    )
    label = " ".join(described.split()) or (_label_before(annotation, lines, chars) if chars else "")
    label = label.rstrip(" :")
    return f"{label}: {value}" if label and len(label) <= _MAX_LABEL_CHARS and label != value else value


def _value(form: pypdfium2.PdfFormEnv, annotation: object) -> str:
    return _read(lambda buffer, size: raw.FPDFAnnot_GetFormFieldValue(form, annotation, buffer, size))


def _choice(form: pypdfium2.PdfFormEnv, annotation: object) -> str:
    """Return what a choice field shows: the labels of the selected options, else its value."""
    count = min(raw.FPDFAnnot_GetOptionCount(form, annotation), _MAX_OPTIONS)
    chosen = [index for index in range(count) if raw.FPDFAnnot_IsOptionSelected(form, annotation, index)]
    labels = [_option(form, annotation, index) for index in chosen]
    return ", ".join(filter(None, labels)) or _value(form, annotation)


def _option(form: pypdfium2.PdfFormEnv, annotation: object, number: int) -> str:
    return _read(lambda buffer, size: raw.FPDFAnnot_GetOptionLabel(form, annotation, number, buffer, size))


def _label_before(annotation: object, lines: Sequence[Line], chars: PageChars) -> str:
    """Return the text on the page to the left of a field, from the gap or the dotted line before it."""
    area = raw.FS_RECTF()
    if chars.is_turned or not raw.FPDFAnnot_GetRect(annotation, area):
        return ""
    bottom, top = sorted((area.bottom, area.top))
    left = min(area.left, area.right)
    beside = [
        line
        for line in lines
        if not line.runs_left and line.left < left and bottom - line.height / 2 <= line.base <= top
    ]
    if not beside:
        return ""
    return _words_before(chars, max(beside, key=lambda line: line.left), left)


def _words_before(chars: PageChars, line: Line, right: float) -> str:
    """Return the words of a line from the last gap to `right`; empty when that cuts a word."""
    end = sum(index < 0 or chars.box(index).left < right for index in line.char_indices)
    if line.text[end - 1 : end + 1].isalnum() and end < len(line.text):
        return ""
    start = max((after for after, _, gap_right in find_gaps(chars, line) if gap_right < right), default=0)
    parts = _FILLER.split(line.text[start:end])
    label = next((part for part in reversed(parts) if part.strip()), "").strip()
    return label if _LETTER.search(label) else ""


def _string(annotation: object, key: bytes) -> str:
    return _read(lambda buffer, size: raw.FPDFAnnot_GetStringValue(annotation, key, buffer, size))


def _read(get: _Getter) -> str:
    """Return a UTF-16 string that a function of PDFium writes into a buffer, with clean line ends."""
    size = min(get(None, 0), _MAX_TEXT_BYTES)
    if size <= 2:  # noqa: PLR2004 bytes of the null at the end
        return ""
    buffer = ctypes.create_string_buffer(size)
    get(ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size)
    text = buffer.raw[: size - 2].decode("utf-16-le", "replace").replace("\r\n", "\n").replace("\r", "\n")
    lines = (" ".join(_CONTROL.sub("", line).split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def _squeeze(text: str) -> str:
    return "".join(text.split())
