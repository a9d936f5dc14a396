"""A sample document of each format. Run this file with the path of a folder to write them there."""

import io
import sys
import zipfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import docx
import openpyxl  # type: ignore[import-untyped]  # it has no type hints
import pptx
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from pptx.util import Inches

W_XMLNS = nsdecls("w")
FOOTNOTE_TEXT = """The horn was sold in 1931 to a brass band from Osterwick."""


def make_zip(entries: Mapping[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for path, content in entries.items():
            file.writestr(path, content)
    return buffer.getvalue()


def replace_entries(data: bytes, changes: Mapping[str, str | bytes]) -> bytes:
    """Return a copy of a ZIP archive with some entries replaced or added."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return make_zip({**{name: file.read(name) for name in file.namelist()}, **changes})


def read_entry(data: bytes, path: str) -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return file.read(path).decode()


def to_bytes(document: docx.document.Document | pptx.presentation.Presentation | openpyxl.Workbook) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def make_docx() -> bytes:
    """Return a Word document with styles, lists, a table, a text box, tracked changes and a footnote."""
    document = docx.Document()
    document.core_properties.title = "The Skerry Light"
    document.add_heading("The Skerry Light, a guide", 0)
    document.add_heading("History", 1)
    document.add_paragraph("The lighthouse on Skerry was built in 1874 by the engineer Margaret Holloway.")
    horn = document.add_paragraph("Its fog horn could be heard as far as the mainland.")
    horn._p.append(parse_xml(f'<w:r {W_XMLNS}><w:footnoteReference w:id="2"/></w:r>'))
    tracked = document.add_paragraph("The tower is ")
    for change in (
        '<w:del {w} w:id="8" w:author="x"><w:r><w:delText>forty</w:delText></w:r></w:del>',
        '<w:ins {w} w:id="9" w:author="x"><w:r><w:t>thirty-two metres</w:t></w:r></w:ins>',
        '<w:r {w}><w:t xml:space="preserve"> high.</w:t></w:r>',
    ):
        tracked._p.append(parse_xml(change.format(w=W_XMLNS)))
    document.add_heading("The keeper", 2)
    document.add_paragraph("The keeper feeds eleven goats.", style="List Bullet")
    document.add_paragraph("Their milk becomes a salty cheese.", style="List Bullet")
    boxed = document.add_paragraph("Visitors climb to the lamp.")
    boxed._p.append(
        parse_xml(
            f"<w:r {W_XMLNS}><w:pict><w:txbxContent><w:p><w:r><w:t>Mind the ninth step, it is loose.</w:t>"
            "</w:r></w:p></w:txbxContent></w:pict></w:r>"
        )
    )
    document.add_heading("Opening hours", 1)
    table = document.add_table(0, 3)
    for cells in (("Season", "Hours", "Price"), ("Summer", "9 to 18", "4 crowns"), ("Winter", "", "free")):
        for cell, text in zip(table.add_row().cells, cells, strict=True):
            cell.text = text
    table.rows[0]._tr.get_or_add_trPr().append(parse_xml(f"<w:tblHeader {W_XMLNS}/>"))
    document.element.body.insert_element_before(
        parse_xml(
            f"<w:sdt {W_XMLNS}><w:sdtContent><w:p><w:r><w:t>The ferry leaves from pier four.</w:t></w:r>"
            "</w:p></w:sdtContent></w:sdt>"
        ),
        "w:sectPr",
    )
    return _add_footnote(to_bytes(document))


def _add_footnote(data: bytes) -> bytes:
    relations = read_entry(data, "word/_rels/document.xml.rels").replace(
        "</Relationships>",
        '<Relationship Id="rIdNotes" Target="footnotes.xml" Type="http://schemas.openxmlformats.org/'
        'officeDocument/2006/relationships/footnotes"/></Relationships>',
    )
    notes = (
        f'<w:footnotes {W_XMLNS}><w:footnote w:id="0" w:type="separator"><w:p/></w:footnote>'
        f'<w:footnote w:id="2"><w:p><w:r><w:t>{FOOTNOTE_TEXT}</w:t></w:r></w:p></w:footnote></w:footnotes>'
    )
    return replace_entries(data, {"word/_rels/document.xml.rels": relations, "word/footnotes.xml": notes})


HTML = """<!DOCTYPE html><html lang="de"><head><meta charset="utf-8"><title>Die Mühle von Ahrental</title>
<style>p { color: red }</style></head><body>
<nav><a href="/">Startseite</a></nav>
<header>Willkommen</header>
<article><h1>Die Mühle von <em>Ahrental</em></h1>
<p>Die Wassermühle in Ahrental geh&ouml;rt seit 1911 der Familie
   <b>Brandstetter</b>.<br>Sie mahlt Roggen &amp; Dinkel.
<h2>Backtage</h2>
<ul><li>Das Brot wird im Steinofen gebacken.<li>Am Samstag wird es auf dem Marktplatz verkauft.</ul>
<table><caption>Preise</caption><thead><tr><th>Brot<th>Gewicht<th>Preis</thead>
<tr><td>Roggenbrot<td rowspan=2>1 kg<td>4,20 Euro<tr><td>Dinkelbrot<td>5,10 Euro</table>
<pre>Mehl   Wasser
Salz</pre>
<aside>Der Mühlteich friert im Januar zu.</aside></article>
<script>var verkauft = "nichts"</script><footer>Impressum</footer></body></html>"""

XHTML = """<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml"><head><title/><link href="a.css"/></head><body>{}</body></html>"""
CONTAINER = """<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"""
OPF = """<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:title>Обсерватория на Синей горе</dc:title></metadata>
<manifest><item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>
<item id="one" href="text/one.xhtml" media-type="application/xhtml+xml"/>
<item id="two" href="text/two%20b.xhtml" media-type="application/xhtml+xml"/>
<item id="three" href="text/three.xhtml" media-type="application/xhtml+xml"/>
<item id="css" href="a.css" media-type="text/css"/></manifest>
<spine toc="ncx"><itemref idref="nav"/>
<itemref idref="two"/><itemref idref="three"/><itemref idref="one"/></spine>
</package>"""
NAV = """<nav epub:type="toc"><ol><li><a href="text/two%20b.xhtml#top">Основание</a></li>
<li><a href="text/one.xhtml">Ночные правила</a></li></ol></nav>"""
NCX = """<!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "http://www.daisy.org/z3986/2005/ncx-2005-1.dtd">
<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap>
<navPoint><navLabel><text>Основание</text></navLabel><content src="text/two%20b.xhtml"/></navPoint>
<navPoint><navLabel><text>Ночные правила</text></navLabel><content src="text/one.xhtml#a"/></navPoint>
</navMap></ncx>"""


def make_epub(*, with_nav: bool = True) -> bytes:
    """Return an EPUB book whose spine differs from the order of its files.

    One file has no heading and continues the chapter before it.
    """
    entries = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "OEBPS/book.opf": OPF if with_nav else OPF.replace(' properties="nav"', ""),
        "OEBPS/nav.xhtml": XHTML.format(NAV if with_nav else ""),
        "OEBPS/toc.ncx": NCX,
        "OEBPS/text/one.xhtml": XHTML.format(
            '<a id="a"/><p>Ночью сторож выключает все фонари, чтобы свет не мешал наблюдениям.</p>'
        ),
        "OEBPS/text/two b.xhtml": XHTML.format(
            "<h1>Основание</h1><p>Обсерваторию на Синей горе основал астроном Павел Лебедев в 1932 году.</p>"
            "<h2>Телескоп</h2><p>Её телескоп весит двенадцать тонн.</p>"
        ),
        "OEBPS/text/three.xhtml": XHTML.format("<p>Летом школьники приезжают смотреть на Персеиды.</p>"),
    }
    return make_zip(entries)


def make_pptx() -> bytes:
    """Return a presentation: a subtitle and notes, a table, and a title that is not the first shape."""
    presentation = pptx.Presentation()
    first = presentation.slides.add_slide(presentation.slide_layouts[0])
    first.shapes.title.text = "青石桥茶馆"
    first.placeholders[1].text = "茶馆每天早上六点开门。"
    first.notes_slide.notes_text_frame.text = "后院有一口古井,泡茶的水都取自这口井。"
    second = presentation.slides.add_slide(presentation.slide_layouts[5])
    second.shapes.title.text = "Tea and prices"
    table = second.shapes.add_table(3, 2, Inches(1), Inches(2), Inches(4), Inches(2)).table
    for row, cells in enumerate((("Tea", "Price"), ("Longjing", "12 yuan"), ("Pu-erh", "9 yuan"))):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    third = presentation.slides.add_slide(presentation.slide_layouts[5])
    title = third.shapes.title
    group = third.shapes.add_group_shape()
    box = group.shapes.add_textbox(Inches(1), Inches(1), Inches(3), Inches(1))
    box.text_frame.text = "In winter the guests sit around the stove."
    box.text_frame.add_paragraph().text = "A storyteller speaks until midnight."
    title.text = "Winter"
    title._element.getparent().append(title._element)
    return to_bytes(presentation)


CSV = """Name;Geboren;Beruf;Bemerkung
Ada Brandt;1815;Müllerin;"mahlt ""Dinkel""; auch Roggen"

Jonas Veit;1822;Bäcker;
"""
TSV = """الاسم\tالمدينة\tالسعر
تمور الواحة\tسيوة\t45
عسل الجبل\tنزوى\t90
"""


def make_xlsx() -> bytes:
    """Return a workbook with a title above its table, number formats, a sheet of text and a hidden sheet."""
    workbook = openpyxl.Workbook()
    prices = workbook.active
    prices.title = "Prices"
    prices.append(["Prices of the harbour shop"])
    prices.append([])
    prices.append(["Item", "Price", "Since", "Share", "Total"])
    for item, price, since, share in (
        ("Lamp oil", 12.5, date(2024, 3, 1), 0.256),
        ("Rope", 1234, date(1999, 12, 31), 1),
    ):
        prices.append([item, price, since, share, "=B4*2"])
        row = prices.max_row
        prices.cell(row, 2).number_format = '#,##0.00 "kr"'
        prices.cell(row, 3).number_format = "d mmmm yyyy"
        prices.cell(row, 4).number_format = "0.0%"
    notes = workbook.create_sheet("Notes")
    notes["C7"] = "The shop closes when the ferry leaves."
    hidden = workbook.create_sheet("Secret")
    hidden.append(["The code of the safe is 4711."])
    hidden.sheet_state = "hidden"
    return to_bytes(workbook)


ODF_SPACES = " ".join(
    f'xmlns:{space}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for space, name in (
        *(
            ("office", "office"),
            ("text", "text"),
            ("table", "table"),
            ("style", "style"),
            ("draw", "drawing"),
        ),
        *(("presentation", "presentation"), ("meta", "meta")),
    )
)


