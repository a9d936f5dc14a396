import pytest
from docx import Document as Word
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import parse_xml

from retrieval.errors import DocumentError
from retrieval.loaders.ooxml.docx import load
from retrieval.model import Document
from tests.documents import samples


def parts(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


def test_all_that_a_guide_holds() -> None:
    """Paragraphs, items, boxes, notes, inserted words and controls are read; deleted words are not."""
    document = load(samples.make_docx(), "a.docx")
    assert [
        "The lighthouse on Skerry was built in 1874 by the engineer Margaret Holloway.",
        "Its fog horn could be heard as far as the mainland.",
        samples.FOOTNOTE_TEXT,
        "The tower is thirty-two metres high.",
        "The keeper feeds eleven goats.",
        "Their milk becomes a salty cheese.",
        "Visitors climb to the lamp.",
        "Mind the ninth step, it is loose.",
        "Season: Summer\nHours: 9 to 18\nPrice: 4 crowns",
        "Season: Winter\nPrice: free",
        "The ferry leaves from pier four.",
    ] == parts(document)
    assert ("The Skerry Light", "paragraph") == (document.title, document.unit)
    assert [
        ("The Skerry Light, a guide", 1),
        ("History", 1),
        ("The keeper", 2),
        ("Opening hours", 1),
    ] == [(heading.text, heading.level) for heading in document.headings]


def test_headings_of_any_style() -> None:
    """Headings are recognised by inherited styles, outline levels and style names in other languages."""
    word = Word()
    for name, based in (("Kapitel", "Heading 2"), ("Überschrift 3", None), ("Zwischentitel", None)):
        style = word.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
        style.base_style = word.styles[based] if based else None
        word.add_paragraph(f"Vom {name}", style=style)
    outlined = word.add_paragraph("Direkt")
    outlined._p.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {samples.W_XMLNS} w:val="3"/>'))
    body = word.add_paragraph("Text", style="Heading 1")
    body._p.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {samples.W_XMLNS} w:val="9"/>'))
    document = load(samples.to_bytes(word), "a.docx")
    assert [("Vom Kapitel", 2), ("Vom Überschrift 3", 3), ("Direkt", 4)] == [
        (heading.text, heading.level) for heading in document.headings
    ]
    assert ["Vom Zwischentitel", "Text"] == parts(document)


def test_contents_are_no_paragraphs() -> None:
    """A table of contents is never quoted."""
    word = Word()
    word.add_paragraph("History 2", style=word.styles.add_style("toc 1", WD_STYLE_TYPE.PARAGRAPH))
    word.add_paragraph("Built in 1874.")
    assert ["Built in 1874."] == parts(load(samples.to_bytes(word), "a.docx"))


def test_signs() -> None:
    """Tabs, line breaks and hyphens are kept as displayed."""
    word = Word()
    paragraph = word.add_paragraph("nine\tten\neleven")
    paragraph._p.append(
        parse_xml(
            f"<w:r {samples.W_XMLNS}><w:noBreakHyphen/><w:t>twelve</w:t><w:instrText>PAGE</w:instrText></w:r>"
        )
    )
    assert ["nine\tten\neleven\u2011twelve"] == parts(load(samples.to_bytes(word), "a.docx"))


def test_merged_cells() -> None:
    """A vertically merged cell is repeated in each row; a wide cell is in its first column only."""
    word = Word()
    table = word.add_table(3, 3)
    table.rows[0]._tr.get_or_add_trPr().append(parse_xml(f"<w:tblHeader {samples.W_XMLNS}/>"))
    for column, text in enumerate(("House", "Floor", "Room")):
        table.cell(0, column).text = text
    table.cell(1, 0).merge(table.cell(2, 0)).text = "North"
    table.cell(1, 1).merge(table.cell(1, 2)).text = "all of it"
    table.cell(2, 2).text = "Library\n2nd door"
    assert ["House: North\nFloor: all of it", "House: North\nRoom: Library\n2nd door"] == parts(
        load(samples.to_bytes(word), "a.docx")
    )


def test_tables_for_the_layout() -> None:
    """A table with one column or a nested one is layout; without a marked header, columns have no names."""
    word = Word()
    frame = word.add_table(1, 1).cell(0, 0)
    frame.text = "In a frame."
    inner = frame.add_table(1, 2)
    inner.cell(0, 0).text, inner.cell(0, 1).text = "Monday", "9 to 17"
    assert ["In a frame.", "Monday | 9 to 17"] == parts(load(samples.to_bytes(word), "a.docx"))


def test_no_document() -> None:
    """A workbook with the suffix .docx is rejected as a workbook."""
    with pytest.raises(
        DocumentError,
        match=r"^a\.docx: is another kind of Office document \(workbook\); give it its real suffix",
    ):
        load(samples.make_xlsx(), "a.docx")
    with pytest.raises(DocumentError, match=r"^a\.docx: is not an Office document; give it the suffix"):
        load(samples.make_epub(), "a.docx")


def test_bold_by_style() -> None:
    """A short paragraph that its style makes bold is a heading, and so are bold words before others."""
    word = Word()
    style = word.styles.add_style("Klausel", WD_STYLE_TYPE.PARAGRAPH)
    style.font.bold = True
    word.styles.add_style("Unterklausel", WD_STYLE_TYPE.PARAGRAPH).base_style = style
    strong = word.styles.add_style("Kräftig", WD_STYLE_TYPE.CHARACTER)
    strong.font.bold = True
    for title, name in (("Rent", "Klausel"), ("Pets", "Unterklausel")):
        word.add_paragraph(title, style=name)
        word.add_paragraph(f"All about {title.lower()} is said here.")
    word.add_paragraph(style="Klausel").add_run("This is not bold").bold = False
    for title in ("Keys", "Bins"):
        paragraph = word.add_paragraph()
        paragraph.add_run(f"{title}. ", style=strong)
        paragraph.add_run("There are five of them.")
    document = load(samples.to_bytes(word), "a.docx")
    assert ["Rent", "Pets", "Keys", "Bins"] == [heading.text for heading in document.headings]
    assert ["Rent", "Pets", "Keys.", "Bins."] == [own.span.of(document.text) for own in document.headings]
    assert "Keys. There are five of them." in parts(document)
    assert "This is not bold" in parts(document)


def test_headings_by_look() -> None:
    """Without heading styles, bold and numbered short paragraphs are headings."""
    word = Word()
    for words in ("1. Rent", "The rent is 900 pounds a month.", "2. Pets", "One cat may be kept."):
        word.add_paragraph(words)
    word.add_paragraph().add_run("Signatures").bold = True
    word.add_paragraph("Both parties sign.")
    document = load(samples.to_bytes(word), "a.docx")
    assert ["1. Rent", "2. Pets", "Signatures"] == [heading.text for heading in document.headings]
    assert ["The rent is 900 pounds a month.", "One cat may be kept.", "Both parties sign."] == parts(
        document
    )
