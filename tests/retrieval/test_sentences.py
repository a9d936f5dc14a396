import tomllib
from importlib.resources import files
from itertools import pairwise

import pytest
import regex
import sentencex
from hypothesis import example, given
from hypothesis import strategies as st

from retrieval.sentences import pieces

TEXT = st.text(
    st.sampled_from(
        [
            *"aB.,;!? \n\t",
            "。",
            "、",
            "字",
            "か",
            "ا",
            "؟",
            "😀",
            "🏽",
            "\u0301",
            "\u200b",
            "\u200d",
            "ก",
            "ำ",
            "\x1c",
            *"\u00a0\u2003\u202f\u3000\u2028",
            "K",
        ]
    )
    | st.characters(exclude_categories=["Cs"]),
    max_size=120,
)
LANGUAGES = st.sampled_from(["en", "ru", "ar", "zh", "ja", "hi", "th", "tr", "my", "km", "sw", "xx"])


def texts(text: str, max_chars: int = 300, language: str = "en") -> list[str]:
    return [piece.of(text) for piece in pieces(text, language, max_chars)]


def test_sentences() -> None:
    """Sentences do not include the space between them."""
    assert ["Dr. Smith came.", "He left at 5.30 😀.", "Why?"] == texts(
        "Dr. Smith came.  He left at 5.30 😀. Why? "
    )


def test_spaces_after_abbreviations() -> None:
    """Text on which sentencex panics, a no-break space after an abbreviation, is split like any other."""
    text = "Corning\u00a0Japan\u00a0K\u00a0.\u00a0K\u00a0. Japan\u00a0makes glass.\u00a0It is clear."
    with pytest.raises(BaseException, match="not a char boundary"):
        sentencex.get_sentence_boundaries("en", text)
    assert ["It is clear."] == texts(text)[-1:]


class Panic(BaseException):
    """Like the exception of a panic in a Rust library."""


