"""Fit the coefficients of ranking and confidence: `python -m tests.eval.fit_ranking` (docs/ranking.md).

Reads the everyday collections of the parts "fit" and "tables", never those to report, and encyclopaedia
questions, if there are any. Prints how well each collection is answered with coefficients fitted on the
others, the thresholds of certainty, and the constants for `retrieval/quotes/coefficients.py`.
"""

import argparse
import asyncio
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import retrieval.embeddings
from retrieval.documents.local_library import LocalLibrary
from retrieval.embeddings.encoder import ANSWER_DIRECTION_FILE, Encoder, load_encoder
from retrieval.index.local_index import LocalIndex
from retrieval.pipeline import confidence_features, find_candidates, parse_and_correct
from retrieval.query.matching import FloatArray, IntArray, match_candidates
from retrieval.quotes.coefficients import WITH_MEANING, WITH_TOKENS, Coefficients
from retrieval.quotes.quote_selection import mean_over_pieces, rank_spans, share_of, sum_over_parts
from tests.eval.metrics import MAX_QUOTE_CHARS, Question, read_questions
from tests.eval.report import FIT, TABLES
from tests.eval.sources import FETCHED_DIR, find_problems, read_collections

_L2 = 0.001
_NEGATIVE_FEATURES = ("starts_lowercase", "asks")
# The direction has a weight for each of the main components of sentence vectors. More overfit.
_DIRECTION_COMPONENTS = 48
_DIRECTION_L2 = 0.06
# An encyclopaedia language weighs as much as two everyday collections.
_ENCYCLOPAEDIA_WEIGHT = 2.0
_ENCYCLOPAEDIA_STEP = 2
# Share of the loss for the spans that answer; the rest is for all spans of the passages that answer.
_SPAN_SHARE = 0.75
# Other spans of several pieces have hardly any weight in the softmax.
_MAX_SPANS = 250
# The power of a quote's sum over the spans inside it, in the softmax. With 1, one of the first three quotes
# is right less often.
_SUM_POWER = 0.7
_CONFIDENCE_L2 = 0.01
# Fitted as a direction, which has its size: the coefficient is 1.
_DIRECTION = "answer_likeness"
_FITS = {"tokens": WITH_TOKENS, "meaning": WITH_MEANING}
_TOKEN_FEATURES = ("token_meaning", "token_gap", "weakest_tokens")
_THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7)
_TOP_QUOTES = 3


# Without a repr: that of its arrays would take seconds, and asyncio makes one of every result.
@dataclass(frozen=True, slots=True, repr=False)
class Example:
    """A question and the spans that may be quoted for it.

    Of shape (spans,): each of `features`, the pieces `first` and `last`, the ordinals of their candidates
    (`owners`), and whether the span `answers` or is in a passage that does (`is_near`). `vectors` are the
    spans' mean vectors, shape (spans, dimensions). `for_confidence` has what confidence knows about the
    question. `fold` names what is held out together.
    """

    collection: str
    fold: str
    is_encyclopaedia: bool
    has_answer: bool
    features: Mapping[str, FloatArray]
    vectors: NDArray[np.float16]
    first: IntArray
    last: IntArray
    owners: IntArray
    chars: IntArray
    answers: NDArray[np.bool_]
    is_near: NDArray[np.bool_]
    for_confidence: Mapping[str, float] = field(default_factory=dict)

    def top(self, scores: FloatArray) -> list[int]:
        """Return the rows of the first quotes: the best spans that do not overlap."""
        rows: list[int] = []
        scores = scores.copy()
        while len(rows) < _TOP_QUOTES and scores.max() > -np.inf:
            row = int(np.argmax(scores))
            rows.append(row)
            scores[(self.first <= self.last[row]) & (self.last >= self.first[row])] = -np.inf
        return rows


@dataclass(frozen=True, slots=True)
class Ranking:
    """Coefficients of spans by feature, and the direction that `answer_likeness` is the inner product with.

    `length` is the coefficient of a quote's length.
    """

    coefficients: Mapping[str, float]
    direction: FloatArray
    length: float

    def evidence(self, example: Example) -> FloatArray:
        """Return the log-odds that each span is the answer."""
        total: FloatArray = example.vectors @ self.direction
        for name, coefficient in self.coefficients.items():
            total = total + coefficient * example.features[name]
        return total

    def scores(self, example: Example) -> FloatArray:
        """Return the scores of the spans as quotes."""
        sums = sum_over_parts(self.evidence(example), example.first, example.last)
        return sums + self.length * example.chars / MAX_QUOTE_CHARS


