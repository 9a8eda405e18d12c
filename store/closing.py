"""What closing a lead and cancelling a callback write, the same for whoever does it: opt-outs, dialers, people."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store.campaign_tables import callbacks


def closed(reason: str, at: float) -> dict[str, Any]:
    """The columns of a lead that is closed and held by nobody. Unix seconds."""
    return {"state": "closed", "closed_reason": reason, "owner": "", "due_at": None, "changed_at": at}


async def cancel_callbacks(connection: AsyncConnection, which: sa.ColumnElement[bool], at: float) -> None:
    """Cancel those of the callbacks that are still open, within the caller's transaction."""
    open_ones = which & (callbacks.c.state == "open")
    await connection.execute(sa.update(callbacks).where(open_ones).values(state="cancelled", closed_at=at))
