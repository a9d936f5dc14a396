"""Limits of the figures of everyday use, pinned in a file with the digest of what they are measured on."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.eval.sources import EVERYDAY

LIMITS = EVERYDAY / "floors.toml"

# Limits are written with three decimals, figures are fractions.
_EPSILON = 1e-9

# Values by figure, by group: "all", a part or a collection.
Groups = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Limits:
    """The least and the most that figures may be, and the digest of the questions and their documents."""

    digest: str
    least: Groups
    most: Groups


@dataclass(frozen=True, slots=True)
class Check:
    """A figure held against its limit; `figure` is None when the questions cannot tell it."""

    group: str
    name: str
    figure: float | None
    limit: float
    is_floor: bool

    @property
    def is_held(self) -> bool:
        if self.figure is None:
            return False
        return (self.figure - self.limit) * (1 if self.is_floor else -1) >= -_EPSILON

    def __str__(self) -> str:
        found = "unknown" if self.figure is None else f"{self.figure:.3f}"
        wanted = f"{'at least' if self.is_floor else 'at most'} {self.limit:g}"
        return f"{self.group}: {self.name} is {found}, not {wanted}"


def read(path: Path = LIMITS) -> Limits:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return Limits(content["digest"], content.get("least", {}), content.get("most", {}))


def checks(limits: Limits, measured: Mapping[str, Mapping[str, float | None]]) -> list[Check]:
    """Hold the figures of the groups that were measured against their limits."""
    return [
        Check(group, name, measured[group].get(name), limit, is_floor)
        for groups, is_floor in ((limits.least, True), (limits.most, False))
        for group, values in groups.items()
        if group in measured
        for name, limit in values.items()
    ]