@dataclass(frozen=True, slots=True)
class Reply:
    """What the confidence of a reply is fitted to: features of the best span, and which quotes are right."""

    example: Example
    features: Mapping[str, float]
    is_right: bool
    is_right_in_three: bool
    chars: int


@dataclass(frozen=True, slots=True)
class Logistic:
    """A logistic regression: the weight of each feature."""

    weights: Mapping[str, float]
    bias: float

    def probabilities(self, values: FloatArray) -> FloatArray:
        """Return the probabilities of rows of values, a column for each feature."""
        result: FloatArray = 1 / (1 + np.exp(-(values @ list(self.weights.values()) + self.bias)))
        return result


@dataclass(frozen=True, slots=True)
class Collection:
    """A library with questions. `paragraphs` are those that answer, and `folds`, if known; by question."""

    name: str
    folder: Path
    questions: Sequence[Question]
    paragraphs: Sequence[str | None] = ()
    folds: Sequence[str] = ()
    is_for_quotes: bool = True
    is_for_confidence: bool = True


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit, print the results and return the exit code."""
    options = _build_parser().parse_args(arguments)
    collections = [*_everyday_collections(options.documents), *(_read_extra(*pair) for pair in options.also)]
    if options.xquad:
        for path in sorted(options.xquad.glob("xquad.*.json")):
            collections += xquad_collections(path, options.index / "xquad")
    if len(collections) < 2:  # one is held out
        sys.stderr.write(f"{options.documents}: fewer than two collections; run `make eval-fetch`\n")
        return 2
    encoder, coefficients = load_encoder(), _FITS[options.fit]
    components = _DIRECTION_COMPONENTS if coefficients is WITH_TOKENS else 0
    examples: list[Example] = []
    confidence_examples: list[Example] = []
    for collection in collections:
        own = asyncio.run(_examples(collection, coefficients, encoder, options.index))
        examples += own if collection.is_for_quotes else []
        confidence_examples += own if collection.is_for_confidence else []
        _print(f"{collection.name}: {len(own)} questions")
    fit = partial(fit_ranking, names=_quote_features(coefficients), components=components)
    folds = sorted({example.fold for example in examples})
    rankings = {fold: fit([example for example in examples if example.fold != fold]) for fold in folds}
    _print_rankings([e for e in examples if e.has_answer], rankings)
    replies = [reply(example, rankings[example.fold]) for example in confidence_examples]
    names = list(coefficients.confidence)
    _print_thresholds(replies, folds, names)
    ranking = fit(examples)
    _print(_format_constants(ranking, fit_confidence(replies, names)))
    _print(f"usual_passage={usual_passage(examples, ranking):.1f},")
    if options.write_direction:
        path = Path(next(iter(retrieval.embeddings.__path__))) / ANSWER_DIRECTION_FILE
        np.save(path, ranking.direction.astype(np.float32))
        _print(f"wrote {path}")
    return 0


def _everyday_collections(root: Path) -> Iterator[Collection]:
    for collection in read_collections():
        if collection.part in (FIT, TABLES) and not find_problems(
            collection.folder(root), collection.checksums
        ):
            yield Collection(collection.name, collection.folder(root), read_questions(collection))


def _read_extra(folder: str, questions: str) -> Collection:
    """Return a collection of one's own; its questions are lines with "question" and "answers"."""
    name = Path(questions).stem
    rows = [json.loads(line) for line in Path(questions).read_text(encoding="utf-8").splitlines() if line]
    return Collection(
        name,
        Path(folder),
        [Question(name, row["question"], tuple(row["answers"]), row.get("language", ""), "") for row in rows],
    )


