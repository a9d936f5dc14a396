"""Documents that are damaged or made to do harm: each is a Document or a DocumentError."""

import io
import random
import zipfile
from contextlib import suppress
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import DocumentError
from retrieval.loaders.chunking import split_passages
from retrieval.loaders.formats import load
from retrieval.model import Document
from tests.documents import make

NAMES = list(make.DOCUMENTS)
ARCHIVES = ["guide.docx", "observatory.epub", "tea.pptx", "shop.xlsx"]


@cache
def whole(name: str) -> bytes:
    return make.DOCUMENTS[name]()


def check(document: Document) -> None:
    everything = sorted([*document.blocks, *(heading.span for heading in document.headings)])
    assert list(document.blocks) == sorted(document.blocks)
    assert all(a.end <= b.start for a, b in pairwise(everything))
    for span in everything:
        assert 0 <= span.start < span.end <= len(document.text)
        assert span.of(document.text) == span.of(document.text).strip()
    starts = [page.start for page in document.pages]
    assert starts == sorted(set(starts))
    assert all(0 <= start < len(document.text) for start in starts)
    document.text.encode()
    for passage in split_passages(document):
        assert passage.text == passage.span.of(document.text)


def mutated(data: bytes, seed: int) -> bytes:
    """Flip, cut out, repeat or put in some bytes."""
    chance, changed = random.Random(seed), bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(changed) + 1)
        size = chance.choice([1, 2, 9, 200])
        part = chance.choice([b"", chance.randbytes(size), bytes(changed[at : at + size]) * 2, b"<", b"\0"])
        changed[at : at + chance.choice([0, size])] = part
    return bytes(changed)


def part_mutated(data: bytes, seed: int) -> bytes:
    """Mutate what is in an archive, and pack it properly."""
    chance = random.Random(seed)
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    for name in chance.sample(sorted(entries), chance.randint(1, 3)):
        entries[name] = mutated(entries[name], seed)
    return make.archive(entries)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.binary(max_size=300) | st.binary(max_size=60).map(b"PK\3\4".__add__))
def test_any_bytes(name: str, data: bytes) -> None:
    """Any bytes give a sound document or a DocumentError."""
    with suppress(DocumentError):
        check(load(data, name))


@pytest.mark.parametrize("name", NAMES)
@given(seed=st.integers(0, 10**9))
def test_any_damage(name: str, seed: int) -> None:
    """A document with bytes changed, lost or repeated is read, or refused with a DocumentError."""
    with suppress(DocumentError):
        check(load(mutated(whole(name), seed), name))


@pytest.mark.parametrize("name", ARCHIVES)
@given(seed=st.integers(0, 10**9))
def test_any_damage_within(name: str, seed: int) -> None:
    """An archive whose parts are damaged is read, or refused with a DocumentError."""
    with suppress(DocumentError):
        check(load(part_mutated(whole(name), seed), name))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_cut_short(name: str, part: float) -> None:
    """A document that was copied in part is read as far as it goes, or refused with what to do."""
    data = whole(name)
    with suppress(DocumentError):
        check(load(data[: int(len(data) * part)], name))
