# ruff: noqa: E501, ISC004  # long texts are easier to read unbroken
"""Generate the PDF files in `printed/` with Chromium and LibreOffice. The tests read the committed files.

Run it after changing a text here: `python tests/documents/print_pdfs.py`. It needs `chromium` and `soffice`.
"""

import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import docx
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

PRINTED = Path(__file__).parent / "printed"
W_XMLNS = nsdecls("w")

BATH_HTML = """<!DOCTYPE html><html lang="de"><head><meta charset="utf-8"><title>Badeordnung Ahrental</title><style>
@page { size: A5; margin: 18mm 15mm } body { font: 11pt "Liberation Serif", serif }
.two { columns: 2; text-align: justify } td, th { padding: 2px 14px 2px 0; text-align: left }</style></head><body>
<h1>Badeordnung</h1>
<p>Das Freibad von Ahrental wurde 1928 von der Zimmerin Elfriede Kolb entworfen und öffnet jedes Jahr am ersten
Samstag im Mai. Wer schwimmen lernt, bekommt am Kiosk eine Badekappe geliehen.</p>
<h2>Preise</h2>
<table><tr><th>Wer<th>Tag<th>Saison</tr><tr><td>Erwachsene<td>3,50 Euro<td>48 Euro</tr>
<tr><td>Kinder<td>1,20 Euro<td>15 Euro</tr><tr><td>Hunde<td>verboten<td>verboten</tr></table>
<h2>Regeln</h2>
<ul><li>Vom Beckenrand springt man nur an der tiefen Seite, wo das Wasser mindestens drei Meter und achtzig tief
ist und der Bademeister zusehen kann.</li><li>Glasflaschen bleiben am Eingang.</li></ul>
<div class="two"><p>Das Wasser kommt aus dem Mühlbach und wird in zwei Kiesbecken geklärt, bevor es in das
Schwimmbecken läuft. Im Juli ist es etwa zwanzig Grad warm, nach einem Gewitter deutlich kälter.</p>
<p>Der Bademeister Ottokar Wimmer zieht die rote Fahne auf, sobald es donnert, und läutet dazu die alte
Schiffsglocke, die ein Kapitän aus Husum gestiftet hat.</p></div>
<h2 style="break-before: page">Winter</h2>
<p>Im Winter wird das Becken abgelassen und dient den Kindern als Rollschuhbahn. 😀</p></body></html>"""

WELL_HTML = """<!DOCTYPE html><html lang="ar" dir="rtl"><head><meta charset="utf-8"><title>بئر الواحة</title><style>
@page { size: A5; margin: 18mm } body { font: 14pt "DejaVu Sans" }</style></head><body>
<h1>بئر الواحة</h1>
<p>حُفر بئر الواحة في عام 1891 بأمر الشيخ منصور البحري. عمقه 42.5 مترا، ولا يجف الماء فيه إلى الآن (حتى في الصيف).</p>
<h2>الحراسة</h2><p>يحرس البئر رجل اسمه إدريس، ويقرأ كتاب Water Wells كل مساء.</p>
<div lang="he"><h2>הגשר</h2><p>הגשר מעל הוואדי נבנה בשנת 1934 על ידי המהנדסת רבקה שטרן (Stern) ואורכו 120 מטר.</p>
<p>שָׁלוֹם לְכָל הָעוֹבְרִים.</p></div></body></html>"""

CAPE_TITLE = "Маяк на Песчаном мысу"
CAPE_PARTS = (
    ("Постройка", "Маяк на Песчаном мысу построил инженер Аркадий Ветлугин в 1887 году. Башню сложили из серого "
     "камня, который привозили на баржах с другого берега залива, и поднимали наверх лебёдкой. ",
     "Работа шла только летом, потому что зимой залив замерзает и баржи не ходят. "),
    ("Служба", "Смотритель зажигает лампу за полчаса до заката. ",
     "Каждое утро он записывает в журнал погоду, высоту волн и имена судов, прошедших мимо мыса. "),
)  # fmt: skip
CAPE_END = "Последнюю керосиновую лампу погасили в 1961 году, и с тех пор свет электрический."


def make_cape() -> docx.document.Document:
    """Return a document with a running head, page numbers, and sentences that continue over pages."""
    document = docx.Document()
    document.core_properties.title = CAPE_TITLE
    section = document.sections[0]
    section.header.paragraphs[0].text = "Записки о маяках"
    section.footer.paragraphs[0]._p.append(parse_xml(f'<w:fldSimple {W_XMLNS} w:instr="PAGE"/>'))
    for heading, first, more in CAPE_PARTS:
        document.add_heading(heading, 1)
        paragraph = document.add_paragraph(first + more * 14)
        paragraph.alignment = WD_ALIGN_PARAGRAPH.JUSTIFY
        for number in range(8):
            document.add_paragraph(f"Запись {number + 1}: {more}", style="List Bullet")
    document.add_heading("Конец", 2)
    document.add_paragraph(CAPE_END)
    return document


def make_note() -> docx.document.Document:
    document = docx.Document()
    document.add_paragraph("The key of the boathouse hangs behind the stove.")
    return document


def print_html(page: str, name: str) -> None:
    with TemporaryDirectory() as folder:
        source = Path(folder) / "page.html"
        source.write_text(page, encoding="utf-8")
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
        outline = "--generate-pdf-document-outline"
        subprocess.run([*command, outline, f"--print-to-pdf={PRINTED / name}", str(source)], check=True)


def print_document(document: docx.document.Document, name: str, **options: str | bool) -> None:
    values = {
        key: {"type": "boolean" if isinstance(value, bool) else "string", "value": value}
        for key, value in options.items()
    }
    with TemporaryDirectory() as folder:
        source = Path(folder) / Path(name).with_suffix(".docx").name
        document.save(str(source))
        kind = f"pdf:writer_pdf_Export:{json.dumps(values)}"
        subprocess.run(
            ["soffice", "--headless", "--convert-to", kind, "--outdir", str(PRINTED), str(source)], check=True
        )


if __name__ == "__main__":
    print_html(BATH_HTML, "bath.pdf")
    print_html(WELL_HTML, "well.pdf")
    print_document(make_cape(), "cape.pdf", ExportBookmarks=True)
    print_document(make_note(), "locked.pdf", EncryptFile=True, DocumentOpenPassword="7319")
    print_document(make_note(), "restricted.pdf", RestrictPermissions=True, PermissionPassword="7319")