def xquad_collections(path: Path, work: Path) -> Iterator[Collection]:
    """Yield two libraries of XQuAD's articles in a language, written to `work`.

    In the first are every second article, and questions about them. In the other are half of these, so that
    half of the same questions have no answer. The fold is by article, since the languages have the same.
    """
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    language = path.name.split(".")[1]
    asked = [
        (number, paragraph["context"], row["question"], tuple(answer["text"] for answer in row["answers"]))
        for number, article in enumerate(articles)
        for paragraph in article["paragraphs"]
        for row in paragraph["qas"]
        if number % 2 == 0
    ][::_ENCYCLOPAEDIA_STEP]
    for step in (2, 4):
        name = f"xquad-{language}-{step}"
        folder = work / name
        folder.mkdir(parents=True, exist_ok=True)
        for number, article in list(enumerate(articles))[::step]:
            paragraphs = [article["title"].replace("_", " ")]
            paragraphs += [paragraph["context"] for paragraph in article["paragraphs"]]
            (folder / f"{number:03d}.txt").write_text("\n\n".join(paragraphs) + "\n", encoding="utf-8")
        is_quoted = step == 2
        yield Collection(
            name,
            folder,
            [
                Question(name, text, answers if number % step == 0 else (), language, "")
                for number, _, text, answers in asked
            ],
            [context if number % step == 0 else None for number, context, _, _ in asked],
            [f"articles {number // 4 % 2}" for number, _, _, _ in asked],
            is_for_quotes=is_quoted,
            is_for_confidence=not is_quoted,
        )


def _quote_features(coefficients: Coefficients) -> list[str]:
    """Return the names of the features that a fit of these coefficients may use."""
    left_out = {_DIRECTION} if coefficients is WITH_TOKENS else {_DIRECTION, *_TOKEN_FEATURES}
    return sorted({*WITH_TOKENS.span, *WITH_MEANING.span} - left_out)


async def _examples(
    collection: Collection, coefficients: Coefficients, encoder: Encoder, index_dir: Path
) -> list[Example]:
    """Ask the questions of a collection, and return the spans that may be quoted."""
    library = LocalLibrary.open(collection.folder, index_dir=index_dir, encoder=encoder)
    library.encode()
    library.save(index_dir)
    count = len(collection.questions)
    paragraphs = collection.paragraphs or [None] * count
    folds = collection.folds or [collection.name] * count
    is_encyclopaedia = bool(collection.folds)
    examples = []
    for question, paragraph, fold in zip(collection.questions, paragraphs, folds, strict=True):
        example = await _example(question, paragraph, coefficients, library.index)
        if example is not None:
            examples.append(replace(example, fold=fold, is_encyclopaedia=is_encyclopaedia))
    return examples


async def _example(
    question: Question, paragraph: str | None, coefficients: Coefficients, index: LocalIndex
) -> Example | None:
    """Return the spans for a question, or None if it asks nothing."""
    query, _ = await parse_and_correct(question.text, index)
    candidates = await find_candidates(query, None, index)
    passages = candidates.passages
    if not passages or not any(word.is_content for word in query.words):
        return None
    matches = match_candidates(query, candidates)
    if matches.meaning is None:
        return None
    if coefficients is not WITH_TOKENS:
        meaning = replace(matches.meaning, compare_tokens=None, answer_likeness=None)
        matches = replace(matches, meaning=meaning)
    ranking = rank_spans(query, matches, candidates, MAX_QUOTE_CHARS)
    if ranking.coefficients is not coefficients or matches.meaning is None:
        return None
    spans = ranking.spans
    owners, starts, ends = matches.owners[spans.first], matches.starts[spans.first], matches.ends[spans.last]
    is_expected = [paragraph is None or _overlaps(passage.text, paragraph) for passage in passages]
    accepts = [
        expected and question.accepts(passage.text)
        for expected, passage in zip(is_expected, passages, strict=True)
    ]
    answers = np.array(
        [
            accepts[owner]
            and end - start <= MAX_QUOTE_CHARS
            and question.accepts(passages[owner].text[start:end])
            for owner, start, end in zip(owners.tolist(), starts.tolist(), ends.tolist(), strict=True)
        ],
        np.bool_,
    )
    best = np.argsort(-ranking.scores, kind="stable")[:_MAX_SPANS]
    is_kept = answers | (spans.first == spans.last)
    is_kept[best] = True
    kept = np.flatnonzero(is_kept)
    return Example(
        collection=question.collection,
        fold=question.collection,
        is_encyclopaedia=False,
        has_answer=bool(question.answers),
        features={name: values[kept] for name, values in ranking.features.items()},
        vectors=mean_over_pieces(matches.meaning.pieces, matches, spans)[kept].astype(np.float16),
        first=spans.first[kept],
        last=spans.last[kept],
        owners=owners[kept],
        chars=(ends - starts)[kept],
        answers=answers[kept],
        is_near=np.array(accepts, np.bool_)[owners][kept],
        for_confidence=confidence_features(query),
    )


def _overlaps(text: str, paragraph: str) -> bool:
    """Return whether a passage is a part of a paragraph or the other way round."""
    inner, outer = sorted(("".join(text.split()), "".join(paragraph.split())), key=len)
    return inner in outer


