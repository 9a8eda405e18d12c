"""Telling a database that is away, and will be back, from one that refuses for good."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

#: SQLSTATE classes of PostgreSQL, appendix A: connection, transaction rolled back, resources, operator, system.
_PASSING = ("08", "40", "53", "57", "58")
_LOCKED = "55P03"


def is_away(error: BaseException) -> bool:
    """Whether the same write may well succeed later: the database is locked, full, restarting or unreachable."""
    if isinstance(error, OSError | PoolTimeout):  # TimeoutError is an OSError
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    # asyncpg's own errors while it connects are not wrapped by SQLAlchemy; both name the state so.
    state = str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")
    if state:
        return state.startswith(_PASSING) or state == _LOCKED
    return isinstance(error, OperationalError | InterfaceError)
