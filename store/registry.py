"""What the national do-not-call registry said: its lists, area by area, and from which day they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store.campaign_tables import registry_checks, registry_lists
from store.subject import is_hash
from store.suppression import hash_of
from store.transaction import insert_into, pieces, read, writing


@dataclass(frozen=True, slots=True)
class RegistryList:
    """The newest list of an area. `prefix` begins its numbers, like +1202; `as_of` is the list's day, Unix seconds."""

    prefix: str
    authority: str
    as_of: float
    numbers: int


def area_of(number: str) -> str:
    """The area of a number whose registry is kept area by area: its area code in North America, else its first digits.

    Registries elsewhere are one list for a country; an area of theirs is `+` and the calling code.
    """
    import phonenumbers

    if number.startswith("+1"):
        return number[:5]
    return f"+{phonenumbers.parse(number).country_code}"


async def put_registry(engine: AsyncEngine, words: Sequence[tuple[str, float, bool]]) -> None:
    """Keep what the national registry said: number, when, whether it lists it. The newest word stays."""
    async with writing(engine) as connection:
        for some in pieces(words):
            put = insert_into(connection, registry_checks)
            put = put.values([{"number": n, "checked_at": at, "listed": listed} for n, at, listed in some])
            newer = {"checked_at": put.excluded.checked_at, "listed": put.excluded.listed}
            put = put.on_conflict_do_update(
                index_elements=["number"], set_=newer, where=put.excluded.checked_at > registry_checks.c.checked_at
            )
            await connection.execute(put)


async def put_lists(engine: AsyncEngine, areas: Mapping[str, int], authority: str, as_of: float) -> None:
    """Keep that whole lists of these areas, with so many numbers, are on record; the newest of an area stays."""
    rows = [{"prefix": area, "authority": authority, "as_of": as_of, "numbers": n} for area, n in areas.items()]
    async with writing(engine) as connection:
        for some in pieces(rows):
            put = insert_into(connection, registry_lists).values(list(some))
            newer = {name: put.excluded[name] for name in ("authority", "as_of", "numbers")}
            put = put.on_conflict_do_update(
                index_elements=["prefix"], set_=newer, where=put.excluded.as_of >= registry_lists.c.as_of
            )
            await connection.execute(put)


async def lists(engine: AsyncEngine) -> tuple[RegistryList, ...]:
    """The newest list of each area."""
    return tuple(RegistryList(**row) for row in await read(engine, sa.select(registry_lists).order_by("prefix")))


async def word_of(connection: AsyncConnection, number: str) -> tuple[float, bool] | None:
    """When the registry was last asked about a number, and whether it lists it; None: it was not asked.

    A number that is on an older list, and not on its area's newest one, is not listed any more.
    """
    own = await _row(connection, number)
    area = sa.select(registry_lists.c.as_of).where(registry_lists.c.prefix == area_of(number))
    as_of = await connection.scalar(area)
    if own is None and as_of is not None and await _has_erased(connection):
        own = await _row(connection, await hash_of(connection, number))
    if own is None or (as_of is not None and as_of > own[0] and not is_hash(own[2])):
        return None if as_of is None else (float(as_of), False)
    return own[0], own[1]


async def _row(connection: AsyncConnection, number: str) -> tuple[float, bool, str] | None:
    query = sa.select(registry_checks).where(registry_checks.c.number == number)
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else (float(row["checked_at"]), bool(row["listed"]), str(row["number"]))


async def _has_erased(connection: AsyncConnection) -> bool:
    column = registry_checks.c.number
    return bool(await connection.scalar(sa.select(sa.exists().where(column >= "scrypt:", column < "scrypt;"))))


async def forget(connection: AsyncConnection, numbers: Sequence[str]) -> int:
    """Erase numbers; of one that a registry lists its hash stays, so that it does not become one that is not listed."""
    count = 0
    for number in numbers:
        theirs: Any = registry_checks.c.number == number
        row = await _row(connection, number)
        if row is None:
            continue
        count += (await connection.execute(sa.delete(registry_checks).where(theirs))).rowcount
        if row[1]:
            kept = {"number": await hash_of(connection, number), "checked_at": row[0], "listed": True}
            await connection.execute(insert_into(connection, registry_checks).values(kept).on_conflict_do_nothing())
    return count
