"""Who must not be called: by number, and by the number's hash where all else about it was erased. The one list."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tables
from store.campaign_tables import callbacks, leads, phones
from store.closing import cancel_callbacks, closed
from store.subject import hashed
from store.transaction import insert_into, pieces

_SALT = "suppression_salt"
#: An opt-out in one campaign is the campaign's affair; every other one stops the gate.
CAMPAIGN: Final = "campaign"
#: A lead in one of these states has an attempt; whoever ends that attempt closes the lead.
UNDER_WAY: Final = ("dialing", "in_call")


@dataclass(frozen=True, slots=True)
class OptOut:
    """A wish not to be called. `about` is the seller or the campaign meant, "" for all. Unix seconds.

    (`call_id`, `effect_id`) makes it one, however often it is told. Only those of scope campaign may expire.
    """

    number: str
    scope: str
    at: float
    source: str
    call_id: str
    effect_id: str
    about: str = ""
    expires_at: float | None = None
    reason: str = ""


async def suppressed(connection: AsyncConnection, number: str) -> bool:
    """Whether this number (`+` and digits) opted out of more than one campaign's calls. Costs a slow hash only where
    numbers were erased."""
    if await among(connection, [number]):
        return True
    column = tables.suppressions.c.number
    if not await connection.scalar(sa.select(sa.exists().where(column >= "scrypt:", column < "scrypt;"))):
        return False
    known = await connection.scalar(sa.select(tables.installation.c.value).where(tables.installation.c.name == _SALT))
    if known is None:
        return False
    theirs = await asyncio.to_thread(hashed, number, known)
    return bool(await connection.scalar(sa.select(sa.exists().where(column == theirs))))


async def among(connection: AsyncConnection, numbers: Sequence[str], campaign: str = "") -> set[str]:
    """Those of the numbers that opted out of everything, or of this campaign. Numbers that were erased are not among
    them: their slow hash is asked before the INVITE, one by one."""
    table = tables.suppressions.c
    concerned = (table.scope != CAMPAIGN) | (table.about.in_(["", campaign]))
    found: set[str] = set()
    for some in pieces(numbers):
        query = sa.select(table.number).where(table.number.in_(some), concerned)
        found |= set((await connection.execute(query)).scalars())
    return found


async def keep(connection: AsyncConnection, opt_outs: Sequence[OptOut]) -> None:
    """Keep opt-outs, close the leads with these numbers and cancel their callbacks, within the caller's transaction.

    A lead whose call is under way is left to whoever ends that call.
    """
    if not opt_outs:
        return
    table = tables.suppressions
    rows = [{name: getattr(entry, name) for name in OptOut.__dataclass_fields__} for entry in opt_outs]
    await connection.execute(insert_into(connection, table).on_conflict_do_nothing(), rows)
    for entry_scope in {(entry.scope, entry.about, entry.at) for entry in opt_outs}:
        numbers = [entry.number for entry in opt_outs if (entry.scope, entry.about, entry.at) == entry_scope]
        await _close_leads(connection, numbers, *entry_scope)


async def _close_leads(connection: AsyncConnection, numbers: Sequence[str], scope: str, about: str, at: float) -> None:
    theirs = sa.select(phones.c.lead).where(phones.c.number.in_(numbers))
    if scope == CAMPAIGN and about:
        theirs = theirs.where(phones.c.campaign == about)
    elif scope == "seller" and about:
        return  # which campaigns are this seller's is in their files: the policy refuses them
    waiting = leads.c.state.not_in((*UNDER_WAY, "closed"))
    await connection.execute(sa.update(leads).where(leads.c.id.in_(theirs), waiting).values(closed("dnc", at)))
    await cancel_callbacks(connection, callbacks.c.lead.in_(theirs), at)


async def hash_of(connection: AsyncConnection, number: str) -> str:
    """The number's hash under this installation's salt, which is made the first time."""
    table = tables.installation
    query = sa.select(table.c.value).where(table.c.name == _SALT)
    salt = await connection.scalar(query)
    if salt is None:
        salt = secrets.token_hex(16)
        await connection.execute(sa.insert(table).values(name=_SALT, value=salt))
    return await asyncio.to_thread(hashed, number, str(salt))
