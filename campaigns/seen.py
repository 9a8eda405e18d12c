"""Which numbers and ids a list has shown so far, for a rehearsal that keeps nothing; on disk, however long the list."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from store.staging import NewLead


class Seen:
    """`with Seen() as seen:`; SQLite's own temporary file, gone at the end."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("")
        self._file.execute("CREATE TABLE seen (what TEXT PRIMARY KEY) WITHOUT ROWID")

    def left_out(self, batch: Sequence[NewLead], refused: dict[int, str]) -> dict[int, str]:
        """`refused`, with those that the list itself has twice."""
        told = dict(refused)
        for lead in batch:
            if lead.line in told:
                continue
            if lead.external_id and not self._new(f"id {lead.external_id}"):
                told[lead.line] = f"duplicate: the external id {lead.external_id!r} is in the campaign already"
            elif not any([self._new(phone.number) for phone in lead.phones]):
                told[lead.line] = "duplicate: the number is in the campaign already"
        return told

    def _new(self, what: str) -> bool:
        return self._file.execute("INSERT OR IGNORE INTO seen VALUES (?)", (what,)).rowcount == 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
