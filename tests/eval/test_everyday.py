"""The everyday questions match their README, and their metrics are computed as it says."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from retrieval.documents.local_library import LocalLibrary
from retrieval.model import Answer, Citation, Locator, Passage, Span
from tests.eval import everyday, limits, page_metrics
from tests.eval.metrics import (
    Outcome,
    Question,
    Reliability,
    ask,
    compute_metrics,
    read_questions,
    reliability,
)
from tests.eval.report import PARTS, CollectionResult, report_sections
from tests.eval.sources import (
    EVERYDAY_DIR,
    Collection,
    Upstream,
    digest,
    find_problems,
    read_collections,
    sha256,
)

COLLECTIONS = read_collections()
# Collections with few questions without an answer.
FEW_ABSENT = {"reports-pdf", "tables-mix", "tables-unseen"}
KINDS = {"fact", "howto", "definition", "yesno", "keyword", "list", "where", "table", "absent"}
README = " ".join((Path(__file__).parent / "README.md").read_text(encoding="utf-8").split())


def _rows(name: str) -> Sequence[dict[str, Any]]:
    return [
        json.loads(line) for line in (EVERYDAY_DIR / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
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


def _metrics(*outcomes: tuple[Question, Answer]) -> dict[str, float | None]:
    return compute_metrics([Outcome(question, answer) for question, answer in outcomes])


@pytest.mark.parametrize("collection", COLLECTIONS, ids=lambda collection: collection.name)
def test_questions_are_well_formed(collection: Collection) -> None:
    """Each line has a unique question with its language and kind, and answers unless the kind is `absent`."""
    rows = _rows(collection.name)
    assert len(rows) == len({row["question"] for row in rows})
    for row in rows:
        keys = {"question", "answers", "language", "kind"}
        assert keys | ({"document", "pages", "names"} & row.keys()) == set(row)
        assert row["question"].strip()
        assert len(row["language"]) == 2
        assert row["kind"] in KINDS
        assert ([] == row["answers"]) == (row["kind"] == "absent")
        assert all(answer.strip() for answer in row["answers"])
        assert len(row["answers"]) == len(set(row["answers"]))
        assert all(name.strip() for name in row.get("names", []))
        assert row.get("document") in {None, *collection.checksums}
        assert all(page > 0 for page in row.get("pages", []))


def test_questions_and_sources_match() -> None:
    """Each collection has a file of questions, and each file a collection."""
    assert {collection.name for collection in COLLECTIONS} == {
        path.stem for path in EVERYDAY_DIR.glob("*.jsonl")
    }
    assert len(COLLECTIONS) == len({collection.name for collection in COLLECTIONS})


def test_parts() -> None:
    """Weights are fitted to 26 collections, 14 are for reports, and two have tables."""
    expected = {"fit": 26, "report": 7, "second-report": 7, "tables": 1, "tables-report": 1}
    assert expected == Counter(collection.part for collection in COLLECTIONS)


def test_counts_in_readme() -> None:
    """There are more than 300 questions, over 40 in another language, and the README has their numbers."""
    questions = [question for collection in COLLECTIONS for question in read_questions(collection)]
    absent = sum(not question.answers for question in questions)
    foreign = sum(question.is_foreign for question in questions)
    assert len(questions) > 300
    assert foreign > 40
    assert (
        f"{len(questions)} questions, {absent} of them without an answer, {foreign} in another language"
        in README
    )


@pytest.mark.parametrize("collection", COLLECTIONS, ids=lambda collection: collection.name)
def test_share_without_answer(collection: Collection) -> None:
    """A fifth of the questions have no answer; of those about PDF reports and tables an eighth or less."""
    rows = _rows(collection.name)
    share = sum(not row["answers"] for row in rows) / len(rows)
    assert share == pytest.approx(0.12 if collection.name in FEW_ABSENT else 0.2, abs=0.05)


def test_sources() -> None:
    """Each source has a licence, a fixed version and a SHA-256 per document."""
    for source in (source for collection in COLLECTIONS for source in collection.sources):
        assert source.licence
        assert source.is_package or len(bytes.fromhex(source.version)) == 20
        assert all(len(bytes.fromhex(checksum)) == 32 for checksum in source.checksums.values())


def test_limits_file() -> None:
    """The digest is that of the questions and sources, and each limit has a known group and metric."""
    expected = limits.read()
    assert digest(COLLECTIONS) == expected.digest
    groups = {"all", *PARTS, *(collection.name for collection in COLLECTIONS)}
    names = {*compute_metrics([]), *page_metrics.DESCRIPTIONS}
    for values_by_group in (expected.minimums, expected.maximums):
        assert set() == set(values_by_group) - groups
        assert set() == {name for values in values_by_group.values() for name in values} - names


def test_right_first_quote() -> None:
    """A quote is right if it contains an answer, ignoring whitespace and case."""
    metrics = _metrics((_question("15 Days"), _answer("You have\n15  days off.", "No.")))
    assert {"right@1": 1, "right@3": 1, "silent": 0, "wrong": 0, "declined": None, "chars": 22} == metrics


def test_right_third_quote() -> None:
    """Only the first three quotes count."""
    third = _metrics((_question("yes"), _answer("no", "no", "yes")))
    assert (0, 1, 0) == (third["right@1"], third["right@3"], third["wrong"])
    fourth = _metrics((_question("yes"), _answer("no", "no", "no", "yes")))
    assert (0, 0, 1) == (fourth["right@1"], fourth["right@3"], fourth["wrong"])


def test_long_quote() -> None:
    """A quote of more than 300 characters is never right."""
    metrics = _metrics((_question("yes"), _answer(f"yes{'.' * 298}")))
    assert (0, 1) == (metrics["right@3"], metrics["wrong"])


def test_silent_reply() -> None:
    """A reply that shows nothing is neither right nor wrong."""
    metrics = _metrics((_question("yes"), _answer("yes", answered=False)))
    assert (0, 0, 1, 0) == (metrics["right@1"], metrics["right@3"], metrics["silent"], metrics["wrong"])


def test_unsure_reply() -> None:
    """An unsure reply is shown and never wrong; it declines a question without an answer."""

    def unsure(quote: str) -> Answer:
        answer = SimpleNamespace(answered=False, certainty="unsure", confidence=0.3)
        answer.citations = (_citation(1, quote),)
        return cast("Answer", answer)

    metrics = _metrics(
        (_question("yes"), unsure("yes")), (_question("yes"), unsure("no")), (_question(), unsure("no"))
    )
    assert {"right@1": 0.5, "right@3": 0.5, "silent": 0, "wrong": 0, "declined": 1, "chars": 3} == metrics


def test_answered_absent_question() -> None:
    """A sure reply to a question without an answer lowers `declined` alone."""
    metrics = _metrics((_question(), _answer("no")), (_question(), _answer("no", answered=False)))
    assert {"right@1": None, "right@3": None, "silent": None, "wrong": None} | {
        "declined": 0.5,
        "chars": None,
    } == metrics


def test_reliability() -> None:
    """Each tenth of confidence has its mean and its share of right first quotes; 1 is in the last."""
    rows = reliability(
        [
            Outcome(_question("yes"), _answer("yes", confidence=1.0)),
            Outcome(_question("yes"), _answer("no", confidence=0.9)),
            Outcome(_question(), _answer("yes", confidence=0.05)),
        ]
    )
    assert 10 == len(rows)
    assert Reliability(1, 0.05, 0) == rows[0]
    assert Reliability(2, 0.95, 0.5) == rows[-1]
    assert Reliability(0, None, None) == rows[5]


@pytest.mark.slow
async def test_ask(tmp_path: Path) -> None:
    """The answers of a library have the expected metrics."""
    (tmp_path / "leave.md").write_text("# Leave\n\nStaff have 15 days of paid vacation a year.\n")
    questions = [
        Question("a", "How many days of paid vacation do staff have?", ("15 days",), "en", "fact"),
        Question("a", "Who painted the Mona Lisa?", (), "en", "absent"),
    ]
    metrics = compute_metrics(await ask(LocalLibrary.open(tmp_path), questions))
    assert (1, 0, 0, 1) == (metrics["right@1"], metrics["silent"], metrics["wrong"], metrics["declined"])


def _page_metrics(positions: Iterable[tuple[str, int]]) -> dict[str, float | None]:
    citations = tuple(_citation(rank, "…", *position) for rank, position in enumerate(positions, 1))
    question = Question("a", "?", ("1",), "en", "fact", document_name="b.pdf", pages=frozenset({6, 8}))
    return page_metrics.quote_metrics([Outcome(question, Answer("?", "sure", 1.0, citations))])


def test_page_metrics() -> None:
    """A page is right only in the right document."""
    assert {"document@1": 1, "page@5": 1} == _page_metrics([("b.pdf", 1), ("b.pdf", 8)])
    assert {"document@1": 0, "page@5": 0} == _page_metrics([("a.pdf", 8), ("b.pdf", 1)])


def _collection(name: str = "a", part: str = "fit", **documents: str) -> Collection:
    checksums = {document: sha256(text.encode()) for document, text in documents.items()}
    source = Upstream("address", "1", True, "CC0", {document: document for document in checksums}, checksums)
    return Collection(name, part, ("en",), "about", (source,))


def test_find_problems(tmp_path: Path) -> None:
    """Missing and different documents and unknown files are problems."""
    for name in ("same", "changed", "more"):
        (tmp_path / name).write_text(name)
    assert {
        "gone": "missing",
        "changed": "differs",
        "more": "not a document of this collection",
    } == find_problems(tmp_path, _collection(same="same", changed="before", gone="gone").checksums)


def test_complete_parts() -> None:
    """A part, or all, has metrics only if each of its collections was measured."""
    first, second = _collection("one"), _collection("two", "report")
    result = CollectionResult(first, [Outcome(_question("yes"), _answer("yes"))])
    metrics = everyday.metrics_by_group([result], [first, second])
    assert {"one", "fit"} == set(metrics)
    assert 1 == metrics["fit"]["right@1"]


def test_check_limits() -> None:
    """A metric may equal its limit; an undefined one does not meet it."""
    expected = limits.Limits("", {"one": {"right@1": 0.5}, "two": {"right@1": 1.0}}, {"one": {"wrong": 0.1}})
    checks = limits.check_limits(expected, {"one": {"right@1": 0.5, "wrong": 0.2}})
    assert [True, False] == [check.is_met for check in checks]
    assert "one: wrong is 0.200, not at most 0.1" == str(checks[1])
    assert not limits.Check("one", "chars", None, 0.0, is_minimum=True).is_met


def test_misses_of_fit_only() -> None:
    """Misses are listed for the part `fit`, never for the part `report`."""
    wrong = Outcome(_question("yes"), _answer("no"))
    text = "\n".join(
        report_sections(
            [
                CollectionResult(_collection("one"), [wrong]),
                CollectionResult(_collection("two", "report"), [wrong]),
            ],
            with_misses=True,
        )
    )
    assert 1 == text.count("how long?")
    assert "one: misses" in text


def test_missing_collections(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Collections without documents are skipped and named, and the exit code is 0."""
    assert 0 == everyday.main(["--documents", str(tmp_path), "--words"])
    output = capsys.readouterr().out
    assert all(
        f"skipped {collection.name}: {len(collection.checksums)} of" in output for collection in COLLECTIONS
    )
