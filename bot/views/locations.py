"""Where a quote is: title, heading, and page, lines or another place."""

from bot.i18n.messages import Texts
from bot.views.text_layout import MAX_TITLE_UNITS, one_line, title_label
from retrieval.model import Citation, Locator, shown_name

# Places that are listed for the words of a search.
MAX_PLACES = 50
# A document may have page labels of any length.
_MAX_PAGE_LABEL_UNITS = 20


def citation_location(citation: Citation, texts: Texts) -> str:
    """Return the location of a quote; without the title of a document if that is how the quote begins.

    A text without a heading has its first words as its title.
    """
    opening = citation.title.removesuffix("…")
    is_opening = citation.span.start < len(opening) and one_line(citation.quote, MAX_TITLE_UNITS).startswith(
        opening
    )
    return location_text("" if is_opening else citation.title, citation.locator, texts) or title_label(
        shown_name(citation.document), texts
    )


def location_text(title: str, at: Locator, texts: Texts) -> str:
    """Return title, heading and page, row or lines on one line; an empty title is left out."""
    parts = [title_label(title, texts)] if title else []
    return texts.list_separator.join([*parts, *_place(title, at, texts)])


def place_text(title: str, at: Locator, texts: Texts) -> str:
    """Return the location without the title, or the title if there is nothing else."""
    return texts.list_separator.join(_place(title, at, texts)) or title_label(title, texts)


def _place(title: str, at: Locator, texts: Texts) -> list[str]:
    """Return the heading, and the page, row or lines."""
    parts: list[str] = []
    chapter = at.label if at.unit == "chapter" else None
    if chapter and chapter != title:
        parts.append(texts.chapter(title_label(chapter, texts)))
    if at.heading and at.heading not in {title, chapter}:
        heading_text = texts.sheet if at.unit == "row" else texts.under_heading
        parts.append(heading_text(title_label(at.heading, texts)))
    return [*parts, *_position(at, texts), *([texts.scanned] if at.is_scanned else [])]


def _position(at: Locator, texts: Texts) -> list[str]:
    """Return the page or another place; nothing for chapters, which have a name."""
    number = str(at.page) if at.label is None else one_line(at.label, _MAX_PAGE_LABEL_UNITS)
    numbered = {
        "slide": texts.slide,
        "row": texts.row,
        "time": texts.time,
        "cell": texts.cell,
        "record": texts.record,
    }
    if at.unit in numbered:
        return [numbered[at.unit](number)]
    if at.unit == "message":
        words = number.split()
        date = next((word for word in words if "-" in word), "")
        number_in_file = next((word for word in words if word != date), "")
        return [texts.mail(number_in_file, date)] if words else []
    if at.unit == "chapter":
        return []
    if at.unit == "paragraph":
        return [texts.paragraph(at.paragraph)]
    return [texts.lines(at.line, at.line_end) if at.page is None else texts.page(number)]


def heading_line(citation: Citation) -> str:
    """Return the heading of a quote on one line, or an empty string."""
    return one_line(citation.locator.heading or "", MAX_TITLE_UNITS)
