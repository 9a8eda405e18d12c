"""Lists of numbers as CSV for the do-not-call list and for permissions: read row by row, kept in batches."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from campaigns.importing import sha256_of
from campaigns.leadlist import ListError, Reader, RowError, consent_in, moment_in, open_list, told_in
from campaigns.numbers import classify
from store.audit import Entry, note
from store.consents import Given
from store.permissions import import_opt_outs, keep_batch
from store.registry import area_of, put_lists, put_registry
from store.staging import begin_import, discard, finish_import
from store.suppression import CAMPAIGN, OptOut
from store.transaction import AT_ONCE, writing


@dataclass(slots=True)
class Taken:
    """What became of the rows; `refused` are the first faults, by line. `again`: this very file was imported before."""

    new: int = 0
    known: int = 0
    invalid: int = 0
    again: bool = False
    refused: dict[int, str] = field(default_factory=dict)

    def refuse(self, line: int, why: str) -> None:
        """Count a row that cannot be used, and remember the first hundred."""
        self.invalid += 1
        if len(self.refused) < 100:
            self.refused[line] = why


async def import_dnc(
    engine: AsyncEngine,
    file: Path,
    region: str,
    source: str,
    by: str,
    now: Callable[[], float],
    *,
    dry_run: bool = False,
) -> Taken:
    """Put a file's numbers on the do-not-call list, batch by batch, each in force at once. A file that breaks off may be
    imported again. Raises ListError, ImportRunning, OSError."""
    taken = Taken()
    async for begun, rows in _batches(engine, "dnc", file, by, now, taken, dry_run=dry_run):
        found: dict[tuple[str, str], OptOut] = {}
        for line, cells, reader in rows:
            try:
                entry = _opt_out(
                    told_in(reader, cells), region, OptOut("", "", now(), source, f"import-{begun}", f"line {line}")
                )
            except RowError as wrong:
                taken.refuse(line, str(wrong))
                continue
            found.setdefault((entry.number, entry.about), entry)
        entries = list(found.values())
        if not dry_run:
            new = await import_opt_outs(engine, entries)
            taken.new, taken.known = taken.new + new, taken.known + len(entries) - new
        else:
            taken.new += len(entries)
    return taken


@dataclass(frozen=True, slots=True)
class Registry:
    """A national registry's list: whose it is, the day from which it is (Unix seconds), where its numbers are from, and
    areas (like +1202) that it covers although none of its numbers are there."""

    authority: str
    as_of: float
    region: str
    areas: tuple[str, ...] = ()


async def import_registry(
    engine: AsyncEngine,
    file: Path,
    of: Registry,
    by: str,
    now: Callable[[], float],
    *,
    skip_invalid: bool = False,
    dry_run: bool = False,
) -> Taken:
    """Keep a registry's whole list. When all of it is in, numbers of its areas which are not on it count as asked about.

    A row that cannot be read may be a listed number: with one, nothing rests on the list unless `skip_invalid`. `new`
    counts all numbers. Raises ListError, ImportRunning, OSError.
    """
    taken, areas = Taken(), Counter[str](dict.fromkeys(of.areas, 0))
    key = f"{of.authority} {datetime.fromtimestamp(of.as_of, UTC).isoformat()}"

    async def whole() -> None:
        if not areas:
            raise ListError("the list has no number and no --area: it would say nothing about anybody")
        if taken.invalid and not skip_invalid:
            line, why = next(iter(taken.refused.items()))
            told = f"{taken.invalid} rows cannot be read (line {line}: {why}), and may be listed numbers"
            raise ListError(f"{told}: mend the file, or say --skip-invalid. No call rests on this list")
        if not dry_run:
            await put_lists(engine, areas, of.authority, of.as_of)

    batches = _batches(engine, "registry", file, by, now, taken, dry_run=dry_run, key=key, before_done=whole)
    async for _, rows in batches:
        numbers = _listed(rows, of.region, taken)
        areas.update(map(area_of, numbers))
        taken.new += len(numbers)
        if not dry_run:
            await put_registry(engine, [(number, of.as_of, True) for number in numbers])
    return taken


def _listed(rows: list[tuple[int, list[str], Reader]], region: str, taken: Taken) -> list[str]:
    numbers = set[str]()
    for line, cells, reader in rows:
        try:
            told = told_in(reader, cells)
        except RowError as wrong:
            taken.refuse(line, str(wrong))
            continue
        written = told.get("custom.area_code", "") + told.get("phone", "")
        if number := classify(written, region).e164:
            numbers.add(number)
        else:
            taken.refuse(line, f"{written[:40]!r} is no telephone number")
    return sorted(numbers)


def _opt_out(told: Mapping[str, str], region: str, entry: OptOut) -> OptOut:
    """A row's opt-out: of all calls, unless the row is an exported one of a campaign. Raises RowError."""
    number = classify(told.get("phone", ""), region).e164
    if not number:
        raise RowError(f"{told.get('phone', '')[:40]!r} is no telephone number")
    about = told.get("custom.about", "") if told.get("custom.scope") == CAMPAIGN else ""
    expires = moment_in(told, "expires_at") if about else None
    scope, reason = CAMPAIGN if about else "global", told.get("custom.reason", "")
    return replace(entry, number=number, scope=scope, about=about, expires_at=expires, reason=reason)