def make_odf(kind: str, body: str, styles: str = "", title: str = "") -> bytes:
    """Return an OpenDocument file of a kind, such as `text`, from the XML of its body and its styles."""
    return make_zip(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": f"<office:document-content {ODF_SPACES}><office:automatic-styles>{styles}"
            f"</office:automatic-styles><office:body><office:{kind}>{body}</office:{kind}></office:body>"
            "</office:document-content>",
            "styles.xml": f"<office:document-styles {ODF_SPACES}/>",
            "meta.xml": f'<office:document-meta {ODF_SPACES} xmlns:dc="http://purl.org/dc/elements/1.1/">'
            f"<office:meta><dc:title>{title}</dc:title></office:meta></office:document-meta>",
            "settings.xml": f"<office:document-settings {ODF_SPACES}/>",
            "META-INF/manifest.xml": "<manifest/>",
        }
    )


def odf_row(*cells: str) -> str:
    """Return a table row of OpenDocument with text in its cells."""
    texts = "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in cells)
    return f"<table:table-row>{texts}</table:table-row>"


def make_odt() -> bytes:
    """Return a text with headings, a list, a note, a text box, deleted text and a table with merged cells."""
    rows = odf_row("Ticket", "Valid for", "Fare")
    return make_odf(
        "text",
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>Gone.</text:p></text:deletion>"
        "</text:changed-region></text:tracked-changes>"
        '<text:p text:style-name="P1">Die Seilbahn am Hohen Eck</text:p>'
        "<text:table-of-content><text:index-body><text:p>Fahrpreise 2</text:p></text:index-body>"
        '</text:table-of-content><text:h text:outline-level="1">Geschichte</text:h>'
        "<text:p>Die Seilbahn wurde 1937 von der Ingenieurin <text:span>Luise <text:s text:c='1'/>Amrein"
        "</text:span>"
        " gebaut.<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>Das"
        " Tragseil wiegt"
        " neun Tonnen.</text:p></text:note-body></text:note></text:p>"
        "<text:p>Die Bergstation<office:annotation><text:p>prüfen!</text:p></office:annotation> liegt hoch."
        "<draw:frame><draw:text-box><text:p>Bei Sturm fährt die Bahn nicht.</text:p></draw:text-box>"
        "</draw:frame>"
        "</text:p><text:list><text:list-item><text:p>Hunde fahren gratis.</text:p><text:list><text:list-item>"
        "<text:p>Katzen auch.</text:p></text:list-item></text:list></text:list-item></text:list>"
        '<text:h text:outline-level="2">Fahrpreise</text:h><table:table><table:table-header-rows>'
        f"{rows}</table:table-header-rows>"
        '<table:table-row><table:table-cell table:number-rows-spanned="2"><text:p>Bergfahrt</text:p>'
        "</table:table-cell><table:table-cell><text:p>Erwachsene</text:p></table:table-cell>"
        "<table:table-cell>"
        "<text:p>18 Franken</text:p></table:table-cell></table:table-row>"
        "<table:table-row><table:covered-table-cell/><table:table-cell><text:p>Kinder</text:p>"
        "</table:table-cell>"
        "<table:table-cell><text:p>7 Franken</text:p></table:table-cell></table:table-row></table:table>"
        '<text:section text:display="none"><text:p>Entwurf.</text:p></text:section>',
        '<style:style style:name="P1" style:family="paragraph" style:parent-style-name="Title"/>',
    )


