"""Every format end to end: from a folder of documents and a question to a quote and its location."""

import subprocess
import sys
from pathlib import Path

import pytest

from bot.i18n.texts import texts_for
from bot.views.message import location_text
from retrieval.documents.local_library import LocalLibrary
from tests.documents import samples, text_samples
from tests.retrieval.corpus import library_passages

pytestmark = pytest.mark.slow

QUESTIONS = [
    ("guide.docx", "Who built the lighthouse on Skerry?", "Margaret Holloway",
     "The Skerry Light, under “History”, paragraph 1"),
    ("guide.docx", "How high is the tower?", "thirty-two metres",
     "The Skerry Light, under “History”, paragraph 1"),
    ("guide.docx", "To whom was the horn sold?", "brass band",
     "The Skerry Light, under “History”, paragraph 1"),
    ("guide.docx", "How much is it in summer?", "4 crowns",
     "The Skerry Light, under “Opening hours”, paragraph 9"),
    ("mill.html", "Wem gehört die Wassermühle in Ahrental?", "Brandstetter",
     "Die Mühle von Ahrental, paragraph 1"),
    ("mill.html", "Was kostet das Dinkelbrot?", "5,10 Euro",
     "Die Mühle von Ahrental, under “Backtage”, paragraph 5"),
    ("observatory.epub", "Кто основал обсерваторию на Синей горе?", "Павел Лебедев",
     "Обсерватория на Синей горе, chapter “Основание”"),
    ("observatory.epub", "Сколько весит телескоп?", "двенадцать тонн",
     "Обсерватория на Синей горе, chapter “Основание”, under “Телескоп”"),
    ("observatory.epub", "Кто выключает фонари ночью?", "сторож",
     "Обсерватория на Синей горе, chapter “Ночные правила”"),
    ("tea.pptx", "茶馆早上几点开门？", "六点", "青石桥茶馆, slide 1"),
    ("tea.pptx", "What does Longjing tea cost?", "12 yuan", "青石桥茶馆, under “Tea and prices”, slide 2"),
    ("people.csv", "Welchen Beruf hatte Jonas Veit?", "Bäcker", "people, row 4"),
    ("market.tsv", "ما سعر عسل الجبل؟", "90", "market, row 3"),
    ("shop.xlsx", "What is the price of lamp oil?", "12.50 kr", "shop, sheet “Prices”, row 4"),
    ("boatyard.xls", "What is the fee for scraping the hull?", "12.50 kr", "boatyard, sheet “Fees”, row 4"),
    ("ferry.srt", "Who built the ferry?", "Brandt shipyard", "ferry, at 00:12:31"),
    ("harbour.vtt", "How much does the crane lift?", "forty tons", "Harbour tour, at 00:00:02"),
    ("tides.ipynb", "When was the gauge calibrated?", "in 2019", "Tides at Skerry, cell 1"),
    ("tides.ipynb", "How high was the level on Monday?", "4.75", "Tides at Skerry, cell 3"),
    ("signal.rst", "When was the mast struck by lightning?", "in 1988",
     "Signal station, under “Equipment”, lines 20–48"),
    ("signal.rst", "What does the red flag mean?", "storm", "Signal station, under “Equipment”, lines 20–48"),
    ("berths.json", "Who owns the Alma?", "Ida Falk", "berths, record 1"),
    ("harbour.jsonl", "Who pays the dues?", "The captain", "harbour, record 2"),
    ("ferries.yaml", "When does the ferry from Storholm depart?", "17:45",
     "Island ferries, under “routes”, record 2"),
    ("bell.eml", "Where was the bell cast?", "Lübeck in 1788",
     "Re: The bell of the Lighthouse, message of 2024-03-05"),
    ("horn.mbox", "What replaced the fog horn in 1967?", "an electric one",
     "horn, under “Re: Fog horn”, message 2 of 2024-03-05"),
    ("storm.org", "Who is the harbour master?", "Sven Aas", "Storm log, under “Winter”, lines 10–16"),
    ("pilot.adoc", "What does a green light mean?", "Pilot aboard",
     "Pilot's handbook, under “Signals”, lines 12–37"),
    ("shop.xlsx", "When does the shop close?", "ferry leaves", "shop, sheet “Notes”, row 7"),
    ("cable-car.odt", "Wer hat die Seilbahn gebaut?", "Luise",
     "Die Seilbahn am Hohen Eck, under “Geschichte”, paragraph 1"),
    ("cable-car.odt", "Was kostet die Bergfahrt für Kinder?", "7 Franken",
     "Die Seilbahn am Hohen Eck, under “Geschichte › Fahrpreise”, paragraph 7"),
    ("tides.ods", "À quelle heure est la pleine mer le 12 août ?", "06:42",
     "tides, sheet “Marées”, row 5"),
    ("tides.ods", "Par qui le phare est-il gardé ?", "Anaïs Kerbrat", "tides, sheet “Notes”, row 2"),
    ("lighthouse.odp", "¿Cómo se llama la farera?", "Inés Quiroga",
     "El faro, under “Punta Lisa”, slide 1"),
    ("lighthouse.odp", "¿Cuántos peldaños tiene la torre?", "214",
     "El faro, under “Visitas”, slide 2"),
    ("ferry.rtf", "Um wieviel Uhr fährt die Fähre nach Sørøya?", "7", "Fahrplan, paragraph 1"),
    ("ferry.rtf", "Wie viele Kronen zahlen Kinder als Fahrgast?", "45 Kronen",
     "Fahrplan, under “Preise”, paragraph 4"),
    ("mill.fb2", "Кто построил мельницу на реке Вольне?", "Иван Кручина",
     "Мельница, chapter “Строитель”"),
    ("mill.fb2", "Когда мельница стоит?", "Зимой", "Мельница, chapter “Зима”, under “Лёд”"),
]  # fmt: skip
SLIDES = (".pptx", ".odp")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> LocalLibrary:
    """Return a library opened from the saved index, after checking it against the one that built it."""
    folder, saved = tmp_path_factory.mktemp("documents"), tmp_path_factory.mktemp("index")
    for name, document in {**samples.DOCUMENTS, **text_samples.DOCUMENTS}.items():
        (folder / name).write_bytes(document())
    first = LocalLibrary.open(folder, index_dir=saved)
    second = LocalLibrary.open(folder, index_dir=saved)
    # The mail's attachment is cut short.
    assert ["bell.eml/bell.pdf"] == [problem.name for problem in first.problems]
    assert library_passages(first) == library_passages(second)
    return second


