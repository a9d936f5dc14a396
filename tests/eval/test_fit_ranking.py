import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval.quotes.coefficients import WITH_TOKENS
from tests.eval import fit_ranking
from tests.eval.fit_ranking import Example, Ranking, fit_confidence, reply
from tests.eval.fit_ranking import fit_ranking as fit

SPANS = 12


def make_examples(count: int, seed: int = 7) -> list[Example]:
    """Return questions that the span with the most of feature `real` and of the second dimension answers."""
    random = np.random.default_rng(seed)
    examples = []
    for number in range(count):
        features = {name: random.normal(size=SPANS) for name in ("real", "noise", "starts_lowercase")}
        vectors = random.normal(size=(SPANS, 4)).astype(np.float16)
        answers = np.zeros(SPANS, np.bool_)
        answers[np.argmax(2 * features["real"] - features["starts_lowercase"] + 3 * vectors[:, 1])] = True
        examples.append(
            Example(
                collection=f"c{number % 3}",
                fold=f"c{number % 3}",
                is_encyclopaedia=False,
                has_answer=True,
                features=features,
                vectors=vectors,
                first=np.arange(SPANS),
                last=np.arange(SPANS),
                owners=np.arange(SPANS),
                chars=np.full(SPANS, 80),
                answers=answers,
                is_near=answers,
            )
        )
    return examples


def share_right(examples: Sequence[Example], ranking: Ranking) -> float:
    return float(np.mean([reply(example, ranking).is_right for example in examples]))


def test_fit_ranking() -> None:
    """The fit finds what the answers have in common, and it holds for other questions."""
    ranking = fit(make_examples(300), ["real", "noise", "starts_lowercase"])
    assert share_right(make_examples(300, seed=8), ranking) > 0.8
    assert ranking.coefficients["real"] > 4 * ranking.coefficients["noise"] >= 0
    assert ranking.coefficients["starts_lowercase"] < 0
    assert int(np.argmax(np.abs(ranking.direction))) == 1
    without = replace(ranking, direction=np.zeros(4))
    assert share_right(make_examples(60, seed=8), without) < share_right(make_examples(60, seed=8), ranking)


def test_fit_without_direction() -> None:
    """Without components there is no direction, as for candidates whose tokens are not compared."""
    ranking = fit(make_examples(150), ["real", "noise", "starts_lowercase"], components=0)
    assert not ranking.direction.any()
    assert ranking.coefficients["real"] > 4 * ranking.coefficients["noise"] >= 0


def test_no_negative_coefficient() -> None:
    """A feature that speaks against an answer gets no coefficient."""
    examples = [
        replace(example, features={**example.features, "wrong": -example.features["real"]})
        for example in make_examples(60)
    ]
    assert fit(examples, ["wrong", "noise", "starts_lowercase"]).coefficients["wrong"] == 0


def test_top() -> None:
    """The first quotes are the best spans that do not overlap."""
    example = replace(
        make_examples(1)[0],
        first=np.array([0, 1, 0, 2, 5, *range(10, 17)]),
        last=np.array([1, 2, 0, 3, 5, *range(10, 17)]),
    )
    scores = np.array([9.0, 8, 7, 6, 5, *[0] * 7])
    assert example.top(scores) == [0, 3, 4]


def test_fit_confidence() -> None:
    """Confidence rises with a feature that right replies have."""
    random = np.random.default_rng(3)
    names = list(WITH_TOKENS.confidence)
    replies = []
    for example in make_examples(120):
        features = {name: float(random.normal()) for name in names}
        is_right = features["meaning"] > 0
        replies.append(fit_ranking.Reply(example, features, is_right, is_right, 80))
    weights = fit_confidence(replies, names).weights
    assert max(weights, key=lambda name: weights[name]) == "meaning"


def test_xquad_collections(tmp_path: Path) -> None:
    """The first library has every second article, the other half of these; folds go by article."""
    articles = [
        {
            "title": f"Article_{number}",
            "paragraphs": [
                {
                    "context": f"Text {number}.",
                    "qas": [{"question": f"Q{number} {at}?", "answers": [{"text": "Text"}]} for at in (1, 2)],
                }
            ],
        }
        for number in range(8)
    ]
    path = tmp_path / "xquad.en.json"
    path.write_text(json.dumps({"data": articles}), encoding="utf-8")
    all_, half = fit_ranking.xquad_collections(path, tmp_path / "work")
    assert [file.name for file in sorted(all_.folder.iterdir())] == [
        "000.txt",
        "002.txt",
        "004.txt",
        "006.txt",
    ]
    assert [file.name for file in sorted(half.folder.iterdir())] == ["000.txt", "004.txt"]
    assert "Article 2\n\nText 2.\n" == (all_.folder / "002.txt").read_text(encoding="utf-8")
    assert [bool(question.answers) for question in all_.questions] == [True] * 4
    assert [bool(question.answers) for question in half.questions] == [True, False, True, False]
    assert half.folds == ["articles 0", "articles 0", "articles 1", "articles 1"]
    assert half.paragraphs == ["Text 0.", None, "Text 4.", None]
    assert all_.is_for_quotes
    assert not all_.is_for_confidence
    assert half.is_for_confidence
    assert not half.is_for_quotes


def test_no_collections(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without documents there is nothing to fit: exit code 2 and what to run."""
    assert fit_ranking.main(["--documents", str(tmp_path), "--index", str(tmp_path / "index")]) == 2
    assert f"{tmp_path}: fewer than two collections; run `make eval-fetch`" in capsys.readouterr().err
