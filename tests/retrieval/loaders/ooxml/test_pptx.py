import pytest

from retrieval.errors import DocumentError
from retrieval.loaders.ooxml import pptx
from retrieval.loaders.ooxml.pptx import load
from retrieval.model import Page
from tests.documents import samples


def test_slides() -> None:
    """A slide is a page: its title, then its texts, tables and notes, also inside groups."""
    document = load(samples.make_pptx(), "a.pptx")
    assert [
        "茶馆每天早上六点开门。",
        "后院有一口古井,泡茶的水都取自这口井。",
        "Tea: Longjing\nPrice: 12 yuan",
        "Tea: Pu-erh\nPrice: 9 yuan",
        "In winter the guests sit around the stove.",
        "A storyteller speaks until midnight.",
    ] == [block.of(document.text) for block in document.blocks]
    assert [("青石桥茶馆", 1), ("Tea and prices", 1), ("Winter", 1)] == [
        (heading.text, heading.level) for heading in document.headings
    ]
    assert ("青石桥茶馆", "slide") == (document.title, document.unit)
    starts = [heading.span.start for heading in document.headings]
    assert [Page(start, str(number)) for number, start in enumerate(starts, 1)] == list(document.pages)


def test_order_of_the_show() -> None:
    """Slides are numbered in presentation order, not by file name."""
    show = samples.read_entry(samples.make_pptx(), "ppt/presentation.xml")
    first, rest = show.index("<p:sldId "), show.index("/>", show.index("<p:sldId ")) + 2
    end = show.index("</p:sldIdLst>")
    moved = show[:first] + show[rest:end] + show[first:rest] + show[end:]
    document = load(samples.replace_entries(samples.make_pptx(), {"ppt/presentation.xml": moved}), "a.pptx")
    assert ["Tea and prices", "Winter", "青石桥茶馆"] == [heading.text for heading in document.headings]


def test_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A presentation with too many slides is rejected with what to do."""
    monkeypatch.setattr(pptx, "MAX_SLIDES", 2)
    with pytest.raises(DocumentError, match=r"^a\.pptx: has more than 2 slides; split it$"):
        load(samples.make_pptx(), "a.pptx")


def test_a_lost_slide_keeps_its_number() -> None:
    """A slide with a missing part is skipped; the others keep their numbers."""
    relations = samples.read_entry(samples.make_pptx(), "ppt/_rels/presentation.xml.rels")
    data = samples.replace_entries(
        samples.make_pptx(),
        {"ppt/_rels/presentation.xml.rels": relations.replace("slides/slide2.xml", "gone.xml")},
    )
    assert ["1", "3"] == [page.label for page in load(data, "a.pptx").pages]