@pytest.mark.parametrize(("name", "question", "words", "expected"), QUESTIONS)
async def test_questions(name: str, question: str, words: str, expected: str, library: LocalLibrary) -> None:
    """The first quote is from the right document, has the answer and a readable location."""
    answer = await library.answer(question)
    assert answer.certainty != "none"
    best = answer.citations[0]
    assert name == best.document_name
    assert words in best.quote
    assert expected == location_text(best.title, best.locator, texts_for("en"))


async def test_page_numbers(library: LocalLibrary) -> None:
    """`page` is the number of a slide, and None for rows and chapters."""
    best = [(await library.answer(question)).citations[0] for _, question, *_ in QUESTIONS]
    pages = {
        cited.document_name: cited.locator.page for cited in best if not cited.document_name.endswith(SLIDES)
    }
    assert {None} == set(pages.values())
    assert [1, 2, 1, 2] == [cited.locator.page for cited in best if cited.document_name.endswith(SLIDES)]


def test_lazy_imports(tmp_path: Path) -> None:
    """Plain text is read without importing the libraries of other formats."""
    (tmp_path / "a.txt").write_text("It opens at nine.")
    code = (
        "import sys; from pathlib import Path; from retrieval.documents.local_library import LocalLibrary;"
        f"LocalLibrary.open(Path({str(tmp_path)!r}));"
        "print({'docx', 'pptx', 'openpyxl', 'lxml', 'selectolax', 'xml.etree'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "set()" == done.stdout.strip()
