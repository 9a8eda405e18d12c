"""Erasing a number from campaigns: its leads keep what says nothing about a person, its permissions go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store.campaign_tables import attempts, callbacks, consents, leads, phones
from store.registry import forget as forget_registry
from store.subject import ERASED, Subject

#: Tables of lists, which may be long: what they hold is found by their indexes, or by the number's last digits.
BY_NUMBER = ("phones", "shelves", "registry_checks")


async def forget_leads(connection: AsyncConnection, subject: Subject, done: Counter[str]) -> None:
    """Erase a number's leads, attempts, callbacks and permissions, within the caller's transaction.

    A lead is left as a closed row without a person, so that counts and reports still add up.
    """
    number = subject.e164
    theirs = sa.select(phones.c.lead).where(phones.c.number == number)
    ids = list((await connection.execute(theirs)).scalars())
    if ids:
        mine = leads.c.id.in_(ids)
        nobody: dict[str, object] = {
            "person": {},
            "external_id": None,
            "number": ERASED,
            "decision": {},
            "owner": "",
            "due_at": None,
        }
        reason = sa.case((leads.c.state == "closed", leads.c.closed_reason), else_="erased")
        closed = {"state": "closed", "closed_reason": reason}
        done["leads"] += (await connection.execute(sa.update(leads).where(mine).values(**nobody, **closed))).rowcount
        for table, values in (
            (attempts, {"number": ERASED, "decision": {}, "sip_phrase": ""}),
            (callbacks, {"number": ERASED, "spoken": ""}),
        ):
            changed = await connection.execute(sa.update(table).where(table.c.lead.in_(ids)).values(**values))
            done[table.name] += changed.rowcount
        numbers = list((await connection.execute(sa.select(phones.c.number).where(phones.c.lead.in_(ids)))).scalars())
        done["phones"] += (await connection.execute(sa.delete(phones).where(phones.c.lead.in_(ids)))).rowcount
        await _forget_permissions(connection, numbers, done)
    await _forget_permissions(connection, [number], done)


async def _forget_permissions(connection: AsyncConnection, numbers: Sequence[str], done: Counter[str]) -> None:
    gone = await connection.execute(sa.delete(consents).where(consents.c.number.in_(numbers)))
    done["consents"] += gone.rowcount
    done["registry_checks"] += await forget_registry(connection, numbers)


def worth_a_look(table: sa.Table, subject: Subject) -> sa.ColumnElement[bool]:
    """Which rows of a table may mention the number: of long lists those with its last two digits, else all."""
    if table.name not in ("leads", "consents"):
        return sa.true()
    ends = f"%{subject.tail[-2:]}%"
    texts = [column for column in table.columns if isinstance(column.type, sa.String | sa.JSON)]
    return sa.or_(*(sa.cast(column, sa.Text).like(ends) for column in texts))
