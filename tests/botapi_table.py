"""The published Bot API as a judge: of the objects a server sends, and of the calls a bot makes.

The table is no part of the project; BOT_API_TABLE names it, and tests that need it skip without.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

Json = dict[str, Any]
_PLAIN = {
    "Integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "Float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "String": lambda value: isinstance(value, str),
    "Boolean": lambda value: isinstance(value, bool),
    "True": lambda value: value is True,
    "InputFile": lambda value: isinstance(value, str),
}


@dataclass(frozen=True, slots=True)
class Table:
    methods: dict[str, Json]
    types: dict[str, Json]

    def problems(self, value: object, kind: str, where: str = "") -> list[str]:
        """Name what is wrong with a value as an object of a published type; nothing is an empty list."""
        where = where or kind
        if kind.startswith("Array of "):
            if not isinstance(value, list):
                return [f"{where} is no array"]
            inner = kind.removeprefix("Array of ")
            return [
                one for at, item in enumerate(value) for one in self.problems(item, inner, f"{where}[{at}]")
            ]
        if kind in _PLAIN:
            return [] if _PLAIN[kind](value) else [f"{where} is no {kind}: {value!r}"]
        published = self.types[kind]
        if subtypes := published.get("subtypes"):
            return min((self.problems(value, one, where) for one in subtypes), key=len)
        if not isinstance(value, dict):
            return [f"{where} is no {kind}: {value!r}"]
        return self._fields(value, published.get("fields", []), where)

    def call_problems(self, method: str, params: Json, files: Json) -> list[str]:
        """Name what is wrong with a recorded call, its form fields read as Telegram reads them."""
        if method not in self.methods:
            return [f"{method} is no method"]
        fields = self.methods[method].get("fields", [])
        types = {one["name"]: one["types"] for one in fields}
        read = {name: _read(value, types.get(name, [])) for name, value in params.items()}
        read |= {name: "" for name in files if name in types}
        return self._fields(read, fields, method)

    def _fields(self, value: Json, fields: list[Json], where: str) -> list[str]:
        known = {one["name"]: one for one in fields}
        found = [f"{where}.{name} is unknown" for name in value.keys() - known.keys()]
        found += [
            f"{where}.{name} is missing"
            for name, one in known.items()
            if one["required"] and name not in value
        ]
        for name, inner in value.items():
            if name in known:
                tried: list[list[str]] = [
                    self.problems(inner, kind, f"{where}.{name}") for kind in known[name]["types"]
                ]
                fewest: list[str] = min(tried, key=len)
                found += fewest
        return found


def _read(value: Any, types: list[str]) -> Any:
    """Read a form field as the value it stands for."""
    if not isinstance(value, str) or ("String" in types and "Integer" not in types):
        return value
    try:
        return json.loads(value.lower() if "Boolean" in types else value)
    except ValueError:
        return value


def load() -> Table:
    """Load the table, or a skip that says how not to."""
    path = os.environ.get("BOT_API_TABLE")
    if not path:
        pytest.skip("BOT_API_TABLE does not name the published Bot API table (JSON: methods, types)")
    raw = json.loads(Path(path).read_text(encoding="utf-8"))
    return Table(raw["methods"], raw["types"])