async def import_consents(
    engine: AsyncEngine,
    file: Path,
    wanted: Mapping[str, str],
    by: str,
    now: Callable[[], float],
    *,
    dry_run: bool = False,
) -> Taken:
    """Keep a file's permissions. `wanted` has region, seller and purpose for rows that have none of their own.

    A row that lacks one of the fields that 16 CFR 310.5(a)(8) names is left out. Raises ListError, ImportRunning, OSError.
    """
    taken = Taken()
    async for begun, rows in _batches(engine, "consent", file, by, now, taken, dry_run=dry_run):
        given: list[tuple[str, Given]] = []
        for line, cells, reader in rows:
            try:
                given.append(_consent(told_in(reader, cells), wanted, now()))
            except RowError as wrong:
                taken.refuse(line, str(wrong))
        if not dry_run:
            new, known = await keep_batch(engine, given, now(), begun)
            taken.new, taken.known = taken.new + new, taken.known + known
        else:
            taken.new += len(given)
    return taken


def _consent(told: Mapping[str, str], wanted: Mapping[str, str], now: float) -> tuple[str, Given]:
    number = classify(told.get("phone", ""), wanted["region"]).e164
    if not number:
        raise RowError(f"{told.get('phone', '')[:40]!r} is no telephone number")
    custom = {name: told.get(f"custom.{name}", "") or wanted[name] for name in ("seller", "purpose")}
    if not custom["seller"] or not custom["purpose"]:
        raise RowError(
            "the row does not say to which seller and for which purpose; add columns, or --seller and --purpose"
        )
    given = consent_in(told, custom["purpose"], custom["seller"])
    if given is None:
        raise RowError("there is no consent_type; write written, express or inquiry")
    if given.obtained_at > now:
        raise RowError("the consent is dated in the future")
    return number, given


async def _batches(
    engine: AsyncEngine,
    kind: str,
    file: Path,
    by: str,
    now: Callable[[], float],
    taken: Taken,
    *,
    dry_run: bool,
    key: str = "",
    before_done: Callable[[], Awaitable[None]] | None = None,
) -> AsyncIterator[tuple[int, list[tuple[int, list[str], Reader]]]]:
    """Yield the import's id and its rows, batch by batch; keep that it was done, with its audit entry.

    An import with `before_done`, which is asked whether all is well, is forgotten when a ListError is raised.
    """
    digest = sha256_of(file)
    begun = 0
    if not dry_run:
        started = await begin_import(engine, kind, key, digest, file.name, now(), by)
        if started.finished_at is not None:
            taken.again = True
            return
        begun = started.id
    columns: dict[str, str] = {}
    try:
        for batch in _rows(file, columns):
            yield begun, batch
        if before_done is not None:
            await before_done()
    except ListError:
        if begun and before_done is not None:
            await discard(engine, begun)
        raise
    if not dry_run:
        counts = {"new": taken.new, "known": taken.known, "invalid": taken.invalid}
        await finish_import(engine, begun, counts, columns, now())
        async with writing(engine) as connection:
            told = {"file": file.name, "sha256": digest, **counts}
            await note(connection, Entry(now(), by, f"{kind} import", "", told))


def _rows(file: Path, columns: dict[str, str]) -> Iterator[list[tuple[int, list[str], Reader]]]:
    with file.open("rb") as raw:
        lines, bare = _with_header(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""))
        reader = open_list(lines)
        columns |= reader.columns
        batch: list[tuple[int, list[str], Reader]] = []
        for line, cells in reader:
            batch.append((line - bare, cells, reader))
            if len(batch) == AT_ONCE:
                yield batch
                batch = []
        if batch:
            yield batch


def _with_header(lines: Iterator[str]) -> tuple[Iterator[str], bool]:
    """A bare list of numbers, one a line, gets the header that it lacks; tells whether it was bare."""
    try:
        first = next(lines, "")
    except UnicodeDecodeError as wrong:
        raise ListError(f"the file is no UTF-8 text (byte {wrong.start}); save it as “CSV UTF-8”") from None
    if re.fullmatch(r"\d{3},\d{7}\s*", first):  # as the FTC's files are: area code, number
        return itertools.chain(["area code,phone\n", first], lines), True
    bare = classify(next(csv.reader([first]), [""])[0] if first.strip() else "").e164
    return itertools.chain(["phone\n"] if bare else [], [first] if first else [], lines), bool(bare)