def make_ods() -> bytes:
    """Return a workbook with a title above its table, repeated rows and columns, and a hidden sheet."""
    empty = '<table:table-row table:number-rows-repeated="{}"><table:table-cell/></table:table-row>'
    return make_odf(
        "spreadsheet",
        f'<table:table table:name="Marées">{odf_row("Marées du port de Brelidy")}{empty.format(2)}'
        f"{odf_row('Jour', 'Pleine mer', 'Hauteur')}{odf_row('12 août', '06:42', '9,80 m')}"
        '<table:table-row table:number-rows-repeated="2"><table:table-cell><text:p>13 août</text:p>'
        '</table:table-cell><table:table-cell table:number-columns-repeated="2"><text:p>fermé</text:p>'
        f"</table:table-cell></table:table-row>{empty.format(1048570)}</table:table>"
        f'<table:table table:name="Secret" table:style-name="ta2">{odf_row("Le code est 4711.")}'
        "</table:table>"
        '<table:table table:name="Notes"><table:table-row><table:table-cell'
        ' table:number-columns-repeated="16384"/>'
        "</table:table-row><table:table-row><table:table-cell/><table:table-cell><text:p>Le phare est"
        " gardé par"
        "</text:p><text:p>Anaïs Kerbrat.</text:p></table:table-cell></table:table-row></table:table>",
        '<style:style style:name="ta2" style:family="table"><style:table-properties table:display="false"/>'
        "</style:style>",
    )


