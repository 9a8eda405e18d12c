"""Who must not be called: by number, and by the number's hash where all else about it was erased."""

from __future__ import annotations

import asyncio
import secrets

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tables
from store.subject import hashed

_SALT = "suppression_salt"


async def suppressed(connection: AsyncConnection, number: str) -> bool:
    """Whether this number (`+` and digits) opted out. Costs a slow hash only where numbers were erased."""
    column = tables.suppressions.c.number
    if await connection.scalar(sa.select(sa.exists().where(column == number))):
        return True
    known = await connection.scalar(sa.select(tables.installation.c.value).where(tables.installation.c.name == _SALT))
    if known is None:
        return False
    theirs = await asyncio.to_thread(hashed, number, known)
    return bool(await connection.scalar(sa.select(sa.exists().where(column == theirs))))


async def hash_of(connection: AsyncConnection, number: str) -> str:
    """The number's hash under this installation's salt, which is made the first time."""
    table = tables.installation
    query = sa.select(table.c.value).where(table.c.name == _SALT)
    salt = await connection.scalar(query)
    if salt is None:
        salt = secrets.token_hex(16)
        await connection.execute(sa.insert(table).values(name=_SALT, value=salt))
    return await asyncio.to_thread(hashed, number, str(salt))
