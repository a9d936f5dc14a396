"""Reads the picture of a page with Tesseract, if it is installed, and finds out its script and language.

Each call is a process of its own with a limit of time. It inherits the limit of memory of its parent. The
first page of a document takes two or three runs of the engine, the next ones in the same language one.
"""

import io
import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING

from PIL import Image

from retrieval.language import detect
from retrieval.ocr.scanned_page import ScannedLine, ScannedPage, ScannedWord

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

PAGE_SECONDS = 60.0
NEEDED = "contains no text, only pictures: have it read by OCR"
MISSING = (
    f"{NEEDED} (ocrmypdf) first, or install Tesseract with the "
    "languages of your documents, such as tesseract-ocr and tesseract-ocr-eng, and do not set OCR=off; "
    "with OPENSEARCH_URL only the former helps"
)
_LIST_SECONDS = 20.0
_MAX_OUTPUT_BYTES = 32 * 1024**2
# Its models of orientation, of equations and of whole scripts are not languages.
_NO_LANGUAGES = frozenset({"osd", "equ", "snum"})
_NUMBERS = re.compile(r"-?\d+(?:\.\d+)?")
_LINES = "span.ocr_line, span.ocr_header, span.ocr_textfloat, span.ocr_caption"


class OcrError(Exception):
    """A page cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """The script of a page in Tesseract's words, such as "Latin" or "Han", and how to turn it upright.

    `turn` is in degrees clockwise. Confidences below about 1 are guesses.
    """

    script: str
    script_confidence: float
    turn: int
    turn_confidence: float


def find() -> str | None:
    """Return the path of Tesseract, or None if it is not installed."""
    return shutil.which("tesseract")


def version() -> str:
    """Return the name and version of the installed engine, empty without one."""
    output = _run(["--version"], b"", _LIST_SECONDS) if find() else b""
    return output.decode(errors="replace").partition("\n")[0].strip()


@cache
def languages() -> tuple[str, ...]:
    """Return Tesseract's names of the languages that it can read here, sorted; empty without Tesseract."""
    if not find():
        return ()
    try:
        lines = _run(["--list-langs"], b"", _LIST_SECONDS).decode(errors="replace").splitlines()[1:]
    except OcrError:
        return ()
    names = {line.strip().rpartition("/")[2] for line in lines}
    return tuple(sorted(name for name in names if name and name not in _NO_LANGUAGES))


@cache
def can_detect_scripts() -> bool:
    """Return whether the model that detects scripts and orientation is installed."""
    try:
        return bool(find()) and b"osd" in _run(["--list-langs"], b"", _LIST_SECONDS).split()
    except OcrError:
        return False


def is_available() -> bool:
    """Return whether Tesseract is installed with a language."""
    return bool(languages())


def detect_orientation(png: bytes, dpi: int) -> Orientation | None:
    """Return the script and orientation of a page, or None if it has too few characters. Raises OcrError."""
    if not can_detect_scripts():
        return None
    try:
        output = _run(["stdin", "stdout", "--psm", "0", "--dpi", str(dpi)], png, PAGE_SECONDS)
    except OcrError as error:
        # It fails on pages with few characters.
        if isinstance(error.__cause__, subprocess.CalledProcessError):
            return None
        raise
    fields = dict(
        line.split(": ", 1) for line in output.decode(errors="replace").splitlines() if ": " in line
    )
    try:
        return Orientation(
            fields["Script"].strip(),
            float(fields["Script confidence"]),
            int(fields["Rotate"]) % 360,
            float(fields["Orientation confidence"]),
        )
    except (LookupError, ValueError):
        return None


def read(png: bytes, language: str, dpi: int, *, seconds: float = PAGE_SECONDS) -> ScannedPage:
    """Return the words of an upright page. Raises OcrError."""
    arguments = ["stdin", "stdout", "-l", language, "--psm", "3", "--dpi", str(dpi), "hocr"]
    return parse_hocr(_run(arguments, png, seconds).decode(errors="replace"), language)


