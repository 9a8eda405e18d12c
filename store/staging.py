"""Imports of leads: in batches, each a short transaction, on shelves that nobody takes from until the last one is in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store.calls import StoreError
from store.campaign_tables import campaigns, consents, imports, leads, phones, shelves
from store.campaigns import OVER
from store.consents import Given, keep_consents
from store.suppression import among
from store.transaction import AT_ONCE, insert_into, pieces, writing

#: An importer that was not heard of for so long is dead.
DEAD_S: Final = 60.0


class ImportRunning(StoreError):
    """Another process imports this file, or another one into this campaign."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody may be: the name of a shelf."""

    country: str
    states: tuple[str, ...]
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewPhone:
    """A number of a lead, in the order in which they are tried."""

    number: str
    kind: str
    place: Place


@dataclass(frozen=True, slots=True)
class NewLead:
    """A row of a list, checked. `consent` is what the row itself says about the permission."""

    line: int
    phones: tuple[NewPhone, ...]
    person: Mapping[str, Any]
    external_id: str = ""
    priority: int = 50
    not_before: float | None = None
    expires_at: float | None = None
    consent: Given | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """An import to go on with; `finished_at` is set when this very file was imported before, with `counts`."""

    id: int
    finished_at: float | None
    counts: Mapping[str, int]


async def begin_import(
    engine: AsyncEngine, kind: str, campaign: str, sha256: str, name: str, now: float, by: str
) -> Begun:
    """Begin an import, or find that this file is in already. What a dead importer left is thrown away first.

    Raises ImportRunning.
    """
    async with writing(engine) as connection:
        same = (imports.c.kind == kind) & (imports.c.campaign == campaign)
        running = sa.select(imports).where(same, imports.c.state == "running")
        stale: list[int] = []
        for row in (await connection.execute(running)).mappings():
            if row["beat_at"] > now - DEAD_S:
                raise ImportRunning(f"{row['name']} is being imported at this moment; wait until it is done")
            stale.append(row["id"])
        done = await connection.execute(sa.select(imports).where(same, imports.c.sha256 == sha256))
        if (there := done.mappings().first()) is not None and there["state"] == "done":
            return Begun(there["id"], there["finished_at"], there["counts"])
    for left in stale:
        await discard(engine, left)
    new = {"kind": kind, "campaign": campaign, "sha256": sha256, "name": name, "by": by, "state": "running"}
    async with writing(engine) as connection:
        begun = sa.insert(imports).values(**new, counts={}, columns={}, begun_at=now, beat_at=now)
        return Begun(int((await connection.execute(begun.returning(imports.c.id))).scalar_one()), None, {})


async def discard(engine: AsyncEngine, import_id: int) -> None:
    """Remove what an import that was not finished has staged, in batches, then the import."""
    lead_ids = sa.select(leads.c.id).where(leads.c.import_id == import_id).limit(AT_ONCE)
    while True:
        async with writing(engine) as connection:
            some = list((await connection.execute(lead_ids)).scalars())
            await connection.execute(sa.delete(phones).where(phones.c.lead.in_(some)))
            await connection.execute(sa.delete(leads).where(leads.c.id.in_(some)))
        if not some:
            break
    given = sa.select(consents.c.id).where(consents.c.import_id == import_id).limit(AT_ONCE)
    while True:
        async with writing(engine) as connection:
            if not (await connection.execute(sa.delete(consents).where(consents.c.id.in_(given)))).rowcount:
                break
    async with writing(engine) as connection:
        await connection.execute(sa.delete(shelves).where(shelves.c.import_id == import_id))
        await connection.execute(sa.delete(imports).where(imports.c.id == import_id))


async def finish_import(
    engine: AsyncEngine, import_id: int, counts: Mapping[str, int], columns: Mapping[str, str], now: float
) -> None:
    """Make all of an import's leads takeable at once."""
    done = {"state": "done", "counts": dict(counts), "columns": dict(columns), "finished_at": now, "beat_at": now}
    async with writing(engine) as connection:
        mine = (shelves.c.import_id == import_id) & shelves.c.opens_at.is_(None)
        await connection.execute(sa.update(shelves).where(mine).values(opens_at=0.0))
        await connection.execute(sa.update(imports).where(imports.c.id == import_id).values(done))


