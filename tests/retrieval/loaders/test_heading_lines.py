from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.loaders.chunking import split_passages
from retrieval.loaders.heading_lines import TextLine, find_headings
from retrieval.loaders.text.plain_text import load

PLAIN = Path(__file__).parents[2] / "documents" / "plain"


def outline(text: str) -> list[str]:
    """Return the headings of a text, indented by their level."""
    return ["  " * (heading.level - 1) + heading.text for heading in load(text.encode(), "a.txt").headings]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HOUSE RULES\n1. Quiet hours\nFrom 10 pm to 7 am.\n2. Pets\nDogs need a leash.\n",
         ["HOUSE RULES", "  1. Quiet hours", "  2. Pets"]),
        (("BYLAWS\n\nARTICLE I\nNAME\n\nThe name is Harbour Club.\n\nARTICLE II – MEMBERSHIP\n\n"
         "All may join.\n"),
         ["BYLAWS", "  ARTICLE I NAME", "  ARTICLE II – MEMBERSHIP"]),
        ("Section 4: Rent\nIt is 900 pounds.\n\nSection 5: Pets\nOne cat is allowed.\n",
         ["Section 4: Rent", "Section 5: Pets"]),
        (("Satzung\n\n§ 1 Name\nDer Verein heißt Anker.\n\n§ 2 Zweck\n(1) Er fördert das Rudern.\n"
         "(2) Er ist selbstlos.\n"),
         ["Satzung", "  § 1 Name", "  § 2 Zweck"]),
        ("1. Teil: Miete\n\nDie Miete beträgt 900 Euro.\n\n2. Teil: Kaution\n\nSie beträgt 1800 Euro.\n",
         ["1. Teil: Miete", "2. Teil: Kaution"]),
        (("Hausordnung\n\n1. Müll\nEr wird montags abgeholt.\n\n2. Flur\nEr ist freizuhalten.\n\n"
         "Waschküche\nSie ist von 8 bis 20 Uhr offen.\n"),
         ["Hausordnung", "  1. Müll", "  2. Flur", "  Waschküche"]),
        (("1. Waste\nIt is collected on Mondays.\n\n2. Hall\nKeep it clear.\n\nYour landlord\n"
         "Anna Berg\n"),
         ["1. Waste", "2. Hall"]),
        (("House rules\n\nPets\nDogs need a leash.\n\nWaste\nBins go out on Monday.\n\nHall\n"
         "Keep it clear.\n"),
         ["House rules", "  Pets", "  Waste", "  Hall"]),
        (("The hill\n\nThe hill is high above the town\nand green.\n\nThe town is near below the hill\n"
         "and grey.\n\nThe hill is near\nand green.\n"),
         ["The hill"]),
        ("Раздел 1. Тишина\nШуметь нельзя с 23 до 7 часов.\n\nРаздел 2. Гости\nПускают с 12 до 22 часов.\n",
         ["Раздел 1. Тишина", "Раздел 2. Гости"]),
        ("Розділ 1. Тиша\nТиша з 22 до 7 години.\n\nРозділ 2. Тварини\nСобаки лише на повідку.\n",
         ["Розділ 1. Тиша", "Розділ 2. Тварини"]),
        ("Artículo 1.º Renta\nLa renta es de 900 euros.\n\nArtículo 2.º Fianza\nEs de un mes.\n",
         ["Artículo 1.º Renta", "Artículo 2.º Fianza"]),
        (("// Article 1 - Nom\n\nElle se nomme Phare.\n\n// Article 2 : les membres\n\n"
         "Tous peuvent adhérer.\n"),
         ["Article 1 - Nom", "Article 2 : les membres"]),
        ("Madde 1 - Kira\nAylık kira 9.000 liradır.\n\nMadde 2 - Depozito\nİki aylık kiradır.\n",
         ["Madde 1 - Kira", "Madde 2 - Depozito"]),
        ("المادة 1: الإيجار\nالإيجار الشهري 900 دينار.\n\nالمادة 2: التأمين\nمبلغ التأمين شهران.\n",
         ["المادة 1: الإيجار", "المادة 2: التأمين"]),
        ("第一条 租金\n每月租金为3000元。\n\n第二条 宠物\n不得饲养宠物。\n", ["第一条 租金", "第二条 宠物"]),
        ("一、作息时间\n每天22点熄灯。\n\n二、卫生\n每周打扫一次。\n", ["一、作息时间", "二、卫生"]),
        ("Club\n====\n\nMembers\n-------\nAll may join.\n\n*** Fees ***\n\nThe fee is 20 euros a year.\n",
         ["Club", "  Members", "    Fees"]),
        ("RENT\n\nThe rent is 900 pounds.\n\nPETS\n\nOne cat is allowed.\n", ["RENT", "PETS"]),
        ("Lease\n\nDeposit:\nIt is 900 pounds.\n\nPets:\nOne cat is allowed.\n",
         ["Lease", "  Deposit", "  Pets"]),
        (("A. General\n\nAll are equal.\n\nB. Fees\n\nDue in May.\n\nC. Exit\n\nWrite to us.\n\n"
         "D. End\n\nNone.\n"),
         ["A. General", "B. Fees", "C. Exit", "D. End"]),
        (("1. Grants\n\n1.1. Scope\n\nIt is wide.\n\n1.2. Date\n\nIt begins now.\n\n2. Duties\n\n"
         "There are none.\n"),
         ["1. Grants", "  1.1. Scope", "  1.2. Date", "2. Duties"]),
        ("Part 1\n\nArticle 1 - Form\n\nA club.\n\nPart 2\n\nChapter 1\n\nArticle 2 - Duties\n\nNone.\n",
         ["Part 1", "    Article 1 - Form", "Part 2", "  Chapter 1", "    Article 2 - Duties"]),
    ],
)  # fmt: skip
def test_headings(text: str, expected: list[str]) -> None:
    """Numbered, underlined and capital lines and those with a colon are headings, in any language."""
    assert expected == outline(text)