def make_odp() -> bytes:
    """Return a presentation with a subtitle, notes, a table and a title that is not the first shape."""
    frame = (
        '<draw:frame presentation:class="{}"><draw:text-box><text:p>{}</text:p></draw:text-box></draw:frame>'
    )
    return make_odf(
        "presentation",
        f"<draw:page>{frame.format('subtitle', 'El faro de Punta Lisa cumple cien años.')}"
        f"{frame.format('title', 'Punta Lisa')}{frame.format('footer', 'Borrador')}"
        "<presentation:notes><draw:page-thumbnail/>"
        f"{frame.format('notes', 'La farera se llama Inés Quiroga.')}"
        "</presentation:notes></draw:page>"
        f"<draw:page>{frame.format('title', 'Visitas')}<draw:frame><table:table"
        " table:use-first-row-styles='true'>"
        f"{odf_row('Visita', 'Precio')}{odf_row('Torre', '6 euros')}{odf_row('Jardín', 'gratis')}"
        "</table:table>"
        '</draw:frame><draw:frame presentation:class="outline" presentation:placeholder="true">'
        "<draw:text-box>"
        "<text:p>Pulse para añadir</text:p></draw:text-box></draw:frame>"
        "<draw:g><draw:custom-shape><text:p>La torre tiene 214 peldaños.</text:p></draw:custom-shape>"
        "</draw:g>"
        "</draw:page>",
        title="El faro",
    )


