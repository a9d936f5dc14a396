"""Writes segments: from passages, or by merging others. Decides which are merged, and when.

Few segments are searched faster. Large ones are rewritten rarely.

"""

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

from retrieval.index import segment, spelling
from retrieval.index.forward_index import ForwardIndex, heading_tokens
from retrieval.index.inverted_index import MAX_SEGMENT_PASSAGES, InvertedIndex, Vocabulary, digests, row_ends
from retrieval.index.segment import SUFFIX, ArrayWriter, LiveSegment, Mask, MaskedSegment, Segment
from retrieval.model import Passage, document_id_of


def write_segment(folder: Path, passages: Sequence[Passage], max_piece_chars: int) -> Segment:
    """Index passages (at least one) in a new file in `folder`.

    A document's passages come one after the other. `max_piece_chars` is in characters. Raises OSError, and
    ValueError if a passage is too long or there are too many.
    """
    forward, words = ForwardIndex.build(passages, max_piece_chars)
    postings = InvertedIndex.build(forward.vocabulary, forward.tokens)
    documents = [
        list(of_document) for _, of_document in groupby(passages, lambda passage: passage.document_name)
    ]
    names = [
        json.dumps([of_document[0].document_name, of_document[0].title]).encode() for of_document in documents
    ]
    heading_fields = InvertedIndex.build(*heading_tokens(passages))
    encoder_keys = segment.encoder_keys(passages, forward.pieces, forward.piece_ends)
    languages = Counter(passage.language for passage in passages)
    codes = {language: code for code, language in enumerate(languages)}
    records = _pack_records(passages, forward)

    def write(writer: ArrayWriter) -> dict[str, Any]:
        _write_terms(forward.vocabulary, postings, writer)
        _write_heading_fields(heading_fields, writer)
        writer.add("encoder_offsets", encoder_keys.offsets)
        writer.add("encoder_keys", encoder_keys.values)
        writer.add("token_offsets", forward.tokens.offsets)
        writer.add("tokens", forward.tokens.values)
        writer.add("record_offsets", _row_offsets(records))
        writer.add("records", np.frombuffer(b"".join(records), np.uint8))
        writer.add("record_sums", np.array([crc32(record) for record in records], np.uint32))
        writer.add("passage_names", digests(passage.id for passage in passages))
        writer.add("passage_languages", np.array([codes[passage.language] for passage in passages], np.uint8))
        writer.add("documents", _row_offsets(documents))
        writer.add("document_names", digests(document_id_of(of_document[0].id) for of_document in documents))
        writer.add("document_offsets", _row_offsets(names))
        writer.add("document_rows", np.frombuffer(b"".join(names), np.uint8))
        buckets = spelling.write_buckets(spelling.group_words(words), writer)
        return {"shelves": buckets, "languages": languages}

    return _write_file(folder, write)


def merge_segments(folder: Path, parts: Sequence[MaskedSegment]) -> Segment:
    """Merge the passages where each segment's mask is true into a new file in `folder`. Raises OSError.

    A mask is true for all passages of a document or for none.
    """
    counts = [_count_forms(part, mask) for part, mask in parts]
    vocabulary, numbers = Vocabulary.merge([part.vocabulary for part, _ in parts], counts)
    postings = InvertedIndex.merge([(part.postings, mask) for part, mask in parts])
    heading_fields = InvertedIndex.merge([(part.heading_fields, mask) for part, mask in parts])
    languages = sum((part.count_languages(mask) for part, mask in parts), Counter[str]())
    codes = {language: code for code, language in enumerate(languages)}

    def tokens() -> Iterator[NDArray[Any]]:
        for (part, mask), new in zip(parts, numbers, strict=True):
            for block in _read_blocks(part, "tokens", "token_offsets", mask):
                yield new[block]

    def new_codes(part: Segment) -> NDArray[np.uint8]:
        return np.array([codes.get(language, 0) for language in part.languages], np.uint8)

    def write(writer: ArrayWriter) -> dict[str, Any]:
        _write_terms(vocabulary, postings, writer)
        _write_heading_fields(heading_fields, writer)
        _copy_rows(parts, "encoder_keys", "encoder_offsets", writer, np.uint64)
        writer.add("token_offsets", row_ends(postings.lengths))
        writer.add("tokens", tokens(), np.int32)
        _copy_rows(parts, "records", "record_offsets", writer)
        writer.add("record_sums", np.concatenate([part.arrays["record_sums"][mask] for part, mask in parts]))
        writer.add(
            "passage_names", np.concatenate([part.arrays["passage_names"][mask] for part, mask in parts])
        )
        writer.add(
            "passage_languages",
            np.concatenate([new_codes(part)[part.arrays["passage_languages"][mask]] for part, mask in parts]),
        )
        documents = [(part, mask[part.document_starts[:-1]]) for part, mask in parts]
        sizes = [np.diff(part.document_starts)[mask] for part, mask in documents]
        writer.add("documents", row_ends(np.concatenate(sizes)))
        writer.add(
            "document_names",
            np.concatenate([part.arrays["document_names"][mask] for part, mask in documents]),
        )
        _copy_rows(documents, "document_rows", "document_offsets", writer)
        buckets = spelling.write_buckets(spelling.merge_buckets([part.spelling for part, _ in parts]), writer)
        return {"shelves": buckets, "languages": languages}

    return _write_file(folder, write)


def _write_file(folder: Path, write: Callable[[ArrayWriter], dict[str, Any]]) -> Segment:
    """Open a new segment of the arrays that `write` adds and the facts that it returns."""
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


