"""Segments are made: of passages, or of other segments."""

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Sized
from itertools import chain, groupby
from pathlib import Path
from typing import Any, BinaryIO, cast
from zlib import crc32

import numpy as np
from numpy.typing import DTypeLike, NDArray

from retrieval.ids import document_of
from retrieval.index import encoder_inputs, segment, spelling
from retrieval.index.arrays import ArrayWriter, row_ends
from retrieval.index.bm25 import Postings
from retrieval.index.context_fields import context_tokens
from retrieval.index.forward_index import ForwardIndex
from retrieval.index.segment import SUFFIX, Kept, Mask, Segment
from retrieval.index.vocabulary import Vocabulary, digests
from retrieval.model import Passage


def build(folder: Path, passages: Sequence[Passage], longest_piece: int) -> Segment:
    """Index passages, of which there is at least one, in a new file in a folder. Raises OSError."""
    forward, words = ForwardIndex.build(passages, longest_piece)
    postings = Postings.build(forward.forms, forward.tokens)
    documents = [list(own) for _, own in groupby(passages, lambda passage: passage.document)]
    named = [json.dumps([own[0].document, own[0].title]).encode() for own in documents]
    context = Postings.build(*context_tokens(passages))
    encoder_keys = encoder_inputs.encoder_keys(passages, forward.pieces, forward.piece_ends)
    languages = Counter(passage.language for passage in passages)
    codes = {language: code for code, language in enumerate(languages)}
    records = _packed(passages, forward)

    def write(writer: ArrayWriter) -> dict[str, Any]:
        _write_terms(forward.forms, postings, writer)
        _write_context(context, writer)
        writer.add("encoder_offsets", encoder_keys.offsets)
        writer.add("encoder_keys", encoder_keys.values)
        writer.add("token_offsets", forward.tokens.offsets)
        writer.add("tokens", forward.tokens.values)
        writer.add("record_offsets", _ends(records))
        writer.add("records", np.frombuffer(b"".join(records), np.uint8))
        writer.add("record_sums", np.array([crc32(record) for record in records], np.uint32))
        writer.add("passage_names", digests(passage.id for passage in passages))
        writer.add("passage_languages", np.array([codes[one.language] for one in passages], np.uint8))
        writer.add("documents", _ends(documents))
        writer.add("document_names", digests(document_of(own[0].id) for own in documents))
        writer.add("document_offsets", _ends(named))
        writer.add("document_rows", np.frombuffer(b"".join(named), np.uint8))
        shelves = spelling.write(spelling.shelved(words), writer)
        return {"shelves": shelves, "languages": languages}

    return _written(folder, write)


def merge(folder: Path, parts: Sequence[Kept]) -> Segment:
    """Put the documents that are kept of segments into one new file in a folder. Raises OSError."""
    counts = [_form_counts(part, kept) for part, kept in parts]
    forms, numbers = Vocabulary.merge([part.forms for part, _ in parts], counts)
    postings = Postings.merge([(part.postings, kept) for part, kept in parts])
    context = Postings.merge([(part.context, kept) for part, kept in parts])
    counted = [part.counted(kept) for part, kept in parts]
    languages = sum(counted, Counter[str]())
    codes = {language: code for code, language in enumerate(languages)}

    def tokens() -> Iterator[NDArray[Any]]:
        for (part, kept), new in zip(parts, numbers, strict=True):
            for block in _blocks(part, "tokens", "token_offsets", kept):
                yield new[block]

    def in_new_codes(part: Segment) -> NDArray[np.uint8]:
        return np.array([codes.get(language, 0) for language in part.languages], np.uint8)

    def write(writer: ArrayWriter) -> dict[str, Any]:
        _write_terms(forms, postings, writer)
        _write_context(context, writer)
        _add_rows(parts, "encoder_keys", "encoder_offsets", writer, np.uint64)
        writer.add("token_offsets", row_ends(postings.lengths))
        writer.add("tokens", tokens(), np.int32)
        _add_rows(parts, "records", "record_offsets", writer)
        writer.add("record_sums", np.concatenate([part.columns["record_sums"][kept] for part, kept in parts]))
        writer.add(
            "passage_names", np.concatenate([part.columns["passage_names"][kept] for part, kept in parts])
        )
        writer.add(
            "passage_languages",
            np.concatenate(
                [in_new_codes(part)[part.columns["passage_languages"][kept]] for part, kept in parts]
            ),
        )
        of_document = [(part, kept[part.documents[:-1]]) for part, kept in parts]
        sizes = [np.diff(part.documents)[kept] for part, kept in of_document]
        writer.add("documents", row_ends(np.concatenate(sizes)))
        writer.add(
            "document_names",
            np.concatenate([part.columns["document_names"][kept] for part, kept in of_document]),
        )
        _add_rows(of_document, "document_rows", "document_offsets", writer)
        shelves = spelling.write(spelling.merged([part.spelling for part, _ in parts]), writer)
        return {"shelves": shelves, "languages": languages}

    return _written(folder, write)


