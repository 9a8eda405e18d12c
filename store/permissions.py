"""What a person at the terminal changes about permissions and opt-outs: with its audit entry, in one transaction."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store import tables
from store.audit import Entry, note
from store.consents import Given, Kept, keep_consents, read_consents, revoke
from store.subject import is_hash
from store.suppression import CAMPAIGN, OptOut, among, hash_of, keep
from store.transaction import rows_of, writing


async def add_consent(engine: AsyncEngine, number: str, given: Given, now: float, by: str) -> bool:
    """Keep a permission. False when the same one is on record already."""
    async with writing(engine) as connection:
        before = (await read_consents(connection, [number])).get(number, ())
        await keep_consents(connection, [(number, given)], now)
        after = (await read_consents(connection, [number])).get(number, ())
        if len(after) == len(before):
            return False
        told = {"kind": given.kind, "purpose": given.purpose, "seller": given.seller, "source": given.source}
        await note(connection, Entry(now, by, "consent add", await hash_of(connection, number), told))
    return True


async def revoke_consent(
    engine: AsyncEngine, number: str, now: float, by: str, how: str, *, seller: str = "", purpose: str = ""
) -> int:
    """Withdraw a number's permissions; returns how many were in force."""
    async with writing(engine) as connection:
        count = await revoke(connection, number, now, how, seller=seller, purpose=purpose)
        told = {"how": how, "seller": seller, "purpose": purpose, "count": count}
        await note(connection, Entry(now, by, "consent revoke", await hash_of(connection, number), told))
    return count


async def keep_batch(
    engine: AsyncEngine, given: Sequence[tuple[str, Given]], now: float, import_id: int
) -> tuple[int, int]:
    """Keep a batch of permissions; returns how many were new, and how many were on record."""
    async with writing(engine) as connection:
        there = await read_consents(connection, list({number for number, _ in given}))
        known = {(number, _key(kept.given)) for number, all_of_it in there.items() for kept in all_of_it}
        new = {(number, _key(one)): (number, one) for number, one in given if (number, _key(one)) not in known}
        await keep_consents(connection, new.values(), now, import_id)
    return len(new), len(given) - len(new)


def _key(given: Given) -> tuple[str, str, str, float]:
    return given.seller, given.purpose, given.kind, given.obtained_at


async def add_opt_outs(
    engine: AsyncEngine, opt_outs: Sequence[OptOut], now: float, by: str, *, told: bool = True
) -> int:
    """Put numbers on the list, in force at once; those that are on it in this scope stay as they are.

    Returns how many are new. `told`: with an audit entry for each.
    """
    async with writing(engine) as connection:
        new = [one for one in opt_outs if one.number not in await _listed(connection, one)]
        await keep(connection, [replace(one, effect_id=one.effect_id or uuid.uuid4().hex) for one in new])
        for one in new if told else ():
            details = {"scope": one.scope, "about": one.about, "source": one.source, "reason": one.reason}
            await note(connection, Entry(now, by, "dnc add", await hash_of(connection, one.number), details))
    return len(new)


async def import_opt_outs(engine: AsyncEngine, opt_outs: Sequence[OptOut]) -> int:
    """Put a batch of numbers on the list, in force at once; returns how many are new."""
    async with writing(engine) as connection:
        everywhere = await among(connection, [one.number for one in opt_outs])
        new = []
        for one in opt_outs:
            there = everywhere if one.scope != CAMPAIGN else everywhere | await _listed(connection, one)
            if one.number not in there:
                new.append(one)
        await keep(connection, new)
    return len(new)


async def remove_opt_out(engine: AsyncEngine, number: str, now: float, by: str, reason: str) -> int:
    """Take a number off the list, whatever put it there; returns how many entries went. Leads that it closed stay closed."""
    async with writing(engine) as connection:
        gone = sa.delete(tables.suppressions).where(tables.suppressions.c.number == number)
        count = (await connection.execute(gone)).rowcount
        if count:
            told = {"reason": reason, "entries": count}
            await note(connection, Entry(now, by, "dnc remove", await hash_of(connection, number), told))
    return count


async def opt_outs_of(engine: AsyncEngine, number: str) -> tuple[OptOut, ...]:
    """All entries of a number, oldest first."""
    table = tables.suppressions
    async with engine.connect() as connection:
        rows = await rows_of(connection, sa.select(table).where(table.c.number == number).order_by(table.c.at))
    return tuple(_opt_out(row) for row in rows)


async def every_opt_out(engine: AsyncEngine) -> AsyncIterator[OptOut]:
    """The whole list, row by row; erased numbers, of which only a hash is left, are left out."""
    table = tables.suppressions
    async with engine.connect() as connection:
        async for row in (await connection.stream(sa.select(table).order_by(table.c.at))).mappings():
            if row["number"] and not is_hash(row["number"]):
                yield _opt_out(row)


async def consents_on_record(engine: AsyncEngine, number: str) -> tuple[Kept, ...]:
    """A number's permissions, newest first."""
    async with engine.connect() as connection:
        return (await read_consents(connection, [number])).get(number, ())


async def _listed(connection: AsyncConnection, one: OptOut) -> set[str]:
    table = tables.suppressions.c
    same = (table.number == one.number) & (table.scope == one.scope) & (table.about == one.about)
    return set((await connection.execute(sa.select(table.number).where(same))).scalars())


def _opt_out(row: sa.RowMapping) -> OptOut:
    return OptOut(**{name: row[name] for name in OptOut.__dataclass_fields__})
