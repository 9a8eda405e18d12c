"""A list becomes leads: screened by the policy row by row, staged in short transactions, callable when all is in."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO, TypeAlias

from sqlalchemy.ext.asyncio import AsyncEngine

from campaigns.campaign_file import CampaignFile
from campaigns.edits import at_import
from campaigns.leadlist import Cells, Reader, Row, RowError, open_list, understood
from campaigns.policy.rulepack import RulePack
from campaigns.screening import Screen
from campaigns.seen import Seen
from store import campaigns
from store.audit import Entry, note
from store.consents import consents_of
from store.staging import NewLead, Staging, begin_import, finish_import
from store.transaction import AT_ONCE, writing

#: What may become of a row.
RESULTS: Final = ("accepted", "duplicate", "invalid", "suppressed", "no-consent", "no-timezone", "not-allowed")

Keep: TypeAlias = Callable[[Sequence[NewLead]], Awaitable[dict[int, str]]]
Progress: TypeAlias = Callable[[int, Mapping[str, int]], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be imported, and how."""

    campaign: CampaignFile
    file: Path
    rejects: Path  #: where rows that were left out go, with the reason
    mapped: Mapping[str, str] = field(default_factory=dict)
    elsewhere: bool = False  #: take leads that are in another campaign, too
    dry_run: bool = False
    by: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the rows. `again`: this very file is in the campaign already, and nothing was done."""

    counts: Mapping[str, int]
    columns: Mapping[str, str]
    again: bool = False


async def import_leads(
    engine: AsyncEngine,
    wish: Wish,
    packs: Mapping[str, RulePack],
    now: Callable[[], float],
    on_progress: Progress = lambda *_: None,
) -> Imported:
    """Import a list; `on_progress` is told the bytes read and the counts so far.

    Either all of it is callable in the end or nothing: leads of an import that was cut short are thrown away by the
    next one. Raises ListError, ImportRunning, NotNow, OSError.
    """
    name = wish.campaign.campaign
    if wish.dry_run:
        with Seen() as seen:
            rehearsed = Staging(engine, 0, name, elsewhere=wish.elsewhere)

            async def look(batch: Sequence[NewLead]) -> dict[int, str]:
                return seen.left_out(batch, await rehearsed.screen(batch))

            return await _read(engine, wish, packs, look, now, on_progress)
    digest = sha256_of(wish.file)
    await campaigns.put(engine, wish.campaign.spec(), now(), wish.by, at_import)
    begun = await begin_import(engine, "leads", name, digest, wish.file.name, now(), wish.by)
    if begun.finished_at is not None:
        return Imported(begun.counts, {}, again=True)
    staging = Staging(engine, begun.id, name, elsewhere=wish.elsewhere)

    async def stage(batch: Sequence[NewLead]) -> dict[int, str]:
        return await staging.stage(batch, now())

    done = await _read(engine, wish, packs, stage, now, on_progress)
    await finish_import(engine, begun.id, done.counts, done.columns, now())
    async with writing(engine) as connection:
        told = {"file": wish.file.name, "sha256": digest, **done.counts}
        await note(connection, Entry(now(), wish.by, "import leads", name, told))
    return done


def sha256_of(file: Path) -> str:
    """The identity of a file's bytes."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


async def _read(
    engine: AsyncEngine,
    wish: Wish,
    packs: Mapping[str, RulePack],
    keep: Keep,
    now: Callable[[], float],
    on_progress: Progress,
) -> Imported:
    counts: Counter[str] = Counter()
    screen = Screen(wish.campaign, packs)
    with ExitStack() as files:
        raw = files.enter_context(wish.file.open("rb"))
        reader = open_list(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""), wish.mapped)
        rejects = _Rejects(wish.rejects, reader.header)
        files.callback(rejects.close)
        for batch in _batches(reader):
            rows, refused = _understood(reader, batch, wish.campaign)
            on_record = await consents_of(engine, screen.numbers(rows))
            screened = screen.look(rows, on_record, datetime.fromtimestamp(now(), UTC))
            refused |= {**screened.refused, **await keep(screened.leads)}
            for line, cells in batch:
                why = refused.get(line, "")
                counts[why.partition(":")[0] if why else "accepted"] += 1
                if why:
                    rejects.add(line, why, cells)
            on_progress(raw.tell(), counts)
    return Imported({name: counts[name] for name in RESULTS}, dict(reader.columns))


def _understood(reader: Reader, batch: Sequence[Cells], campaign: CampaignFile) -> tuple[list[Row], dict[int, str]]:
    rows, refused = [], {}
    for line, cells in batch:
        try:
            rows.append(understood(reader, line, cells, campaign.purpose, campaign.seller))
        except RowError as wrong:
            refused[line] = f"invalid: {wrong}"
    return rows, refused


def _batches(reader: Reader) -> Iterator[list[Cells]]:
    batch: list[Cells] = []
    for row in reader:
        batch.append(row)
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


class _Rejects:
    """The file of rows that were left out, begun with the first; mended, it may be imported as it is."""

    def __init__(self, path: Path, header: Sequence[str]) -> None:
        self._path = path
        self._header = ["leadline_line", "leadline_result", "leadline_reason", *_not_ours(header)]
        self._ours = [index for index, name in enumerate(header) if name.startswith("leadline_")]
        self._file: TextIO | None = None

    def add(self, line: int, why: str, cells: Sequence[str]) -> None:
        if self._file is None:
            self._file = self._path.open("w", encoding="utf-8-sig", newline="")
            csv.writer(self._file).writerow(self._header)
        result, _, reason = why.partition(": ")
        theirs = [cell for index, cell in enumerate(cells) if index not in self._ours]
        csv.writer(self._file).writerow([line, result, reason, *theirs])

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _not_ours(header: Sequence[str]) -> list[str]:
    return [name for name in header if not name.startswith("leadline_")]