def _question_weights(examples: Sequence[Example]) -> FloatArray:
    """Return weights of the questions with the sum 1: those of a collection weigh the same together."""
    counts = Counter(example.collection for example in examples)
    weights = np.array(
        [
            (_ENCYCLOPAEDIA_WEIGHT if example.is_encyclopaedia else 1.0) / counts[example.collection]
            for example in examples
        ]
    )
    normalized: FloatArray = weights / weights.sum()
    return normalized


def fit_ranking(
    examples: Sequence[Example], names: Sequence[str], components: int = _DIRECTION_COMPONENTS
) -> Ranking:
    """Fit a softmax over the quotes of each question that has quotes with an answer.

    `components` is the number of main components of sentence vectors that the direction has a weight for.

    No coefficient of a span may be negative, except those of spans that start in lower case or ask, which are
    not positive.
    """
    examples = [example for example in examples if example.answers.any()]
    plain = np.concatenate([np.stack([e.features[name] for name in names], axis=1) for e in examples])
    vectors = np.concatenate([example.vectors for example in examples]).astype(np.float32)
    centred = vectors - vectors.mean(axis=0)
    _, main = np.linalg.eigh(centred.T @ centred)
    main = main[:, ::-1][:, :components]
    components = main.shape[1]
    projected = centred @ main
    scale = projected.std() + 1e-9 if components else 1.0
    scales = np.concatenate([plain.std(axis=0) + 1e-9, np.full(components, scale)])
    values = (np.concatenate([plain, projected], axis=1) / scales).astype(np.float32)
    length = np.concatenate([example.chars for example in examples]) / MAX_QUOTE_CHARS
    penalty = np.concatenate([np.full(len(names), _L2), np.full(components, _DIRECTION_L2), [0.0]])
    bounds: list[tuple[float | None, float | None]] = [
        (None, 0) if name in _NEGATIVE_FEATURES else (0, None) for name in names
    ]
    bounds += [(None, None)] * (components + 1)
    answers = np.concatenate([example.answers for example in examples]).astype(np.float64)
    is_near = np.concatenate([example.is_near for example in examples]).astype(np.float64)
    lengths = [len(example.answers) for example in examples]
    starts = np.cumsum([0, *lengths[:-1]])
    rows = np.repeat(np.arange(len(lengths)), lengths)
    weights = _question_weights(examples)
    parts = _parts(examples)
    wholes = parts.T.tocsr()

    def loss(weight: FloatArray) -> tuple[float, FloatArray]:
        evidence = (values @ weight[:-1].astype(np.float32)).astype(np.float64)
        spans = np.exp(evidence - np.maximum.reduceat(evidence, starts)[rows]) + 1e-12
        sums = parts @ spans
        scores = _SUM_POWER * np.log(sums) + weight[-1] * length
        quotes = np.exp(scores - np.maximum.reduceat(scores, starts)[rows])
        total = np.add.reduceat(quotes, starts)
        answering = np.add.reduceat(quotes * answers, starts)
        near = np.add.reduceat(quotes * is_near, starts)
        by_question = -_SPAN_SHARE * np.log(answering / total) - (1 - _SPAN_SHARE) * np.log(near / total)
        slope = quotes / total[rows]
        slope -= _SPAN_SHARE * quotes * answers / answering[rows]
        slope -= (1 - _SPAN_SHARE) * quotes * is_near / near[rows]
        slope *= weights[rows]
        of_spans = values.T @ (_SUM_POWER * spans * (wholes @ (slope / sums))).astype(np.float32)
        gradient = np.append(of_spans, slope @ length) + 2 * penalty * weight
        return float(weights @ by_question + penalty @ weight**2), gradient

    fitted = _minimum(loss, np.zeros(len(scales) + 1), bounds)
    by_feature = fitted[:-1] / scales
    return Ranking(
        dict(zip(names, by_feature[: len(names)].tolist(), strict=True)),
        main @ by_feature[len(names) :],
        float(fitted[-1]) / _SUM_POWER,
    )


def _parts(examples: Sequence[Example]) -> Any:
    """Return a sparse matrix with 1 where the span of the column is inside the span of the row."""
    # Takes half a second to import, which each process of the tests would take.
    from scipy import sparse  # noqa: PLC0415

    is_inside = [(e.first >= e.first[:, np.newaxis]) & (e.last <= e.last[:, np.newaxis]) for e in examples]
    return sparse.block_diag([sparse.csr_matrix(part.astype(np.float64)) for part in is_inside], format="csr")