def _write_terms(forms: Vocabulary, postings: InvertedIndex, writer: ArrayWriter) -> None:
    writer.add("form_names", forms.names)
    writer.add("form_terms", forms.terms)
    writer.add("form_kinds", forms.token_types)
    writer.add("form_lengths", forms.lengths)
    writer.add("gram_offsets", forms.grams.offsets)
    writer.add("grams", forms.grams.values)
    writer.add("terms", postings.terms)
    writer.add("list_offsets", postings.lists.offsets)
    writer.add("postings", postings.lists.values)
    writer.add("passage_lengths", postings.lengths)


def _write_heading_fields(fields: InvertedIndex, writer: ArrayWriter) -> None:
    # Saved segments name these fields `context`.
    writer.add("context_terms", fields.terms)
    writer.add("context_offsets", fields.lists.offsets)
    writer.add("context_postings", fields.lists.values)
    writer.add("context_lengths", fields.lengths)


def _pack_records(passages: Sequence[Passage], forward: ForwardIndex) -> list[bytes]:
    """Return the stored row of each passage: the number of its pieces (uint16), then its PassageRecord."""
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
                _pack_body(passage),
            )
        )
        for i, passage in enumerate(passages)
    ]


def _pack_body(passage: Passage) -> bytes:
    head = [
        passage.id,
        passage.span.start,
        passage.heading,
        passage.line,
        passage.paragraph,
        passage.language,
        passage.page,
        passage.unit,
        passage.label,
        segment.encode_line_marks(passage),
        passage.paragraphs,
        segment.encode_labels(passage),
        *segment.encode_scan(passage),
    ]
    return f"{json.dumps(head, separators=(',', ':'))}\n{passage.text}".encode()


def _row_offsets(rows: Sequence[Sized]) -> NDArray[np.int64]:
    return row_ends(np.array([len(row) for row in rows], np.int64))


def _copy_rows(
    parts: Sequence[MaskedSegment], name: str, offsets: str, writer: ArrayWriter, dtype: DTypeLike = np.uint8
) -> None:
    """Copy rows of the array `name`, which begin at the array `offsets`, where the mask is true."""
    lengths = [np.diff(part.arrays[offsets])[mask] for part, mask in parts]
    writer.add(offsets, row_ends(np.concatenate(lengths)))
    blocks = (_read_blocks(part, name, offsets, mask) for part, mask in parts)
    writer.add(name, chain.from_iterable(blocks), dtype)


def _read_blocks(part: Segment, name: str, offsets: str, mask: Mask) -> Iterator[NDArray[Any]]:
    """Yield the values of the rows where `mask` is true, runs of neighbouring rows together."""
    bounds = part.arrays[offsets]
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    for first, last in edges.reshape(-1, 2).tolist():
        yield from part.arrays.blocks(name, int(bounds[first]), int(bounds[last]))


def _count_forms(part: Segment, mask: Mask) -> NDArray[np.int64]:
    """Return how often each form occurs in the passages where `mask` is true."""
    counts = np.zeros(len(part.vocabulary), np.int64)
    for block in _read_blocks(part, "tokens", "token_offsets", mask):
        counts += np.bincount(block, minlength=len(counts))
    return counts


# A segment with more deleted passages than these is rewritten without them.
_MAX_DELETED_PASSAGES = 2_000


def force_merge(segments: Sequence[LiveSegment], folder: Path) -> list[LiveSegment]:
    """Merge neighbouring segments into as few new ones as possible, in the same order. Raises OSError.

    `folder` is for the new files. A segment has at most MAX_SEGMENT_PASSAGES passages.
    """
    groups: list[list[LiveSegment]] = []
    size = MAX_SEGMENT_PASSAGES
    for live in segments:
        if size + live.size > MAX_SEGMENT_PASSAGES:
            groups.append([])
            size = 0
        groups[-1].append(live)
        size += live.size
    return [
        LiveSegment(merge_segments(folder, [(live.segment, live.alive) for live in group]))
        for group in groups
    ]


def maybe_merge(
    segments: Sequence[LiveSegment], folder: Path, max_passages: int = MAX_SEGMENT_PASSAGES
) -> list[LiveSegment]:
    """Merge segments of similar size until each is more than twice as large as all smaller ones together.

    So a passage is copied about log2(passages) times. Merges into more than `max_passages` are left for
    another time. Returns the segments, largest first. Raises OSError.
    """
    merged = sorted(segments, key=lambda segment: -segment.size)
    while chosen := _choose_segments(merged, max_passages):
        rest = [segment for segment in merged if segment not in chosen]
        merged = sorted([*rest, *force_merge(chosen, folder)], key=lambda segment: -segment.size)
        delete_unused_segments(chosen, [*segments, *merged])
    return merged


def delete_unused_segments(segments: Sequence[LiveSegment], used: Sequence[LiveSegment]) -> None:
    """Delete the files of the segments that are not among `used`."""
    for live in segments:
        if live not in used:
            live.segment.path.unlink(missing_ok=True)


def _choose_segments(segments: Sequence[LiveSegment], max_passages: int) -> list[LiveSegment]:
    """Return the segments to merge next, none when all is done. `segments` come largest first."""
    chosen: list[LiveSegment] = []
    size = 0
    for index, live in reversed(list(enumerate(segments))):
        if size + live.size > min(max_passages, MAX_SEGMENT_PASSAGES):
            break
        if live.size <= 2 * size:
            chosen = list(segments[index:])
        size += live.size
    if len(chosen) > 1:
        return chosen
    return next(
        (
            [live]
            for live in segments
            if live.size <= max_passages and len(live.segment) - live.size > _MAX_DELETED_PASSAGES
        ),
        [],
    )