class Staging:
    """One import of leads into one campaign."""

    def __init__(self, engine: AsyncEngine, import_id: int, campaign: str, *, elsewhere: bool = False) -> None:
        """`elsewhere`: leads that are in another campaign, too, are taken."""
        self._engine = engine
        self._import = import_id
        self._campaign = campaign
        self._elsewhere = elsewhere
        self._shelves: dict[Place, int] = {}

    async def stage(self, batch: Sequence[NewLead], now: float) -> dict[int, str]:
        """Keep a batch in one transaction; returns why lines were left out, by line. Numbers that are in the campaign
        already are taken off a lead; a lead without another number is left out."""
        async with writing(self._engine) as connection:
            fresh, refused = await self._screened(connection, batch)
            for place in dict.fromkeys(phone.place for lead in fresh for phone in lead.phones):
                if place not in self._shelves:
                    self._shelves[place] = await self._new_shelf(connection, place)
            if fresh:
                ids = await self._insert(connection, fresh, now)
                await self._insert_phones(connection, fresh, ids)
                given = [(phone.number, lead.consent) for lead in fresh if lead.consent for phone in lead.phones[:1]]
                await keep_consents(connection, given, now, self._import)
            beat = sa.update(imports).where(imports.c.id == self._import).values(beat_at=now)
            await connection.execute(beat)
        return refused

    async def screen(self, batch: Sequence[NewLead]) -> dict[int, str]:
        """What `stage` would leave out, without keeping anything."""
        async with self._engine.connect() as connection:
            return (await self._screened(connection, batch))[1]

    async def _screened(
        self, connection: AsyncConnection, batch: Sequence[NewLead]
    ) -> tuple[list[NewLead], dict[int, str]]:
        numbers = list(dict.fromkeys(phone.number for lead in batch for phone in lead.phones))
        opted_out = await among(connection, numbers, self._campaign)
        taken = await self._taken(connection, numbers)
        external = await self._external_ids(connection, [lead.external_id for lead in batch if lead.external_id])
        fresh, refused = [], {}
        for lead in batch:
            why = ""
            if any(phone.number in opted_out for phone in lead.phones):
                why = "suppressed: this number asked not to be called"
            elif lead.external_id in external:
                why = f"duplicate: the external id {lead.external_id!r} is in the campaign already"
            left = tuple(phone for phone in lead.phones if phone.number not in taken)
            if not why and not left:
                why = f"duplicate: {taken[lead.phones[0].number]}"
            if why:
                refused[lead.line] = why
                continue
            taken |= {phone.number: "the number is in the campaign already" for phone in left}
            if lead.external_id:
                external.add(lead.external_id)
            fresh.append(replace(lead, phones=left))
        return fresh, refused

    async def _taken(self, connection: AsyncConnection, numbers: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for some in pieces(numbers):
            there = sa.select(phones.c.number, phones.c.campaign).where(phones.c.number.in_(some))
            if self._elsewhere:
                there = there.where(phones.c.campaign == self._campaign)
            else:
                over = sa.select(campaigns.c.name).where(campaigns.c.state.in_(OVER))
                there = there.where((phones.c.campaign == self._campaign) | phones.c.campaign.not_in(over))
            for number, campaign in (await connection.execute(there)).all():
                here = campaign == self._campaign
                found[number] = f"the number is in the campaign {'already' if here else campaign}"
        return found

    async def _external_ids(self, connection: AsyncConnection, ids: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for some in pieces(ids):
            there = sa.select(leads.c.external_id).where(
                leads.c.campaign == self._campaign, leads.c.external_id.in_(some)
            )
            found |= {str(known) for known in (await connection.execute(there)).scalars()}
        return found

    async def _new_shelf(self, connection: AsyncConnection, place: Place) -> int:
        row = {"country": place.country, "states": list(place.states), "zones": list(place.zones)}
        kept = sa.insert(shelves).values(campaign=self._campaign, import_id=self._import, **row)
        return int((await connection.execute(kept.returning(shelves.c.id))).scalar_one())

    async def _insert(self, connection: AsyncConnection, batch: Sequence[NewLead], now: float) -> Sequence[int]:
        ids = await _new_ids(connection, len(batch))
        rows = [
            {
                "id": lead_id,
                "campaign": self._campaign,
                "import_id": self._import,
                "line": lead.line,
                "shelf": self._shelves[lead.phones[0].place],
                "external_id": lead.external_id or None,
                "number": lead.phones[0].number,
                "state": "pending" if lead.not_before is None else "wait_retry",
                "priority": lead.priority,
                "due_at": lead.not_before,
                "expires_at": lead.expires_at,
                "decision": {},
                "person": dict(lead.person),
                "changed_at": now,
            }
            for lead_id, lead in zip(ids, batch, strict=True)
        ]
        await connection.execute(sa.insert(leads), rows)
        return ids

    async def _insert_phones(self, connection: AsyncConnection, batch: Sequence[NewLead], ids: Sequence[int]) -> None:
        rows = [
            {
                "campaign": self._campaign,
                "number": phone.number,
                "lead": lead_id,
                "position": position,
                "kind": phone.kind,
                "shelf": self._shelves[phone.place],
            }
            for lead_id, lead in zip(ids, batch, strict=True)
            for position, phone in enumerate(lead.phones)
        ]
        await connection.execute(insert_into(connection, phones), rows)


async def _new_ids(connection: AsyncConnection, count: int) -> Sequence[int]:
    """Ids for so many leads: known before they are written, which makes one plain statement of many rows."""
    if connection.dialect.name == "postgresql":
        drawn = sa.text("SELECT nextval(pg_get_serial_sequence('leads', 'id')) FROM generate_series(1, :count)")
        return [int(value) for value in (await connection.execute(drawn, {"count": count})).scalars()]
    first = int(await connection.scalar(sa.select(sa.func.max(leads.c.id))) or 0) + 1  # nobody else writes now
    return range(first, first + count)
