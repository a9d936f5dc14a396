"""Reads the picture of a page: finds out its script, language and orientation, as far as it must.

The first page of a document takes two or three runs of the engine, the next ones in the same language one.
"""

import io
from dataclasses import replace
from operator import attrgetter

from PIL import Image

from retrieval.language import detect
from retrieval.ocr import tesseract
from retrieval.ocr.scanned_page import ScannedPage
from retrieval.ocr.tesseract import OcrError, Orientation

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
    """A page is in a script of which no language is installed."""


def read_page(image: Image.Image, dpi: int, language: str | None = None) -> ScannedPage:
    """Return the words on a picture. Raises OcrError.

    `language` is what the page before was read in. The sizes of the result are those of the picture turned
    upright.
    """
    png = _png(image)
    page = None
    if language is not None:
        page = tesseract.read(png, language, dpi)
        if page.confidence >= _MIN_PAGE_CONFIDENCE:
            return page
    orientation = tesseract.detect_orientation(png, dpi)
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
    installed = tesseract.languages()
    found = [name for name in _LANGUAGES.get(orientation.script, ()) if name in installed]
    found += [orientation.script] if orientation.script in installed else []
    if not found:
        raise MissingLanguageError(
            f"is in {orientation.script} script, of which OCR has no language here; "
            f"install its pack, such as {install_hint(orientation.script)}"
        )
    return tuple(found)


def _default_languages() -> tuple[str, ...]:
    installed = tesseract.languages()
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
        readings.append(tesseract.read(png, candidates[0], dpi))
    text = max(readings, key=attrgetter("confidence")).text
    if len(text) >= _MIN_DETECTED_CHARS and len(candidates) > 1:
        # Simplified and traditional Chinese are one language.
        own = "chi_tra" if candidates[:2] == ("chi_sim", "chi_tra") else _BY_CODE.get(detect(text), "")
        if own in candidates and all(own != reading.language for reading in readings):
            readings.append(tesseract.read(png, own, dpi))
    return max(readings, key=attrgetter("confidence"))


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()