def test_plain_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text on which sentencex fails is split after full stops."""

    def panic(language: str, text: str) -> list[dict[str, int]]:
        raise Panic(language, text)

    monkeypatch.setattr(sentencex, "get_sentence_boundaries", panic)
    assert ['It is "cold."', "Is it 5.30?", "是的。", "Yes"] == texts('It is "cold." Is it 5.30? 是的。Yes')


def test_long_sentence() -> None:
    """A long sentence is split at clauses, then at spaces."""
    clause = "and the keeper of the lighthouse wrote it all down, "
    assert [clause.strip()] * 6 == texts(clause * 6, 60)
    assert all(len(text) <= 60 and not text.startswith("ord") for text in texts("word " * 60, 60))


def test_one_long_word() -> None:
    """A long word is split between graphemes only."""
    word = "e\u0301" * 5000
    parts = texts(word, 301)
    assert word == "".join(parts)
    assert all(len(part) <= 301 and not part.startswith("\u0301") for part in parts)


@given(text=TEXT, language=LANGUAGES, max_chars=st.integers(1, 60))
@example(text="a. \u0301b", language="en", max_chars=300)
@example(text="\u0301" * 50, language="en", max_chars=10)
def test_pieces(text: str, language: str, max_chars: int) -> None:
    """Pieces cover all but space in order, are bounded and stripped, and split no grapheme that fits."""
    spans = pieces(text, language, max_chars)
    assert "".join(text.split()) == "".join("".join(piece.of(text).split()) for piece in spans)
    assert all(a.end <= b.start for a, b in pairwise(spans))
    grapheme_bounds = {position for match in regex.finditer(r"\X", text) for position in match.span()}
    longest_grapheme = max((len(grapheme) for grapheme in regex.findall(r"\X", text)), default=0)
    for piece in spans:
        assert 0 < len(piece) <= max_chars
        assert piece.of(text) == piece.of(text).strip()
        for edge in (piece.start, piece.end):
            beside_space = text[edge - 1 : edge].isspace() or text[edge : edge + 1].isspace()
            assert edge in grapheme_bounds or beside_space or longest_grapheme > max_chars


def test_list_item_numbers() -> None:
    """The number of a list item stays with its text."""
    text = "Call first.\n\n1. Close the valve.\n\n2. Open the door. Leave.\n\n3."
    assert ["Call first.", "1. Close the valve.", "2. Open the door.", "Leave.", "3."] == texts(text)


def test_long_list_items() -> None:
    """The number of a long list item stays with its first clause, also below another number."""
    clause = "Close the valve of the tank behind the pump and wait, "
    assert f"4. {clause.strip()}" == texts(f"4. {clause * 3}", 80)[0]
    assert ["1. (1) Close it.", "2.3. Open it."] == texts("1. (1) Close it.\n\n2.3. Open it.")


def test_list_in_a_sentence() -> None:
    """The first number of a list in running text stays with its item, too."""
    assert ["Steps: 1. Open it.", "2. Close it."] == texts("Steps: 1. Open it. 2. Close it.")


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Die Schlüssel liegen bei Jörg, 2. Stock links.|Bitte klingeln."),
        ("de", "Das Büro ist im 1. OG.|Der Kurs beginnt am 3. Mai.|Er endet im 4. Quartal."),
        ("de", "Der Verleih des 1. Augsburger Preises war gestern.|Siehe S. 12 und Abs. 2."),
        ("de", "Es kostet ca. 20 € inkl. MwSt. und Porto.|Nimm z. B. Nr. 5.|Sa. geschlossen."),
        ("en", "It costs approx. 20 pounds incl. VAT.|See vol. 2 and ch. 3.|Open Mon. to Fri. from 9 to 5."),
        ("es", "Traiga, p. ej. un martillo, al piso n.º 3.|Cuesta aprox. 20 €.|Vea el art. 5 y la pág. 2."),
        ("fr", "Selon l'art. 5 et le no. 6.|Voir le chap. 2 du tome.|Appelez Mme. Durand."),
        ("ru", "Живёт на ул. Ленина, д. 5, кв. 12.|Это важно, т. е. нужно.|См. рис. 3 и табл. 2."),
        ("uk", "Живе на вул. Шевченка, буд. 5, оф. 2.|Див. табл. 2 і рис. 3.|Коштує 5 тис. грн."),
        ("tr", "Atatürk Cad. No. 5, 2. kat.|Ama 4. madde geçerli.|Toplantı 5. Katta yapılır.|Bkz. s. 12."),
        ("ar", "يقع المكتب في ص. 12 من الدليل.|انتهى الأمر."),
        ("zh", "见第3.2节。|然后关闭。"),
        ("pl", "Zgodnie z art. 5 ust. 2 pkt. 3 ustawy.|Reforma była w 2023 r. wiosną.|Są tzw. kanały."),
        ("pt", "Veja a pág. 12 e o vol. 3.|Fica na Av. Brasil n.º 5."),
        ("pt", "Cf. art. 5.º, al. b) do Dec.-Lei n.º 10.|Fica na R. Direita."),
        ("it", "Si applica il d.lgs. n. 196.|La quota è di ca. 20 euro."),
        ("nl", "Dit geldt t.e.m. 5 jan. 2025.|Daarna niet."),
        ("en", "Type sudo ./install.sh now.|Then ./Seafile-9.0.7.AppImage starts.|It is done."),
        ("de", "Wir haben Milch.|- Brot.|- Salz."),
    ],
)
def test_abbreviations(language: str, text: str) -> None:
    """Abbreviations and ordinals end no sentence."""
    assert text.split("|") == texts(text.replace("|", " "), language=language)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Anna war die Beste, er kam als 2.|Danach kam Jörg."),
        ("de", "Die Frist läuft bis zum 5.|Danach ist es zu spät.|Er wohnt in Zimmer 12.|Es ist groß."),
        ("en", "He moved to Los Angeles, CA.|The house is new.|Open Mon. to Fri.|Closed on Sunday."),
        ("en", "Add two tbsp.\n3. Stir it.|Nobody came."),
        ("ru", "См. рис. 2.|Затем нажмите кнопку."),
        ("tr", "Kapı no 5.|Katılım ücretsizdir."),
    ],
)
def test_full_stops(language: str, text: str) -> None:
    """A full stop after a number or an abbreviation ends a sentence where a new one begins."""
    expected = [line for part in text.split("|") for line in part.split("\n")]
    assert expected == texts(text.replace("|", " "), language=language)


def test_listed_abbreviations() -> None:
    """Each word is listed once, in lower case and without its last full stop."""
    tables = tomllib.loads(files("retrieval").joinpath("abbreviations.toml").read_text(encoding="utf-8"))
    for language, table in tables.items():
        words = [word for group in table.values() for word in group.split()]
        groups = {group: set(listed.split()) for group, listed in table.items()}
        shared = set() if language == "any" else set(" ".join(tables["any"].values()).split())
        assert words == [word.lower().removesuffix(".") for word in words]
        assert not groups.get("inside", set()) & groups.get("may_end", set())
        assert not (groups.get("inside", set()) | groups.get("may_end", set())) & shared
        assert not groups.get("counted", set()) & groups.get("beginnings", set())