def reply(example: Example, ranking: Ranking) -> Reply:
    """Return the reply to a question, as a ranking gives it."""
    scores = ranking.scores(example)
    rows = example.top(scores)
    best = {name: float(values[rows[0]]) for name, values in example.features.items()}
    best[_DIRECTION] = float(example.vectors[rows[0]] @ ranking.direction)
    best["share"] = share_of(rows[0], ranking.evidence(example), example.first, example.last)
    return Reply(
        example,
        best | dict(example.for_confidence),
        bool(example.answers[rows[0]]),
        bool(example.answers[rows].any()),
        int(example.chars[rows[0]]),
    )


def usual_passage(examples: Sequence[Example], ranking: Ranking) -> float:
    """Return the mean of the logarithms of the sums of passages: of the less likely half of each question."""
    means = []
    for example in examples:
        weights = np.exp(ranking.evidence(example))
        sums = np.log(np.bincount(example.owners, weights, minlength=1)[np.unique(example.owners)])
        means.append(np.sort(sums)[: max(len(sums) // 2, 1)].mean())
    return float(np.mean(means))


def fit_confidence(replies: Sequence[Reply], names: Sequence[str]) -> Logistic:
    """Fit a logistic regression: is one of the first three quotes right? Both classes weigh the same."""
    values = np.array([_confidence_values(own, names) for own in replies])
    is_right = np.array([own.is_right_in_three for own in replies])
    counts = Counter((own.example.collection, own.is_right_in_three) for own in replies)
    weights = np.array([1 / counts[own.example.collection, own.is_right_in_three] for own in replies])
    return _fit_logistic(names, values, is_right, weights, _CONFIDENCE_L2)


def _minimum(
    loss: Callable[[FloatArray], tuple[float, FloatArray]],
    start: FloatArray,
    bounds: Sequence[tuple[float | None, float | None]] | None = None,
) -> FloatArray:
    """Return where a function has its minimum; it returns its gradient, too."""
    # Takes a second to import, which each process of the tests would take.
    from scipy.optimize import minimize  # noqa: PLC0415

    found: FloatArray = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return found


def _fit_logistic(
    names: Sequence[str], values: FloatArray, is_right: NDArray[np.bool_], weights: FloatArray, l2: float
) -> Logistic:
    """Fit by weighted rows; the penalty is on features scaled by their deviations."""
    means, deviations = values.mean(axis=0), values.std(axis=0) + 1e-9
    scaled, weights = (values - means) / deviations, weights / weights.sum()

    def loss(weight: FloatArray) -> tuple[float, FloatArray]:
        logits = scaled @ weight[1:] + weight[0]
        by_row = np.logaddexp(0, np.where(is_right, -logits, logits))
        slope = weights * (1 / (1 + np.exp(-logits)) - is_right)
        gradient = np.append(slope.sum(), scaled.T @ slope + 2 * l2 * weight[1:])
        return float(weights @ by_row + l2 * (weight[1:] @ weight[1:])), gradient

    fitted = _minimum(loss, np.zeros(len(names) + 1))
    own = fitted[1:] / deviations
    return Logistic(dict(zip(names, own.tolist(), strict=True)), float(fitted[0] - own @ means))


def _confidence_values(own: Reply, names: Iterable[str]) -> list[float]:
    return [math.prod(own.features[part] for part in name.split("*")) for name in names]


def _print_rankings(examples: Sequence[Example], rankings: Mapping[str, Ranking]) -> None:
    """Print what each collection gets from coefficients fitted without it."""
    replies: dict[str, list[Reply]] = {}
    for example in examples:
        replies.setdefault(example.collection, []).append(reply(example, rankings[example.fold]))
    _print(f"{'left out':24} questions  right@1  right@3  median characters of right first quotes")
    rows = {name: _summary(own) for name, own in replies.items()}
    for kind in (False, True):
        own = [name for name, of in replies.items() if of[0].example.is_encyclopaedia == kind]
        for name in own:
            _print(f"{name:24} {len(replies[name]):9}  {_format_row(rows[name])}")
        if own:
            mean = np.mean([rows[name] for name in own], axis=0).tolist()
            _print(f"{'mean (encyclopaedia)' if kind else 'mean (everyday)':24} {'':9}  {_format_row(mean)}")


def _summary(replies: Sequence[Reply]) -> list[float]:
    lengths = [own.chars for own in replies if own.is_right]
    return [
        float(np.mean([own.is_right for own in replies])),
        float(np.mean([own.is_right_in_three for own in replies])),
        float(np.median(lengths)) if lengths else 0.0,
    ]


def _format_row(row: Sequence[float]) -> str:
    return f"{row[0]:7.3f}  {row[1]:7.3f}  {row[2]:8.0f}"


def _print_thresholds(replies: Sequence[Reply], folds: Iterable[str], names: Sequence[str]) -> None:
    """Print what each threshold of certainty costs, each fold with the confidence fitted on the others."""
    judged: list[tuple[Reply, float]] = []
    for fold in folds:
        fitted = fit_confidence([own for own in replies if own.example.fold != fold], names)
        left_out = [own for own in replies if own.example.fold == fold]
        values = np.array([_confidence_values(own, fitted.weights) for own in left_out])
        judged += zip(left_out, fitted.probabilities(values).tolist(), strict=True)
    for kind, name in ((False, "everyday"), (True, "encyclopaedia")):
        own = [pair for pair in judged if pair[0].example.is_encyclopaedia == kind]
        if not own:
            continue
        _print(f"{name}, sure from  wrong  sure   declined  (means over collections)")
        for threshold in _THRESHOLDS:
            wrong, sure, declined = _rates(own, threshold)
            _print(f"{threshold:20.2f}  {wrong:.3f}  {sure:.3f}  {declined:.3f}")
        answered = sorted(probability for one, probability in own if one.is_right_in_three)
        if answered:
            _print(f"98 % of the questions with a right quote reach {answered[len(answered) // 50]:.3f}")


def _rates(judged: Sequence[tuple[Reply, float]], threshold: float) -> list[float]:
    """Return shares: wrong and sure of the questions with an answer, not sure of those without."""
    by_collection: dict[str, list[tuple[Reply, float]]] = {}
    for pair in judged:
        by_collection.setdefault(pair[0].example.collection, []).append(pair)
    rows = []
    for own in by_collection.values():
        answerable = [(one, p >= threshold) for one, p in own if one.example.has_answer]
        others = [p >= threshold for one, p in own if not one.example.has_answer]
        rows.append(
            (
                np.mean([is_sure and not one.is_right_in_three for one, is_sure in answerable]),
                np.mean([is_sure for _, is_sure in answerable]),
                1 - np.mean(others) if others else np.nan,
            )
        )
    rates: list[float] = np.nanmean(np.array(rows), axis=0).tolist()
    return rates


def _format_constants(ranking: Ranking, confidence: Logistic) -> str:
    """Return the constants as they are written in `coefficients.py`. A coefficient of 0 is omitted."""
    span = {name: value for name, value in ranking.coefficients.items() if round(value, 2)}
    if ranking.direction.any():
        span[_DIRECTION] = 1.0
    lines = ["span={", *_format_weights(span), "},", f"length={ranking.length:.2f},"]
    lines += ["confidence={", *_format_weights(confidence.weights), "},", f"bias={confidence.bias:.2f},"]
    return "\n".join(lines)


def _format_weights(weights: Mapping[str, float]) -> Iterator[str]:
    for name, value in weights.items():
        yield f'    "{name}": {round(value, 2)},'


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.eval.fit_ranking",
        description="Fit the coefficients of ranking and confidence.",
    )
    parser.add_argument(
        "--documents",
        type=Path,
        default=FETCHED_DIR,
        metavar="DIR",
        help="folder with the documents in NAME/docs (default: %(default)s)",
    )
    parser.add_argument(
        "--index",
        type=Path,
        default=FETCHED_DIR / ".index",
        metavar="DIR",
        help="folder of saved indexes (default: %(default)s)",
    )
    parser.add_argument(
        "--also",
        nargs=2,
        action="append",
        default=[],
        metavar=("DOCS", "QUESTIONS.jsonl"),
        help="another everyday collection; may be repeated",
    )
    parser.add_argument(
        "--xquad", type=Path, metavar="DIR", help="folder with xquad.LANGUAGE.json of the XQuAD repository"
    )
    parser.add_argument(
        "--fit",
        choices=_FITS,
        default="tokens",
        help="which coefficients: with the vectors of tokens, or without (default: %(default)s)",
    )
    parser.add_argument(
        "--write-direction", action="store_true", help=f"replace {ANSWER_DIRECTION_FILE} with the fitted one"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