RTF = r"""{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\froman\fcharset0 Times;}{\f1\fcharset204 Arial Cyr;}}
{\stylesheet{\s1\outlinelevel0 heading 1;}}{\info{\title Entwurf}{\author x}}
\pard\plain\s1\outlinelevel0\b Fahrplan\par
\pard\plain Die F\'e4hre nach S\'f8r\'f8ya f\'e4hrt um 7\~Uhr{\footnote\pard
Im Winter eine Stunde sp\'e4ter.}, ausser am 24.\~Dezember.\par
{\f1 \'cf\'f0\'e5\'ef\'ee\'e4\'ee\'e1\'ed\'fb\'e9
 \'ce\'f1\'e8\'ef \'e4\'e5\'f0\'e6\'e8\'f2 \'ea\'eb\'fe\'f7.}\par
\pard\plain\s2\outlinelevel1 Preise\par
\trowd\cellx3000\cellx6000\pard\intbl Fahrgast\cell Preis\cell\row
\trowd\cellx3000\cellx6000\pard\intbl Erwachsene\cell 90 Kronen\cell\row
\trowd\cellx3000\cellx6000\pard\intbl Kinder\cell 45 Kronen\cell\row
{\pict\pngblip 89504e470d0a1a0a}\pard\par}"""

FB2 = """<?xml version="1.0" encoding="windows-1251"?>
<FictionBook xmlns="http://www.gribuser.ru/xml/fictionbook/2.0" xmlns:l="http://www.w3.org/1999/xlink">
<description><title-info><book-title>Мельница</book-title></title-info></description>
<body><image l:href="#cover"/>
<section><title><p>Строитель</p></title>
<p>Мельницу на реке Вольне построил <emphasis>Иван Кручина</emphasis><a l:href="#n1" type="note">[1]</a>
 в 1784 году.</p><empty-line/>
<poem><stanza><v>Крутится колесо,</v><v>мелется мука.</v></stanza></poem></section>
<section><title><p>Зима</p></title><section><title><p>Лёд</p></title>
<p>Зимой мельница стоит.</p></section></section>
</body><body name="notes"><title><p>Примечания</p></title>
<section id="n1"><title><p>1</p></title><p>Кручина был родом из Полоцка.</p></section>
<section id="n2"><title><p>2</p></title><p>Примечание без ссылки.</p></section></body>
<binary id="cover" content-type="image/png">iVBORw0KGgo=</binary></FictionBook>"""


def make_fb2() -> bytes:
    return FB2.encode("cp1251")


DOCUMENTS = {
    "guide.docx": make_docx,
    "mill.html": HTML.encode,
    "observatory.epub": make_epub,
    "tea.pptx": make_pptx,
    "people.csv": CSV.encode,
    "market.tsv": TSV.encode,
    "shop.xlsx": make_xlsx,
    "boatyard.xls": (Path(__file__).parent / "sheets" / "boatyard.xls").read_bytes,
    "cable-car.odt": make_odt,
    "tides.ods": make_ods,
    "lighthouse.odp": make_odp,
    "ferry.rtf": RTF.encode,
    "mill.fb2": make_fb2,
}

if __name__ == "__main__":
    for name, make in DOCUMENTS.items():
        (Path(sys.argv[1]) / name).write_bytes(make())
