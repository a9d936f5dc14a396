"""Random edits of valid inputs. Hypothesis chooses and shrinks the edits, so a failure shows what matters."""

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.documents.samples import make_zip

_MAX_EDITS = 6
# More of them leave hardly an update that can be parsed.
_MAX_JSON_EDITS = 2
# A position is a share of the input, so that the same edits fit inputs of any length.
_POSITIONS = 2**20


@dataclass(frozen=True, slots=True)
class Edit:
    """Replaces `size` bytes at a position with `new`, or repeats them if `new` is None."""

    position: int
    size: int
    new: bytes | None


@dataclass(frozen=True, slots=True)
class JsonEdit:
    """Replaces a value of a JSON document, or removes it if `new` is ...; `place` counts its values."""

    place: int
    new: Any


_SPECIAL_BYTES = st.sampled_from(
    [
        b"",
        b"<",
        b">",
        b"&",
        b"\0",
        b"\xff",
        b"\xff" * 8,
        b"\x7f\xff\xff\xff",
        b"\0" * 8,
        b"\n",
        b'"',
        b"</",
        b"[" * 50,
    ]
)
_NUMBERS = st.integers(-(2**63), 2**64).map(str).map(str.encode)
_NEW = st.none() | _SPECIAL_BYTES | _NUMBERS | st.binary(max_size=16)
edits = st.lists(
    st.builds(Edit, st.integers(0, _POSITIONS - 1), st.sampled_from([0, 1, 2, 4, 8, 9, 64, 500]), _NEW),
    min_size=1,
    max_size=_MAX_EDITS,
)
_SPECIAL_TEXTS = (
    "", "x", "/start", "/ask", "/sources", "/overview", "/search", "/why", "/help", "/status", "/reload",
    "who?", "q1", "~q1", "c1:AAAAAAAA", "\ud800", "\u202e", "\x00", "e" + "\u0301" * 4095, "a" * 4096,
    "🗼" * 2048,
)  # fmt: skip
# Hypothesis prints strategies, so that they name long values by their numbers.
_TEXTS = st.integers(0, len(_SPECIAL_TEXTS) - 1).map(_SPECIAL_TEXTS.__getitem__) | st.text(
    st.characters(exclude_categories=()), max_size=30
)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 70)
    | st.sampled_from([2**31, 2**52, 2**63, -(2**63), 10**40])
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXTS
)
_VALUES = _SCALARS | st.lists(_SCALARS, max_size=2) | st.dictionaries(_TEXTS, _SCALARS, max_size=2)
json_edits = st.lists(
    st.builds(JsonEdit, st.integers(0, 300), st.just(...) | _VALUES), min_size=1, max_size=_MAX_JSON_EDITS
)


def apply(data: bytes, changes: Sequence[Edit]) -> bytes:
    edited = bytearray(data)
    for change in changes:
        start = len(edited) * change.position // _POSITIONS
        old = bytes(edited[start : start + change.size])
        edited[start : start + change.size] = old * 2 if change.new is None else change.new
    return bytes(edited)


def apply_to_entry(data: bytes, entry: int, changes: Sequence[Edit]) -> bytes:
    """Edit one entry of a ZIP archive, and return a sound archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    name = sorted(entries)[entry % len(entries)]
    return make_zip({**entries, name: apply(entries[name], changes)})


def apply_to_json(data: bytes, changes: Sequence[JsonEdit]) -> bytes:
    """Edit the values of a JSON document."""
    document = {"root": json.loads(data)}
    for change in changes:
        if places := _places(document):
            places[change.place % len(places)](change.new)
    return json.dumps(document.get("root")).encode()


def _places(value: Any) -> list[Callable[[Any], None]]:
    """Return a function for each value inside an object or array, which replaces or removes it."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    places: list[Callable[[Any], None]] = []
    for key in keys:

        def replace(new: Any, holder: Any = value, key: Any = key) -> None:
            if new is ...:
                del holder[key]
            else:
                holder[key] = new

        places += [replace, *_places(value[key])]
    return places
