"""Live broadcasts as values, as a worker would have written them."""

from dataclasses import replace

import msgspec

from media.window import Live, Master, Part, Piece, Record, Rendition, Segment, Tail

VIDEO = Rendition("v1", "video", "avc1.64001f", 3_000_000, 2_500_000, width=1280, height=720, fps=29.97, group="sound")
SMALL = Rendition("v2", "video", "avc1.42c01e", 900_000, 800_000, width=640, height=360, fps=29.97, group="sound")
AUDIO = Rendition("audio", "audio", "mp4a.40.2", 140_000, 128_000, group="sound", label="Stream", channels=2)
GENERATION = 1_795_000_000
TARGET_SECONDS = 2
PART_TARGET_US = 334_667
PARTS = 6
START_MS = 1_795_000_000_000
TIMESCALES = {"v1": 90_000, "v2": 90_000, "audio": 48_000}


def live_of(
    segments: int,
    open_parts: int = 0,
    *,
    first: int = 0,
    renditions: tuple[Rendition, ...] = (VIDEO, SMALL, AUDIO),
    breaks: frozenset[int] = frozenset(),
    slates: frozenset[int] = frozenset(),
    gaps: frozenset[tuple[str, int]] = frozenset(),
    tail_segments: int = 4,
    part_target_us: int = PART_TARGET_US,
    size_bytes: int = 500_000,
    is_ended: bool = False,
) -> Live:
    """A broadcast with so many whole segments of 2 s, the first of which is number `first`, and parts of an open one.

    A new run of the encoders begins with each of `breaks`; `gaps` are (rendition, sequence).
    """
    whole = range(first, first + segments)
    names = [item.name for item in renditions]
    records = [_record(number, names, breaks, slates, gaps, size_bytes) for number in whole]
    tails = {}
    for name in names:
        listed = [_segment(record, name) for record in records[max(0, segments - tail_segments) :]]
        if open_parts:
            listed.append(_open(first + segments, name, open_parts, breaks))
        tails[name] = Tail(
            segments=tuple(listed),
            generation=GENERATION,
            next_part=(first + segments) * PARTS + open_parts,
            counted_segments=segments,
            counted_bytes=segments * size_bytes,
            counted_us=segments * TARGET_SECONDS * 1_000_000,
            measured_peak_bps=size_bytes * 8 // TARGET_SECONDS,
        )
    return Live(
        generation=GENERATION,
        master=Master(renditions, TARGET_SECONDS, part_target_us),
        first_sequence=first,
        first_discontinuity=sum(number < first for number in breaks),
        records=records,
        tails=tails,
        is_ended=is_ended,
    )


def with_tail(live: Live, name: str, tail: Tail) -> Live:
    """The same with another tail of one rendition."""
    return replace(live, tails={**(live.tails or {}), name: tail})


def changed_tail(tail: Tail, **fields: object) -> Tail:
    """The same with some fields changed."""
    return msgspec.structs.replace(tail, **fields)


def _run(number: int, breaks: frozenset[int]) -> int:
    return 1 + sum(broken <= number for broken in breaks)


def _record(
    number: int,
    names: list[str],
    breaks: frozenset[int],
    slates: frozenset[int],
    gaps: frozenset[tuple[str, int]],
    size_bytes: int,
) -> Record:
    return Record(
        sequence=number,
        generation=GENERATION,
        run=_run(number, breaks),
        program_date_time_ms=START_MS + 2000 * number,
        duration_us=TARGET_SECONDS * 1_000_000,
        has_discontinuity=number in breaks,
        is_slate=number in slates,
        pieces={
            name: Piece(
                TARGET_SECONDS * TIMESCALES[name], TIMESCALES[name], size_bytes, 0 if name == "audio" else 40_000
            )
            for name in names
            if (name, number) not in gaps
        },
    )


def _segment(record: Record, name: str) -> Segment:
    piece = record.pieces.get(name)
    return Segment(
        sequence=record.sequence,
        generation=record.generation,
        run=record.run,
        timescale=TIMESCALES[name],
        duration_ticks=TARGET_SECONDS * TIMESCALES[name],
        program_date_time_ms=record.program_date_time_ms,
        size_bytes=piece.size_bytes if piece else 0,
        key_bytes=piece.key_bytes if piece else 0,
        has_discontinuity=record.has_discontinuity,
        is_gap=piece is None,
        is_slate=record.is_slate,
        parts=_parts(record.sequence, name, PARTS) if piece else (),
    )


def _open(number: int, name: str, parts: int, breaks: frozenset[int]) -> Segment:
    made = _parts(number, name, parts)
    return Segment(
        sequence=number,
        generation=GENERATION,
        run=_run(number, breaks),
        timescale=TIMESCALES[name],
        duration_ticks=sum(part.duration_ticks for part in made),
        program_date_time_ms=START_MS + 2000 * number,
        has_discontinuity=number in breaks,
        is_open=True,
        parts=made,
    )


def _parts(number: int, name: str, count: int) -> tuple[Part, ...]:
    ticks = TARGET_SECONDS * TIMESCALES[name] // PARTS
    return tuple(Part(number * PARTS + place, ticks, 80_000, name == "audio" or place == 0) for place in range(count))