def _written(folder: Path, write: Callable[[ArrayWriter], dict[str, Any]]) -> Segment:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=SUFFIX, delete=False) as file:
        path = Path(file.name)
        try:
            writer = ArrayWriter(cast("BinaryIO", file))
            writer.close(write(writer))
            file.flush()
            return Segment(path)
        except BaseException:
            path.unlink()
            raise


def _write_terms(forms: Vocabulary, postings: Postings, writer: ArrayWriter) -> None:
    writer.add("form_names", forms.names)
    writer.add("form_terms", forms.terms)
    writer.add("form_kinds", forms.kinds)
    writer.add("form_lengths", forms.lengths)
    writer.add("gram_offsets", forms.grams.offsets)
    writer.add("grams", forms.grams.values)
    writer.add("terms", postings.terms)
    writer.add("list_offsets", postings.lists.offsets)
    writer.add("postings", postings.lists.values)
    writer.add("passage_lengths", postings.lengths)


def _write_context(context: Postings, writer: ArrayWriter) -> None:
    writer.add("context_terms", context.terms)
    writer.add("context_offsets", context.lists.offsets)
    writer.add("context_postings", context.lists.values)
    writer.add("context_lengths", context.lengths)


def _packed(passages: Sequence[Passage], forward: ForwardIndex) -> list[bytes]:
    """Give the passages as records, each with the number of its pieces before it."""
    columns = [forward.pieces.values, forward.piece_ends, forward.piece_tokens]
    pieces = np.stack(columns, axis=1).astype("<u2").tobytes()
    starts = forward.starts.astype("<u2").tobytes()
    cuts, tokens = forward.pieces.offsets.tolist(), forward.tokens.offsets.tolist()
    return [
        b"".join(
            (
                (cuts[i + 1] - cuts[i]).to_bytes(2, "little"),
                pieces[6 * cuts[i] : 6 * cuts[i + 1]],
                starts[2 * tokens[i] : 2 * tokens[i + 1]],
                _told(passage),
            )
        )
        for i, passage in enumerate(passages)
    ]


def _told(passage: Passage) -> bytes:
    told = [
        passage.id,
        passage.span.start,
        passage.heading,
        passage.line,
        passage.paragraph,
        passage.language,
        passage.page,
        passage.unit,
        passage.label,
        segment.packed(passage),
        passage.paragraphs,
    ]
    return f"{json.dumps(told, separators=(',', ':'))}\n{passage.text}".encode()


def _ends(rows: Sequence[Sized]) -> NDArray[np.int64]:
    return row_ends(np.array([len(row) for row in rows], np.int64))


def _add_rows(
    parts: Sequence[Kept], name: str, offsets: str, writer: ArrayWriter, kind: DTypeLike = np.uint8
) -> None:
    """Copy the rows that are kept."""
    lengths = [np.diff(part.columns[offsets])[kept] for part, kept in parts]
    writer.add(offsets, row_ends(np.concatenate(lengths)))
    blocks = (_blocks(part, name, offsets, kept) for part, kept in parts)
    writer.add(name, chain.from_iterable(blocks), kind)


def _blocks(part: Segment, name: str, offsets: str, kept: Mask) -> Iterator[NDArray[Any]]:
    """Read the rows that are kept, neighbours together."""
    at = part.columns[offsets]
    edges = np.flatnonzero(np.diff(kept, prepend=False, append=False))
    for first, last in edges.reshape(-1, 2).tolist():
        yield from part.columns.blocks(name, int(at[first]), int(at[last]))


def _form_counts(part: Segment, kept: Mask) -> NDArray[np.int64]:
    counts = np.zeros(len(part.forms), np.int64)
    for block in _blocks(part, "tokens", "token_offsets", kept):
        counts += np.bincount(block, minlength=len(counts))
    return counts