@pytest.mark.parametrize(
    "text",
    [
        ("Do this:\n\n1. Open the lid and remove the tray.\n2. Wash the tray with warm water\n"
        "3. Put it back\n\nDone.\n"),
        "We need this.\n\n1. Milk\n\n2. Eggs\n\n3. Bread\n\nfrom the market, please.\n",
        ("Proceed so.\n\n1. Create a small example that shows how the machine\n   fails.\n"
        "2. Send it to us with the number of the machine that\n   failed.\n"),
        "1. Januar: Neujahr\n6. Januar: Heilige Drei Könige\n1. Mai: Tag der Arbeit\n",
        "§ 1 Hunde sind an der Leine zu führen\n§ 2 Rauchen ist verboten\n§ 3 Ab 22 Uhr ist Ruhe\n",
        ("We met in Section 5 of the park, which is near\n"
        "Section 6 of the old road and the mill. It was\nPart 2 of the walk.\n"),
        ("Anna Schmidt\nHauptstraße 12\n10115 Berlin\n\n12. Mai 2023\n\nLiebe Tante,\n\n"
        "ich komme am Montag.\n"),
        ("Item        Price    Unit\n------------------------\nFlour       1.20     kg\n"
        "Sugar       0.90     kg\n"),
        ("It is sold as is.\n\nTHIS IS PROVIDED WITHOUT\nWARRANTY OF ANY KIND\nEXPRESS OR IMPLIED\n"
        "OR ELSE\n\nUse it well.\n"),
        "The list is here.\n\nThe officers of the club are:\nPresident\nTreasurer\n",
        ("I began.\n\nAnna:\nHello there.\n\nBen:\nFine, and you?\n\nAnna:\nGood.\n\nBen:\n"
        "At nine.\n\nAnna:\nYes.\n"),
        "第一条 租金为每月3000元。\n第二条 不得饲养宠物。\n第三条 押金为6000元。\n",
    ],
)  # fmt: skip
def test_no_headings(text: str) -> None:
    """Items of lists, sentences, dates, addresses, tables, speakers and shouted paragraphs are none."""
    assert [] == outline(text)


def test_table_of_contents() -> None:
    """The entries of a table of contents are not headings, and can be quoted."""
    text = "1. Rent\n2. Pets\n3. Keys\n\n1. Rent\n\nIt is 900.\n\n2. Pets\n\nOne cat.\n\n3. Keys\n\nFive.\n"
    document = load(text.encode(), "a.txt")
    assert ["1. Rent", "2. Pets", "3. Keys"] == [heading.text for heading in document.headings]
    assert ["1. Rent", "2. Pets", "3. Keys"] == [block.of(text) for block in document.blocks[:3]]


def test_misread_paragraph_signs() -> None:
    """OCR takes the paragraph sign for others; the numbers show that these lines are headings."""
    lines = [
        "$1 Name",
        "Er heißt Anker.",
        "52 Zweck",
        "Er fördert das Rudern.",
        "&$ 3 Boote",
        "Sie bleiben an Land.",
        "4 Haus",
        "Offen.",
    ]
    found = find_headings([TextLine(line, is_apart=True) for line in lines])
    assert ["$1 Name", "52 Zweck", "&$ 3 Boote", "4 Haus"] == [heading.text for heading in found]


