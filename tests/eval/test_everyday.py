"""The everyday questions are what their README says, and their figures mean what it says."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from retrieval.documents.library import Library
from retrieval.model import Answer, Citation, Locator, Passage, Span
from tests.eval import everyday, limits, pages
from tests.eval.measures import Outcome, Question, Reliability, ask, figures, questions, reliability
from tests.eval.report import Measured, report
from tests.eval.sources import EVERYDAY, Collection, Source, digest, problems, read, sha256

COLLECTIONS = read()
KINDS = {"fact", "howto", "definition", "yesno", "keyword", "list", "where", "table", "absent"}
README = " ".join((Path(__file__).parent / "README.md").read_text(encoding="utf-8").split())


def _rows(name: str) -> Sequence[dict[str, Any]]:
    return [
        json.loads(line) for line in (EVERYDAY / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    ]


def _answer(*quotes: str, answered: bool = True, confidence: float = 0.5) -> Answer:
    citations = [_citation(rank, quote) for rank, quote in enumerate(quotes, 1)]
    return Answer("?", "sure" if answered else "none", confidence, tuple(citations))


def _citation(rank: int, quote: str, document: str = "a.txt", page: int | None = None) -> Citation:
    span = Span(0, len(quote))
    passage = Passage("id", document, "A", span, quote, (), 1, 1, "en", page)
    locator = Locator(None, page, 1, 1, 1)
    return Citation(rank, document, "A", span, quote, (), 1.0, locator, passage)


def _question(*answers: str, is_foreign: bool = False) -> Question:
    return Question("a", "how long?", answers, "en", "fact", is_foreign)


def _figures(*outcomes: tuple[Question, Answer]) -> dict[str, float | None]:
    return figures([Outcome(question, answer) for question, answer in outcomes])


@pytest.mark.parametrize("collection", COLLECTIONS, ids=lambda one: one.name)
def test_questions_are_well_formed(collection: Collection) -> None:
    """Each line has a question that no other has, its language and kind, and answers unless it is absent."""
    rows = _rows(collection.name)
    assert len(rows) == len({row["question"] for row in rows})
    for row in rows:
        keys = {"question", "answers", "language", "kind"}
        assert keys | ({"document", "pages"} & row.keys()) == set(row)
        assert row["question"].strip()
        assert len(row["language"]) == 2
        assert row["kind"] in KINDS
        assert ([] == row["answers"]) == (row["kind"] == "absent")
        assert all(answer.strip() for answer in row["answers"])
        assert len(row["answers"]) == len(set(row["answers"]))
        assert row.get("document") in {None, *collection.sums}
        assert all(page > 0 for page in row.get("pages", []))


def test_every_file_of_questions_has_its_sources() -> None:
    """Questions without documents, or documents without questions, measure nothing."""
    assert {one.name for one in COLLECTIONS} == {path.stem for path in EVERYDAY.glob("*.jsonl")}
    assert len(COLLECTIONS) == len({one.name for one in COLLECTIONS})


def test_half_of_the_collections_may_be_fitted_to() -> None:
    """There are six to fit to and seven to report on."""
    assert {"fit": 6, "report": 7} == Counter(one.part for one in COLLECTIONS)


def test_the_sets_are_as_large_as_the_readme_says() -> None:
    """There are more than 300, and more than 40 in another language than their documents."""
    asked = [question for one in COLLECTIONS for question in questions(one)]
    absent = sum(not question.answers for question in asked)
    foreign = sum(question.is_foreign for question in asked)
    assert len(asked) > 300
    assert foreign > 40
    assert (
        f"{len(asked)} questions, {absent} of them without an answer, {foreign} in another language" in README
    )


@pytest.mark.parametrize("collection", COLLECTIONS, ids=lambda one: one.name)
def test_a_fifth_has_no_answer(collection: Collection) -> None:
    """A fifth of the questions is not answered by the documents; of those about reports a tenth."""
    share = sum(not row["answers"] for row in _rows(collection.name)) / len(_rows(collection.name))
    assert share == pytest.approx(0.11 if collection.name == "reports-pdf" else 0.2, abs=0.02)


def test_sources_name_every_document_with_its_sum() -> None:
    """A source has a licence and a version that never moves, and each of its files a SHA-256."""
    for source in (source for one in COLLECTIONS for source in one.sources):
        assert source.licence
        assert source.is_package or len(bytes.fromhex(source.version)) == 20
        assert all(len(bytes.fromhex(of)) == 32 for of in source.sums.values())


def test_limits_are_of_these_questions() -> None:
    """The digest is that of the questions and sources, and every limit has a group and a figure."""
    pinned = limits.read()
    assert digest(COLLECTIONS) == pinned.digest
    groups = {"all", "fit", "report", *(one.name for one in COLLECTIONS)}
    names = {*figures([]), *pages.MEANINGS}
    for pins in (pinned.least, pinned.most):
        assert set() == set(pins) - groups
        assert set() == {name for values in pins.values() for name in values} - names


def test_a_first_quote_that_is_shown_and_holds_the_answer_is_right() -> None:
    """Spaces and case do not count, and it is right among three as well."""
    found = _figures((_question("15 Days"), _answer("You have\n15  days off.", "No.")))
    assert {"right@1": 1, "right@3": 1, "silent": 0, "wrong": 0, "declined": None, "chars": 22} == found


def test_a_third_quote_is_right_among_three_and_a_fourth_is_wrong() -> None:
    """Only the first three quotes are looked at."""
    third = _figures((_question("yes"), _answer("no", "no", "yes")))
    assert (0, 1, 0) == (third["right@1"], third["right@3"], third["wrong"])
    fourth = _figures((_question("yes"), _answer("no", "no", "no", "yes")))
    assert (0, 0, 1) == (fourth["right@1"], fourth["right@3"], fourth["wrong"])


def test_a_long_quote_is_never_right() -> None:
    """A quote of more than 300 characters is no quote."""
    found = _figures((_question("yes"), _answer(f"yes{'.' * 298}")))
    assert (0, 1) == (found["right@3"], found["wrong"])


def test_what_is_not_shown_is_silent_and_neither_right_nor_wrong() -> None:
    """A right quote that nobody sees is none."""
    found = _figures((_question("yes"), _answer("yes", answered=False)))
    assert (0, 0, 1, 0) == (found["right@1"], found["right@3"], found["silent"], found["wrong"])


def test_an_unsure_answer_is_shown_but_not_wrong() -> None:
    """`certainty` "unsure" counts as shown, and as declined where there is no answer."""

    def unsure(quote: str) -> Answer:
        found = SimpleNamespace(answered=False, certainty="unsure", confidence=0.3)
        found.citations = (_citation(1, quote),)
        return cast("Answer", found)

    found = _figures(
        (_question("yes"), unsure("yes")), (_question("yes"), unsure("no")), (_question(), unsure("no"))
    )
    assert {"right@1": 0.5, "right@3": 0.5, "silent": 0, "wrong": 0, "declined": 1, "chars": 3} == found


def test_an_absent_question_that_is_answered_is_not_declined() -> None:
    """It lowers `declined` alone."""
    found = _figures((_question(), _answer("no")), (_question(), _answer("no", answered=False)))
    assert {"right@1": None, "right@3": None, "silent": None, "wrong": None} | {
        "declined": 0.5,
        "chars": None,
    } == found


def test_reliability_is_by_tenths_of_confidence() -> None:
    """Each tenth has its mean confidence and its share of right first quotes; 1 is in the last."""
    found = reliability(
        [
            Outcome(_question("yes"), _answer("yes", confidence=1.0)),
            Outcome(_question("yes"), _answer("no", confidence=0.9)),
            Outcome(_question(), _answer("yes", confidence=0.05)),
        ]
    )
    assert 10 == len(found)
    assert Reliability(1, 0.05, 0) == found[0]
    assert Reliability(2, 0.95, 0.5) == found[-1]
    assert Reliability(0, None, None) == found[5]


async def test_a_library_is_asked(tmp_path: Path) -> None:
    """Questions go to a library as people ask them, and its answers are measured."""
    (tmp_path / "leave.md").write_text("# Leave\n\nStaff have 15 days of paid vacation a year.\n")
    asked = [
        Question("a", "How many days of paid vacation do staff have?", ("15 days",), "en", "fact"),
        Question("a", "Who painted the Mona Lisa?", (), "en", "absent"),
    ]
    found = figures(await ask(Library.open(tmp_path), asked))
    assert (1, 0, 0, 1) == (found["right@1"], found["silent"], found["wrong"], found["declined"])


def _paged(places: Iterable[tuple[str, int]]) -> dict[str, float | None]:
    citations = tuple(_citation(rank, "…", *place) for rank, place in enumerate(places, 1))
    question = Question("a", "?", ("1",), "en", "fact", document="b.pdf", pages=frozenset({6, 8}))
    return pages.of_answers([Outcome(question, Answer("?", "sure", 1.0, citations))])


def test_a_page_is_right_with_its_document() -> None:
    """The same page of another document is another page."""
    assert {"document@1": 1, "page@5": 1} == _paged([("b.pdf", 1), ("b.pdf", 8)])
    assert {"document@1": 0, "page@5": 0} == _paged([("a.pdf", 8), ("b.pdf", 1)])


def _collection(name: str = "a", part: str = "fit", **documents: str) -> Collection:
    sums = {document: sha256(text.encode()) for document, text in documents.items()}
    source = Source("address", "1", True, "CC0", {document: document for document in sums}, sums)
    return Collection(name, part, ("en",), "about", (source,))


def test_what_is_wrong_with_a_folder_is_named(tmp_path: Path) -> None:
    """Documents that are missing or differ, and files that are none, each have their line."""
    for name in ("same", "changed", "more"):
        (tmp_path / name).write_text(name)
    assert {
        "gone": "missing",
        "changed": "differs",
        "more": "not a document of this collection",
    } == problems(tmp_path, _collection(same="same", changed="before", gone="gone").sums)


def test_a_part_is_measured_as_a_whole_or_not() -> None:
    """Limits of a part, or of all, wait until every collection of it was asked."""
    one, two = _collection("one"), _collection("two", "report")
    right = Measured(one, [Outcome(_question("yes"), _answer("yes"))])
    found = everyday.groups([right], [one, two])
    assert {"one", "fit"} == set(found)
    assert 1 == found["fit"]["right@1"]


def test_limits_hold_or_are_told() -> None:
    """A figure may equal its limit; one that is unknown does not hold."""
    pinned = limits.Limits("", {"one": {"right@1": 0.5}, "two": {"right@1": 1.0}}, {"one": {"wrong": 0.1}})
    checks = limits.checks(pinned, {"one": {"right@1": 0.5, "wrong": 0.2}})
    assert [True, False] == [check.is_held for check in checks]
    assert "one: wrong is 0.200, not at most 0.1" == str(checks[1])
    assert not limits.Check("one", "chars", None, 0.0, is_floor=True).is_held


def test_questions_to_report_on_are_never_told() -> None:
    """What goes wrong is listed for the half that may be fitted to alone."""
    wrong = Outcome(_question("yes"), _answer("no"))
    told = "\n".join(
        report(
            [Measured(_collection("one"), [wrong]), Measured(_collection("two", "report"), [wrong])],
            with_misses=True,
        )
    )
    assert 1 == told.count("how long?")
    assert "one: what went wrong" in told


def test_collections_that_are_not_there_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without documents nothing fails, and each collection is named."""
    assert 0 == everyday.main(["--documents", str(tmp_path), "--words"])
    told = capsys.readouterr().out
    assert all(f"left out {one.name}: {len(one.sums)} of" in told for one in COLLECTIONS)
