"""Floors under the figures of an evaluation, pinned in a file with a digest of what they are measured on."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrieval.evaluation.metrics import NAMES, Outcome, as_dict, compute_metrics, grouped

# Times depend on the machine, and the fewer milliseconds the better: no floors under those.
PINNABLE = tuple(name for name in NAMES if not name.endswith("ms"))
_ALL = "all"
_DIGEST = "digest"
# Floors are written with three decimals, figures are fractions.
_EPSILON = 1e-9

Pins = Mapping[str, float]


class FloorError(Exception):
    """Floors cannot be used; the message names file, key and value."""


@dataclass(frozen=True, slots=True)
class Floors:
    """Floors by the name of the figure: for all questions, and by label and its value for some of them."""

    name: str
    digest: str
    overall: Pins
    groups: Mapping[str, Mapping[str, Pins]]


@dataclass(frozen=True, slots=True)
class Check:
    """A figure held against its floor; `figure` is None when the questions cannot tell it."""

    group: str
    name: str
    floor: float
    figure: float | None

    @property
    def is_held(self) -> bool:
        return self.figure is not None and self.figure >= self.floor - _EPSILON


def digest(questions: bytes, folder: Path, documents: Sequence[str]) -> str:
    """Name the questions and the documents (their names and bytes) they are about."""
    whole = hashlib.blake2b(questions, digest_size=16)
    for document in sorted(documents):
        whole.update(hashlib.blake2b(os.fsencode(document)).digest())
        whole.update(hashlib.blake2b((folder / document).read_bytes()).digest())
    return whole.hexdigest()


def read(data: bytes, name: str) -> Floors:
    """Read `{"digest": "...", "all": {FIGURE: FLOOR}, LABEL: {VALUE: {FIGURE: FLOOR}}}`.

    Raises FloorError.
    """
    try:
        content = _object(json.loads(data), name)
    except (ValueError, RecursionError):
        raise FloorError(f"{name}: not JSON") from None
    pinned = content.pop(_DIGEST, None)
    if not isinstance(pinned, str):
        raise FloorError(f"{name}: {_DIGEST}: {json.dumps(pinned)} is not a text")
    overall = _pins(content.pop(_ALL, {}), f"{name}: {_ALL}")
    groups = {
        label: {
            of: _pins(pins, f"{name}: {label}: {of}")
            for of, pins in _object(found, f"{name}: {label}").items()
        }
        for label, found in content.items()
    }
    return Floors(name, pinned, overall, groups)


def checks(floors: Floors, outcomes: Sequence[Outcome]) -> list[Check]:
    """Hold the figures against their floors. Raises FloorError when a group has no questions."""
    found = list(_checks(floors.overall, _ALL, outcomes))
    for label, groups in floors.groups.items():
        held = grouped(outcomes, label)
        for of, pins in groups.items():
            if of not in held:
                raise FloorError(f"{floors.name}: {label}: {of}: no such questions")
            found += _checks(pins, f"{label} {of}", held[of])
    return found


def _checks(pins: Pins, group: str, outcomes: Sequence[Outcome]) -> Iterator[Check]:
    measured = as_dict(compute_metrics(outcomes))
    for name, floor in pins.items():
        yield Check(group, name, floor, measured[name])


def _pins(content: Any, where: str) -> Pins:
    pins = _object(content, where)
    for name, floor in pins.items():
        if name not in PINNABLE:
            raise FloorError(f"{where}: {name}: no such figure; there are {', '.join(PINNABLE)}")
        if isinstance(floor, bool) or not isinstance(floor, int | float) or not 0 <= floor <= 1:
            raise FloorError(f"{where}: {name}: {json.dumps(floor)} is not a number from 0 to 1")
    return pins


def _object(content: Any, where: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise FloorError(f"{where}: {json.dumps(content)} is not an object")
    return content