def test_bold() -> None:
    """A short bold line before one that is not bold is a heading."""
    lines = [TextLine("Rent", is_apart=True, bold_chars=4), TextLine("It is 900 pounds.", is_apart=True)]
    assert ["Rent"] == [heading.text for heading in find_headings(lines)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (("LEASE\n\n1. Rent. The rent is 900 euros a month and is due on\nthe first day of it.\n\n"
         "2. Use of Premises. No trade is carried on in the flat.\n\n3. Pets. One cat may be kept.\n"),
         ["LEASE", "  1. Rent", "  2. Use of Premises", "  3. Pets"]),
        (("1. Rent: The rent is 900 euros a month.\n2. Late payment: A fee of 20 euros is due.\n"
         "3. Pets – no dogs are allowed in the house.\n"),
         ["1. Rent", "2. Late payment", "3. Pets"]),
        ("Section 4. Rent. It is 900 pounds.\n\nSection 5. Pets. One cat is allowed.\n",
         ["Section 4. Rent", "Section 5. Pets"]),
        ("§ 1 Miete. Die Miete beträgt 900 Euro.\n\n§ 2 Kaution. Sie beträgt 1800 Euro.\n",
         ["§ 1 Miete", "§ 2 Kaution"]),
        ("1. Аренда. Плата составляет 9000 рублей.\n\n2. Залог. Он равен плате за два месяца.\n",
         ["1. Аренда", "2. Залог"]),
        ("一、租金：每月租金为3000元，按月支付。\n二、押金：押金为6000元，退房时退还。\n",
         ["一、租金", "二、押金"]),
        ("1. Rent\nIt is 900.\n2. Pets. One cat may be kept.\n3. Keys\nThere are five.\n",
         ["1. Rent", "2. Pets", "3. Keys"]),
    ],
)  # fmt: skip
def test_run_in_headings(text: str, expected: list[str]) -> None:
    """The first words of numbered paragraphs are headings, and can still be quoted with what follows."""
    assert expected == outline(text)
    document = load(text.encode(), "a.txt")
    run_ins = [own for own in document.headings if any(own.span.start == b.start for b in document.blocks)]
    assert run_ins
    assert all(own.span.of(text).rstrip(".:：– ") == own.text for own in run_ins)
    passages = {passage.heading[-1]: passage.text for passage in split_passages(document) if passage.heading}
    assert all(passages[own.text].startswith(own.text) for own in run_ins)


@pytest.mark.parametrize(
    "text",
    [
        ("Proceed so:\n\n1. Open the lid. Then remove the tray.\n2. Wash the tray with water. Use soap.\n"
         "3. Put the tray back. Close the lid again.\n"),
        "1. Dr. Smith will see you at nine.\n\n2. Mr. Jones will come later on Monday.\n",
        "1. Milk: two litres\n2. Eggs: a dozen\n3. Bread: one loaf of rye\n",
        "1. Is it open? Yes, from nine to five.\n2. Is it free? No, it costs four crowns.\n",
        "1. Note. The shop is closed.\n2. Note. The shop is open again.\n3. Note. It is closed.\n",
        "4. Rent. The rent is 900 euros a month.\n",
    ],
)  # fmt: skip
def test_no_run_in_headings(text: str) -> None:
    """Steps of several sentences, abbreviations, entries of lists, questions and refrains are none."""
    assert [] == outline(text)


def test_bold_run_in_headings() -> None:
    """Titles in bold type at the start of paragraphs are headings; words of sentences and labels are none."""
    paragraphs = [
        ("HOUSE RULES", 0),
        ("Rent. It is 900 pounds a month.", 5),
        ("Pets – one cat may be kept here.", 4),
        ("All are equal here.", 3),
        ("Telephone: 555 123 456", 10),
    ]
    found = find_headings([TextLine(text, is_apart=True, bold_chars=bold) for text, bold in paragraphs])
    assert ["HOUSE RULES", "Rent", "Pets"] == [heading.text for heading in found]
    assert [0, 5, 4] == [heading.run_in_chars for heading in found]


@pytest.mark.parametrize(
    ("name", "count", "heading", "words"),
    [
        ("lease.txt", 11, ("RESIDENTIAL LEASE", "3. Deposit"), "returned within fourteen days"),
        ("satzung.txt", 11, ("Satzung des Rudervereins Kleinhafen e. V.", "§ 4 Beiträge"), "am 1. März"),
        ("pravila.txt", 10, ("ПРАВИЛА ПРОЖИВАНИЯ В ОБЩЕЖИТИИ № 4", "Раздел 5. Животные"), "лишь рыбок"),
    ],
)
def test_sections_of_documents(name: str, count: int, heading: tuple[str, ...], words: str) -> None:
    """Each section of a lease, of bylaws and of house rules is a passage of its own with its heading."""
    document = load((PLAIN / name).read_bytes(), name)
    passages = list(split_passages(document))
    assert count == len({passage.heading for passage in passages if len(passage.heading) > 1})
    assert [heading] == [passage.heading for passage in passages if words in passage.text]
    assert all(passage.text == passage.span.of(document.text) for passage in passages)


@given(
    st.lists(
        st.sampled_from(
            [
                *("", "1. A", "2. B", "B:", "CAPS HERE", "----", "§ 3 C", "It is so.", "x y", "第一条", "|"),
                *("1. Rent. It is due on the first.", "2. Pets. One cat may be kept.", "3. Keys"),
            ]
        )
    )
)
def test_all_words_are_kept(lines: list[str]) -> None:
    """Each line is in a heading or in a block, in none twice, and each heading has text below it."""
    text = "\n".join(lines)
    document = load(text.encode(), "a.txt")
    apart = [own.span for own in document.headings if all(own.span.start != b.start for b in document.blocks)]
    spans = sorted([*document.blocks, *apart])
    assert all(before.end <= after.start for before, after in pairwise(spans))
    kept = "".join(span.of(text) for span in spans)
    assert "".join(filter(str.isalnum, text)) == "".join(filter(str.isalnum, kept))
    if document.headings:
        assert document.blocks[-1].start >= document.headings[-1].span.start
