"""Permissions to call, as they were given and withdrawn: rows that are kept for years, texts once each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store.campaign_tables import consent_texts, consents
from store.transaction import insert_into, pieces, rows_of


@dataclass(frozen=True, slots=True)
class Given:
    """A permission as it was given (16 CFR 310.5). `kind`: written, express, inquiry. `obtained_at`: Unix seconds."""

    kind: str
    purpose: str
    seller: str
    obtained_at: float
    text: str  #: exactly as it was shown
    source: str  #: how and where: a form's address, a call's id
    person: str = ""
    evidence: str = ""  #: a URI or a hash of what proves it


@dataclass(frozen=True, slots=True)
class Kept:
    """A permission on record."""

    id: int
    number: str
    given: Given
    kept_at: float
    revoked_at: float | None
    revoked_how: str


async def keep_consents(
    connection: AsyncConnection, given: Iterable[tuple[str, Given]], now: float, import_id: int | None = None
) -> None:
    """Keep permissions by number; one that is on record stays as it is, withdrawn or not."""
    rows, texts = [], {}
    for number, consent in given:
        text_hash = hashlib.sha256(consent.text.encode()).hexdigest()
        texts[text_hash] = consent.text
        row = {name: getattr(consent, name) for name in Given.__dataclass_fields__ if name != "text"}
        rows.append(row | {"number": number, "text_hash": text_hash, "kept_at": now, "import_id": import_id})
    if not rows:
        return
    known = insert_into(connection, consent_texts).on_conflict_do_nothing()
    await connection.execute(known, [{"hash": name, "text": text} for name, text in texts.items()])
    await connection.execute(insert_into(connection, consents).on_conflict_do_nothing(), rows)


async def consents_of(engine: AsyncEngine, numbers: Sequence[str]) -> dict[str, tuple[Kept, ...]]:
    """All permissions of some numbers, newest first."""
    async with engine.connect() as connection:
        return await read_consents(connection, numbers)


async def read_consents(connection: AsyncConnection, numbers: Sequence[str]) -> dict[str, tuple[Kept, ...]]:
    """The same within a transaction."""
    found: dict[str, tuple[Kept, ...]] = {}
    joined = consents.join(consent_texts, consents.c.text_hash == consent_texts.c.hash)
    for some in pieces(numbers):
        query = sa.select(consents, consent_texts.c.text).select_from(joined).where(consents.c.number.in_(some))
        for row in await rows_of(connection, query.order_by(consents.c.obtained_at.desc(), consents.c.id)):
            found[row["number"]] = (*found.get(row["number"], ()), _kept(row))
    return found


async def revoke(
    connection: AsyncConnection, number: str, now: float, how: str, *, seller: str = "", purpose: str = ""
) -> int:
    """Withdraw all permissions of a number, or those for one seller or purpose. Returns how many were in force."""
    theirs: Any = (consents.c.number == number) & consents.c.revoked_at.is_(None)
    if seller:
        theirs &= sa.func.lower(consents.c.seller) == seller.lower()
    if purpose:
        theirs &= consents.c.purpose == purpose
    gone = sa.update(consents).where(theirs).values(revoked_at=now, revoked_how=how)
    return (await connection.execute(gone)).rowcount


def _kept(row: sa.RowMapping) -> Kept:
    given = Given(**{name: row[name] for name in Given.__dataclass_fields__})
    return Kept(row["id"], row["number"], given, row["kept_at"], row["revoked_at"], row["revoked_how"])
