import time

import pytest

from retrieval.errors import DocumentError
from retrieval.loaders.opendocument import load_odt
from retrieval.model import Document
from tests.documents import samples


def parts(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


def read(body: str, styles: str = "") -> Document:
    return load_odt(samples.make_odf("text", body, styles), "a.odt")


def test_all_that_a_text_holds() -> None:
    """Paragraphs, items, boxes and notes are read in order; comments, deleted and hidden text are not."""
    document = load_odt(samples.make_odt(), "a.odt")
    assert [
        "Die Seilbahn wurde 1937 von der Ingenieurin Luise  Amrein gebaut.",
        "Das Tragseil wiegt neun Tonnen.",
        "Die Bergstation liegt hoch.",
        "Bei Sturm fährt die Bahn nicht.",
        "Hunde fahren gratis.",
        "Katzen auch.",
        "Ticket: Bergfahrt\nValid for: Erwachsene\nFare: 18 Franken",
        "Ticket: Bergfahrt\nValid for: Kinder\nFare: 7 Franken",
    ] == parts(document)
    assert [("Die Seilbahn am Hohen Eck", 1), ("Geschichte", 1), ("Fahrpreise", 2)] == [
        (heading.text, heading.level) for heading in document.headings
    ]
    assert ("Die Seilbahn am Hohen Eck", "paragraph") == (document.title, document.unit)
    assert ["Hunde fahren gratis.\n\nKatzen auch."] == [span.of(document.text) for span in document.lists]


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        ("a<text:s/>b<text:s text:c='3'/>c", "a b   c"),
        ("a<text:s text:c='999999999'/>b", "a" + " " * 100 + "b"),
        ("a<text:s text:c='²'/>b", "a b"),
        ("a<text:tab/>b<text:line-break/>c", "a\tb\nc"),
        ("  a \n <text:span> b</text:span>  <text:span>c </text:span> d", "a b c d"),
        (
            "漢<text:ruby><text:ruby-base>字</text:ruby-base><text:ruby-text>じ</text:ruby-text></text:ruby>",
            "漢字",
        ),
        ("page <text:page-number>7</text:page-number> of <text:a>this</text:a>", "page 7 of this"),
    ],
)
def test_text_of_a_paragraph(xml: str, expected: str) -> None:
    """White space is collapsed as in the specification; spaces, tabs, breaks and fields are kept."""
    assert [expected] == parts(read(f"<text:p>{xml}</text:p>"))


def test_headings_by_style() -> None:
    """Headings are recognised by inherited styles, by outline levels of styles and by common style names."""
    style = '<style:style style:family="paragraph" style:name="{}" style:{}="{}"/>'
    document = read(
        '<text:p text:style-name="P1">One</text:p><text:p text:style-name="P2">Two</text:p>'
        '<text:p text:style-name="P3">Three</text:p><text:p>Words.</text:p>',
        style.format("P1", "parent-style-name", "Heading_20_3")
        + style.format("P2", "default-outline-level", "2")
        + style.format("P3", "parent-style-name", "P3"),
    )
    assert [("One", 3), ("Two", 2)] == [(heading.text, heading.level) for heading in document.headings]
    assert ["Three", "Words."] == parts(document)


def test_layout_tables() -> None:
    """A table with one column, or with a table inside, is layout; without a marked header, no names."""
    inner = f"<table:table>{samples.odf_row('Monday', '9 to 17')}</table:table>"
    outer = f"<table:table><table:table-row><table:table-cell><text:p>In a frame.</text:p>{inner}"
    document = read(f"{outer}</table:table-cell></table:table-row></table:table>")
    assert ["In a frame.", "Monday | 9 to 17"] == parts(document)


def test_repeated_cells_and_rows() -> None:
    """Repetitions are bounded: no table costs more memory than its text."""
    repeat = 'table:number-{}-repeated="999999999"'
    cell = f"<table:table-cell {repeat.format('columns')}/>"
    document = read(
        f"<table:table>{samples.odf_row('a', 'b')}<table:table-row {repeat.format('rows')}>{cell}"
        "</table:table-row></table:table>"
    )
    assert ["a | b"] == parts(document)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("ha" * 50, "has more than 32 million characters"), ("a", "has a table of more than 1000000 cells")],
)
def test_repetition_bombs(text: str, reason: str) -> None:
    """Repeated text counts as often as it is repeated, and is rejected before it is laid out."""
    row = '<table:table-row table:number-rows-repeated="999999999">'
    cell = f'<table:table-cell table:number-columns-repeated="999999999"><text:p>{text}</text:p>'
    started = time.process_time()
    with pytest.raises(DocumentError, match=reason):
        read(f"<table:table>{row}{cell}</table:table-cell></table:table-row></table:table>")
    assert time.process_time() - started < 1


def test_other_files() -> None:
    """Files of another kind, encrypted ones and other archives are rejected with what they are."""
    with pytest.raises(DocumentError, match=r"another kind of OpenDocument \(spreadsheet\); give it"):
        load_odt(samples.make_ods(), "a.odt")
    with pytest.raises(DocumentError, match="is not an OpenDocument file; give it the suffix"):
        load_odt(samples.make_epub(), "a.odt")
    manifest = "<manifest><file-entry><encryption-data/></file-entry></manifest>"
    with pytest.raises(DocumentError, match="is encrypted; save it without a password"):
        load_odt(samples.replace_entries(samples.make_odt(), {"META-INF/manifest.xml": manifest}), "a.odt")


def test_bold_type() -> None:
    """Short paragraphs in bold type are headings, by their own style, its parent's or that of their words."""
    style = (
        '<style:style xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0" '
        'style:family="{}" style:name="{}" style:parent-style-name="{}">'
        '<style:text-properties fo:font-weight="{}"/></style:style>'
    )
    plain = '<style:style style:family="paragraph" style:name="C" style:parent-style-name="B"/>'
    styles = style.format("paragraph", "B", "", "bold") + style.format("text", "T", "", "700") + plain
    titles = {
        "Miete": '<text:p text:style-name="B">Miete</text:p>',
        "Tiere": '<text:p text:style-name="C">Tiere</text:p>',
        "Müll": '<text:p><text:span text:style-name="T">Mü<text:span>ll</text:span></text:span></text:p>',
    }
    below = "<text:p>Das ist <text:span text:style-name='T'>wichtig</text:span> für alle.</text:p>"
    document = read("".join(title + below for title in titles.values()), styles)
    assert [*titles] == [heading.text for heading in document.headings]
    run_in = "<text:p><text:span text:style-name='T'>{}.</text:span>  Das ist hier für alle gesagt.</text:p>"
    document = read(run_in.format("Miete") + run_in.format("Tiere"), styles)
    assert ["Miete.", "Tiere."] == [heading.span.of(document.text) for heading in document.headings]
