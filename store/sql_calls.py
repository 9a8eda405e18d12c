"""Calls in SQLite or Postgres, through SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from flows.model import Answer, Direction, Mode, Value
from store import tables
from store.calls import UNREACHED, Call, NewCall, Part, SipLeg, Turn, UnknownCall, suppression_key
from store.charges import CALL, Charge
from store.happenings import FAILED, Happening
from store.suppression import OptOut, keep, suppressed

_CHARGES_LOCK = 0x6C65_6164  #: any number that nothing else locks by
_NEWEST_FIRST = (tables.calls.c.created_at.desc(), tables.calls.c.id)


class SqlCalls:
    """`Calls` in a database whose schema is up to date; see `store.database.open_calls`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def begin(self, call: NewCall) -> None:
        row = {
            "id": call.id,
            "direction": call.direction.value,
            "flow": call.flow,
            "flow_hash": call.flow_hash,
            "room": call.room,
            "caller": call.caller,
            "callee": call.callee,
            "created_at": call.created_at,
            "lead": dict(call.lead),
            "record": {},
        }
        await self._write(self._insert(tables.calls).values(row).on_conflict_do_nothing())

    async def answered(self, call_id: str, at: float, sip_call_id: str = "") -> None:
        calls = tables.calls.c
        await self._update(
            call_id,
            answered_at=sa.func.coalesce(calls.answered_at, at),
            sip_call_id=sip_call_id or calls.sip_call_id,
        )

    async def add_turn(self, call_id: str, turn: Turn) -> None:
        row = {
            "call_id": call_id,
            "n": turn.n,
            "who": turn.who,
            "text": turn.text,
            "mode": turn.mode,
            "slot": turn.slot,
            "at": turn.at,
            "response_ms": turn.response_ms,
            "interrupted": turn.interrupted,
            "timing": dict(turn.timing),
        }
        await self._write_of(call_id, self._insert(tables.turns).values(row).on_conflict_do_nothing())

    async def put_answers(self, call_id: str, answers: tuple[Answer, ...]) -> None:
        rows = [_answer_row(call_id, answer) for answer in answers]
        if not rows:
            await self.get(call_id)
            return
        await self._put(tables.answers, ("call_id", "slot"), rows)

    async def opt_out(self, number: str, scope: str, at: float, source: str, call_id: str, effect_id: str) -> None:
        async with self._engine.begin() as connection:
            await keep(connection, [OptOut(suppression_key(number), scope, at, source, call_id, effect_id)])

    async def is_suppressed(self, number: str) -> bool:
        key = suppression_key(number)
        if not key:
            return False
        async with self._engine.connect() as connection:
            return await suppressed(connection, key)

    async def sip_result(self, call_id: str, status: int | None, phrase: str) -> None:
        await self._update(call_id, sip_status=status, sip_phrase=phrase)

    async def finish(
        self, call_id: str, disposition: str, score: int, record: Mapping[str, object], ended_at: float
    ) -> None:
        result = {"disposition": disposition, "score": score, "record": dict(record), "ended_at": ended_at}
        if disposition in UNREACHED:
            await self._update(call_id, **result)
            return
        calls = tables.calls.c
        stays = sa.func.coalesce(calls.disposition, "").in_(UNREACHED)
        statement = sa.update(tables.calls).where(calls.id == call_id, ~stays).values(result)
        async with self._engine.begin() as connection:
            changed = (await connection.execute(statement)).rowcount
        if not changed:
            await self.get(call_id)

    async def put_recording(self, call_id: str, part: Part) -> None:
        row = {"call_id": call_id, **{name: getattr(part, name) for name in Part.__dataclass_fields__}}
        await self._put(tables.recordings, ("call_id", "number"), [row])

    async def get(self, call_id: str) -> Call:
        found = await self._calls(sa.select(tables.calls).where(tables.calls.c.id == call_id))
        if not found:
            raise UnknownCall(call_id)
        return found[0]

    async def find(self, prefix: str, limit: int = 10) -> tuple[Call, ...]:
        starts = tables.calls.c.id.startswith(prefix, autoescape=True)
        return await self._calls(sa.select(tables.calls).where(starts).order_by(*_NEWEST_FIRST).limit(limit))

    async def list(self, limit: int = 20) -> tuple[Call, ...]:
        return await self._calls(sa.select(tables.calls).order_by(*_NEWEST_FIRST).limit(limit))

    async def turns(self, call_id: str) -> tuple[Turn, ...]:
        table = tables.turns
        rows = await self._rows(sa.select(table).where(table.c.call_id == call_id).order_by(table.c.n))
        return tuple(Turn(**{name: row[name] for name in Turn.__dataclass_fields__}) for row in rows)

    async def answers(self, call_id: str) -> tuple[Answer, ...]:
        table = tables.answers
        rows = await self._rows(sa.select(table).where(table.c.call_id == call_id).order_by(table.c.at, table.c.slot))
        return tuple(_answer(row) for row in rows)

    async def recordings(self, call_id: str) -> tuple[Part, ...]:
        table = tables.recordings
        rows = await self._rows(sa.select(table).where(table.c.call_id == call_id).order_by(table.c.number))
        return tuple(Part(**{name: row[name] for name in Part.__dataclass_fields__}) for row in rows)

    async def keep_flow(self, flow_hash: str, name: str, body: str) -> None:
        row = {"hash": flow_hash, "name": name, "body": body}
        await self._write(self._insert(tables.flows).values(row).on_conflict_do_nothing())

    async def flow_body(self, flow_hash: str) -> str | None:
        query = sa.select(tables.flows.c.body).where(tables.flows.c.hash == flow_hash)
        async with self._engine.connect() as connection:
            return cast("str | None", await connection.scalar(query))

    async def reserve(self, charge: Charge, since: float, limit: float | None) -> bool:
        row = {"call_id": charge.call_id, "leg": charge.leg, "at": charge.at, "rate": charge.rate}
        row |= {"longest_s": charge.longest_s}
        table = tables.charges
        insert = self._insert(table)
        if limit is None:
            statement = insert.values(row)
        else:
            fits = _spent(since).scalar_subquery() + charge.most <= limit
            values = [sa.literal(value, table.c[name].type) for name, value in row.items()]
            statement = insert.from_select(list(row), sa.select(*values).where(fits))
        there = sa.select(sa.exists().where(table.c.call_id == charge.call_id, table.c.leg == charge.leg))
        async with self._engine.begin() as connection:
            if self._engine.dialect.name == "postgresql":  # one at a time; SQLite's writers are so anyhow
                await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CHARGES_LOCK)))
            await connection.execute(statement.on_conflict_do_nothing())
            return bool(await connection.scalar(there))

    async def settle(self, call_id: str, leg: str, seconds: float) -> None:
        table = tables.charges
        mine = (table.c.call_id == call_id) & (table.c.leg == leg)
        await self._write(sa.update(table).where(mine).values(settled_s=seconds))

    async def spent(self, since: float) -> float:
        async with self._engine.connect() as connection:
            return float(await connection.scalar(_spent(since)) or 0.0)

    async def note(self, call_id: str, happening: Happening) -> None:
        row = {"call_id": call_id, "at": happening.at, "source": happening.source, "name": happening.name}
        row |= {"facts": dict(happening.facts)}
        await self._write(self._insert(tables.happenings).values(row).on_conflict_do_nothing())

    async def lost(self, limit: int = 20) -> tuple[tuple[str, Happening], ...]:
        table = tables.happenings
        known = sa.exists().where(tables.calls.c.sip_call_id == table.c.call_id)
        inbound = table.c.facts["direction"].as_string() == "inbound"
        query = sa.select(table).where(table.c.name == FAILED, inbound, ~known).order_by(table.c.at.desc()).limit(limit)
        return tuple((row["call_id"], _happening(row)) for row in await self._rows(query))

    async def happenings(self, call_id: str) -> tuple[Happening, ...]:
        table = tables.happenings
        rows = await self._rows(sa.select(table).where(table.c.call_id == call_id).order_by(table.c.at))
        return tuple(_happening(row) for row in rows)

    def _insert(self, table: sa.Table) -> sqlite.Insert:
        # Both dialects spell ON CONFLICT with the same methods; SQLAlchemy types them apart.
        if self._engine.dialect.name == "postgresql":
            return cast("sqlite.Insert", postgresql.insert(table))
        return sqlite.insert(table)

    async def _write(self, statement: sa.Executable) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(statement)

    async def _put(self, table: sa.Table, key: tuple[str, str], rows: Sequence[dict[str, object]]) -> None:
        """Write rows of one call in place of those with the same key."""
        insert = self._insert(table).values(rows)
        changed = {name: insert.excluded[name] for name in rows[0] if name not in key}
        await self._write_of(str(rows[0]["call_id"]), insert.on_conflict_do_update(index_elements=key, set_=changed))

    async def _write_of(self, call_id: str, statement: sa.Executable) -> None:
        """Write a row that belongs to a call; the foreign key says when there is none."""
        try:
            await self._write(statement)
        except IntegrityError:
            raise UnknownCall(call_id) from None

    async def _update(self, call_id: str, **values: object) -> None:
        statement = sa.update(tables.calls).where(tables.calls.c.id == call_id).values(**values)
        async with self._engine.begin() as connection:
            if (await connection.execute(statement)).rowcount == 0:
                raise UnknownCall(call_id)

    async def _rows(self, query: sa.Select[Any]) -> tuple[sa.RowMapping, ...]:
        async with self._engine.connect() as connection:
            return tuple((await connection.execute(query)).mappings())

    async def _calls(self, query: sa.Select[Any]) -> tuple[Call, ...]:
        return tuple(_call(row) for row in await self._rows(query))