def parse_hocr(hocr: str, language: str) -> ScannedPage:
    """Return the page that Tesseract has described as hOCR. Raises OcrError."""
    # Imported only where scans are read.
    from selectolax.lexbor import LexborHTMLParser  # noqa: PLC0415

    tree = LexborHTMLParser(hocr)
    page = tree.css_first("div.ocr_page")
    if page is None:
        raise OcrError("the engine has returned no page")
    _, _, width, height = map(int, _property(page, "bbox")[:4])
    lines = tuple(line for node in tree.css(_LINES) if (line := _line(node)) is not None)
    return ScannedPage(width, height, lines, language)


def _line(node: "LexborNode") -> ScannedLine | None:
    words = tuple(word for each in node.css("span.ocrx_word") if (word := _word(each)) is not None)
    if not words:
        return None
    left, _, right, bottom = _property(node, "bbox")[:4]
    slope, offset = (_property(node, "baseline") or [0.0, 0.0])[:2]
    size = (_property(node, "x_size") or [max(word.bottom - word.top for word in words)])[0]
    return ScannedLine(words, bottom + offset + slope * (right - left) / 2, max(size, 1.0))


def _word(node: "LexborNode") -> ScannedWord | None:
    # A word has no spaces, whatever the engine has read.
    text = "".join(node.text().split())
    box, confidence = _property(node, "bbox"), _property(node, "x_wconf")
    if not text or len(box) < 4 or not confidence:  # noqa: PLR2004  # the sides of a box
        return None
    left, top, right, bottom = map(int, box[:4])
    return ScannedWord(text, left, top, right, bottom, round(confidence[0]))


def _property(node: "LexborNode", name: str) -> list[float]:
    """Return the numbers of a property in the title of an element."""
    for part in (node.attributes.get("title") or "").split(";"):
        key, _, values = part.strip().partition(" ")
        if key == name:
            return [float(number) for number in _NUMBERS.findall(values)]
    return []


