"""Floors: the lowest allowed metrics, in a file with a digest of the questions and documents."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrieval.errors import RetrievalError
from retrieval.evaluation.metrics import METRIC_NAMES, Outcome, as_dict, compute_metrics, group_by_label

# Times depend on the machine, and lower ones are better.
METRICS_WITH_FLOORS = tuple(name for name in METRIC_NAMES if not name.endswith("ms"))
_ALL_KEY = "all"
_DIGEST_KEY = "digest"
# Floors are written with three decimals; metrics are fractions.
_FLOOR_TOLERANCE = 1e-9

FloorsByMetric = Mapping[str, float]


class FloorError(RetrievalError):
    """An invalid file of floors. The message names the file, the key and the value."""


@dataclass(frozen=True, slots=True)
class Floors:
    """Floors by metric: for all questions, and for groups of them by label and value.

    `name` is the file name for messages, `digest` that of the questions and documents.
    """

    name: str
    digest: str
    overall: FloorsByMetric
    groups: Mapping[str, Mapping[str, FloorsByMetric]]


@dataclass(frozen=True, slots=True)
class FloorCheck:
    """A metric of a group and its floor; `value` is None if the metric is undefined for these questions."""

    group: str
    metric: str
    floor: float
    value: float | None

    @property
    def is_met(self) -> bool:
        return self.value is not None and self.value >= self.floor - _FLOOR_TOLERANCE


def dataset_digest(questions: bytes, folder: Path, documents: Sequence[str]) -> str:
    """Return a digest of the questions and of the names and bytes of their documents."""
    total = hashlib.blake2b(questions, digest_size=16)
    for document in sorted(documents):
        total.update(hashlib.blake2b(os.fsencode(document)).digest())
        total.update(hashlib.blake2b((folder / document).read_bytes()).digest())
    return total.hexdigest()


def read_floors(data: bytes, name: str) -> Floors:
    """Parse `{"digest": "...", "all": {METRIC: FLOOR}, LABEL: {VALUE: {METRIC: FLOOR}}}`.

    `name` is the file name for messages. Raises FloorError.
    """
    try:
        content = _parse_object(json.loads(data), name)
    except (ValueError, RecursionError):
        raise FloorError(f"{name}: not JSON") from None
    expected_digest = content.pop(_DIGEST_KEY, None)
    if not isinstance(expected_digest, str):
        raise FloorError(f"{name}: {_DIGEST_KEY}: {json.dumps(expected_digest)} is not a string")
    overall = _parse_floors(content.pop(_ALL_KEY, {}), f"{name}: {_ALL_KEY}")
    groups = {
        label: {
            value: _parse_floors(group, f"{name}: {label}: {value}")
            for value, group in _parse_object(values, f"{name}: {label}").items()
        }
        for label, values in content.items()
    }
    return Floors(name, expected_digest, overall, groups)


def check_floors(floors: Floors, outcomes: Sequence[Outcome]) -> list[FloorCheck]:
    """Compare the metrics with their floors. Raises FloorError if a group has no questions."""
    results = list(_check_group(floors.overall, _ALL_KEY, outcomes))
    for label, groups in floors.groups.items():
        outcomes_by_value = group_by_label(outcomes, label)
        for value, group in groups.items():
            if value not in outcomes_by_value:
                raise FloorError(f"{floors.name}: {label}: {value}: no such questions")
            results += _check_group(group, f"{label} {value}", outcomes_by_value[value])
    return results


def _check_group(floors: FloorsByMetric, group: str, outcomes: Sequence[Outcome]) -> Iterator[FloorCheck]:
    metrics = as_dict(compute_metrics(outcomes))
    for metric, floor in floors.items():
        yield FloorCheck(group, metric, floor, metrics[metric])


def _parse_floors(content: Any, where: str) -> FloorsByMetric:
    floors = _parse_object(content, where)
    for metric, floor in floors.items():
        if metric not in METRICS_WITH_FLOORS:
            raise FloorError(
                f"{where}: {metric}: no such figure; choose from {', '.join(METRICS_WITH_FLOORS)}"
            )
        if isinstance(floor, bool) or not isinstance(floor, int | float) or not 0 <= floor <= 1:
            raise FloorError(f"{where}: {metric}: {json.dumps(floor)} is not a number from 0 to 1")
    return floors


def _parse_object(content: Any, where: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise FloorError(f"{where}: {json.dumps(content)} is not an object")
    return content