def _happening(row: sa.RowMapping) -> Happening:
    return Happening(row["at"], row["source"], row["name"], row["facts"])


def _spent(since: float) -> sa.Select[Any]:
    charge, call = tables.charges.c, tables.calls.c
    up = call.ended_at - sa.func.coalesce(call.answered_at, call.ended_at)
    seconds = sa.case(
        (charge.settled_s.is_not(None), charge.settled_s),
        ((charge.leg == CALL) & call.ended_at.is_not(None), sa.case((up > 0, up), else_=0.0)),
        else_=charge.longest_s,
    )
    joined = tables.charges.outerjoin(tables.calls, charge.call_id == call.id)
    total = sa.func.coalesce(sa.func.sum(charge.rate * seconds / 60), 0.0)
    return sa.select(total).select_from(joined).where(charge.at >= since)


def _call(row: sa.RowMapping) -> Call:
    begun = NewCall(
        id=row["id"],
        direction=Direction(row["direction"]),
        flow=row["flow"],
        flow_hash=row["flow_hash"],
        room=row["room"],
        caller=row["caller"],
        callee=row["callee"],
        created_at=row["created_at"],
        lead=row["lead"],
    )
    return Call(
        begun,
        SipLeg(row["sip_call_id"], row["sip_status"], row["sip_phrase"]),
        answered_at=row["answered_at"],
        ended_at=row["ended_at"],
        disposition=row["disposition"],
        score=row["score"],
        record=row["record"],
    )


def _answer_row(call_id: str, answer: Answer) -> dict[str, object]:
    return {
        "call_id": call_id,
        "slot": answer.slot,
        "value": dict(answer.value) if isinstance(answer.value, Mapping) else answer.value,
        "raw": answer.raw,
        "mode": answer.mode.value,
        "confirmed": answer.confirmed,
        "tries": answer.tries,
        "certainty": answer.certainty,
        "at": answer.at,
    }


def _answer(row: sa.RowMapping) -> Answer:
    return Answer(
        slot=row["slot"],
        value=_value(row["value"]),
        raw=row["raw"],
        mode=Mode(row["mode"]),
        confirmed=row["confirmed"],
        tries=row["tries"],
        certainty=row["certainty"],
        at=row["at"],
    )


def _value(stored: Value | list[int | float | str | None]) -> Value:
    """JSON has no tuples: a list read back is the tuple that was stored."""
    return tuple(stored) if isinstance(stored, list) else stored