def _run(arguments: list[str], data: bytes, seconds: float) -> bytes:
    """Run Tesseract on the bytes of a picture. Raises OcrError."""
    program = find()
    if program is None:
        raise OcrError("Tesseract is not installed")
    try:
        process = subprocess.Popen(  # noqa: S603  # the program is Tesseract, the arguments are ours
            [program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # More threads take twice the processor time to gain a third.
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
            start_new_session=True,
        )
    except OSError as error:
        raise OcrError(f"Tesseract cannot be started ({error.strerror})") from error
    with process:
        try:
            output, _ = process.communicate(data, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise OcrError(f"takes more than {seconds:.0f} s to read") from None
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode != 0 or len(output) > _MAX_OUTPUT_BYTES:
        failure = subprocess.CalledProcessError(process.returncode, "tesseract")
        raise OcrError(f"Tesseract has failed (exit code {process.returncode})") from failure
    return output


# Tesseract's languages of each script, the most likely first, and of each ISO 639-1 code.
_LANGUAGES = {
    "Latin": (
        "eng", "deu", "fra", "spa", "ita", "por", "nld", "tur", "pol", "ces", "slk", "slv", "hrv", "hun",
        "ron", "dan", "nor", "swe", "fin", "est", "lav", "lit", "cat", "eus", "gle", "ind", "sqi", "swa",
        "fil", "vie",
    ),
    "Cyrillic": ("rus", "ukr", "bel", "bul", "srp", "mkd", "kaz"),
    "Arabic": ("ara", "fas", "urd"),
    "Han": ("chi_sim", "chi_tra"),
    "Japanese": ("jpn",),
    "Katakana": ("jpn",),
    "Hiragana": ("jpn",),
    "Korean": ("kor",),
    "Hangul": ("kor",),
    "Devanagari": ("hin", "mar", "nep"),
    "Greek": ("ell",),
    "Hebrew": ("heb",),
    "Thai": ("tha",),
    "Armenian": ("hye",),
    "Georgian": ("kat",),
    "Bengali": ("ben",),
    "Tamil": ("tam",),
    "Telugu": ("tel",),
    "Khmer": ("khm",),
    "Lao": ("lao",),
    "Myanmar": ("mya",),
}  # fmt: skip
_BY_CODE = {
    "en": "eng", "de": "deu", "fr": "fra", "es": "spa", "it": "ita", "pt": "por", "nl": "nld", "tr": "tur",
    "pl": "pol", "cs": "ces", "sk": "slk", "sl": "slv", "hr": "hrv", "hu": "hun", "ro": "ron", "da": "dan",
    "no": "nor", "sv": "swe", "fi": "fin", "et": "est", "lv": "lav", "lt": "lit", "ca": "cat", "eu": "eus",
    "ga": "gle", "id": "ind", "sq": "sqi", "sw": "swa", "tl": "fil", "vi": "vie", "ru": "rus", "uk": "ukr",
    "be": "bel", "bg": "bul", "sr": "srp", "mk": "mkd", "kk": "kaz", "ar": "ara", "fa": "fas", "ur": "urd",
    "hi": "hin", "mr": "mar", "ne": "nep",
}  # fmt: skip
# Below this a page may be in another script or language, or lie on its side, and is looked at again.
_MIN_PAGE_CONFIDENCE = 75.0
# Below these, what Tesseract says of script and orientation is a guess.
_MIN_SCRIPT_CONFIDENCE = 0.3
_MIN_TURN_CONFIDENCE = 1.0
_MIN_DETECTED_CHARS = 40


class MissingLanguageError(OcrError):
    """A page is in a script for which no language is installed."""


def read_page(image: Image.Image, dpi: int, language: str | None = None) -> ScannedPage:
    """Return the words on a picture. Raises OcrError.

    `language` is what the page before was read in. The sizes of the result are those of the picture turned
    upright.
    """
    png = _png(image)
    page = None
    if language is not None:
        page = read(png, language, dpi)
        if page.confidence >= _MIN_PAGE_CONFIDENCE:
            return page
    orientation = detect_orientation(png, dpi)
    if orientation is None:
        return page if page and page.lines else _read_in_language(png, dpi, _default_languages(), page)
    turn = orientation.turn if orientation.turn_confidence >= _MIN_TURN_CONFIDENCE else 0
    if turn:
        png, page = _png(image.rotate(-turn, expand=True)), None
    return replace(_read_in_language(png, dpi, _candidates(orientation), page), turned=turn)


def install_hint(script: str) -> str:
    """Return the Debian package of the most likely language of a script."""
    return f"tesseract-ocr-{_LANGUAGES.get(script, ('eng',))[0].replace('_', '-')}"


def _candidates(orientation: Orientation) -> tuple[str, ...]:
    """Return the installed languages of a page's script, the most likely first."""
    if orientation.script_confidence < _MIN_SCRIPT_CONFIDENCE:
        return _default_languages()
    installed = languages()
    candidates = [name for name in _LANGUAGES.get(orientation.script, ()) if name in installed]
    candidates += [orientation.script] if orientation.script in installed else []
    if not candidates:
        raise MissingLanguageError(
            f"is in {orientation.script} script, for which OCR has no language here; "
            f"install its pack, such as {install_hint(orientation.script)}"
        )
    return tuple(candidates)


def _default_languages() -> tuple[str, ...]:
    installed = languages()
    ordered = [name for names in _LANGUAGES.values() for name in names if name in installed]
    return tuple(ordered[:1] or installed[:1])


def _read_in_language(
    png: bytes, dpi: int, candidates: tuple[str, ...], page: ScannedPage | None
) -> ScannedPage:
    """Read a page in the first of the languages, then in the one that the text turns out to be in.

    Returns the reading of the highest confidence, which may be `page`.
    """
    if not candidates:
        raise MissingLanguageError("OCR has no language here; install one, such as tesseract-ocr-eng")
    readings = [page] if page is not None else []
    if page is None or page.language != candidates[0]:
        readings.append(read(png, candidates[0], dpi))
    text = max(readings, key=attrgetter("confidence")).text
    if len(text) >= _MIN_DETECTED_CHARS and len(candidates) > 1:
        # Simplified and traditional Chinese are one language.
        detected = "chi_tra" if candidates[:2] == ("chi_sim", "chi_tra") else _BY_CODE.get(detect(text), "")
        if detected in candidates and all(detected != reading.language for reading in readings):
            readings.append(read(png, detected, dpi))
    return max(readings, key=attrgetter("confidence"))


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()
