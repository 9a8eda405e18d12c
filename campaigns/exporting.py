"""Rows of a campaign as flat columns for CSV and JSON, by the column map that another system wants."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from store.calls import StoreError

#: The order is part of the contract; what is new comes last.
SCHEMA_VERSION: Final = 1
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "leads": (
        *("schema_version", "campaign", "lead", "external_id", "phone", "first_name", "last_name", "company", "title"),
        *("email", "state", "postal_code", "status", "closed_reason", "disposition", "score", "tries", "last_outcome"),
        *("due_at", "last_attempt_at", "last_attempt_local", "zone", "last_call_id"),
    ),
    "attempts": (
        *("schema_version", "campaign", "call_id", "lead", "external_id", "phone", "caller_id", "kind", "began_at"),
        *("began_local", "zone", "ringing_at", "answered_at", "ended_at", "sip_status", "sip_phrase", "outcome"),
        *("disposition", "counts", "flags", "amd", "first_audio_ms", "disclosed_at", "cost", "rules"),
    ),
    "callbacks": (
        *("schema_version", "campaign", "lead", "phone", "due_at", "due_local", "zone", "spoken", "status"),
        *("reschedules", "asked_in_call", "made_at", "closed_at"),
    ),
}
_E164: Final = re.compile(r"\+[1-9]\d{6,14}")
#: What spreadsheets take for a formula (CWE-1236).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\x00")
_PERSON: Final = ("first_name", "last_name", "company", "title", "email", "state", "postal_code")


class NoSuchColumn(StoreError):
    """The column map names something that there is not."""


def read_map(pairs: Sequence[str], what: str) -> dict[str, str]:
    """Header → column from "Header=column" (or "column" alone). Columns are those of COLUMNS, `answer.<slot>` and
    `custom.<header>`. Raises NoSuchColumn."""
    found = {}
    for pair in pairs:
        header, _, column = pair.rpartition("=")
        column = column.strip()
        if column not in COLUMNS[what] and not (what == "leads" and column.startswith(("answer.", "custom."))):
            known = ", ".join(COLUMNS[what]) + (", answer.<slot>, custom.<header>" if what == "leads" else "")
            raise NoSuchColumn(f"{column!r} is no column of {what}; there are {known}")
        found[header.strip() or column] = column
    return found or {name: name for name in COLUMNS[what]}


def flat(what: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A stored row as its columns."""
    return {"leads": _lead, "attempts": _attempt, "callbacks": _callback}[what](row)


def _lead(row: Mapping[str, Any]) -> dict[str, Any]:
    attempt = row["attempt"] or {}
    person = row["person"]
    told = {
        "lead": row["id"],
        "phone": row["number"],
        "status": row["state"],
        "due_at": _iso(row["due_at"]),
        "last_attempt_at": _iso(attempt.get("begun_at")),
        "last_attempt_local": _local(attempt.get("begun_at"), row["zone"]),
        "last_call_id": attempt.get("id", ""),
    }
    same = ("campaign", "external_id", "closed_reason", "disposition", "score", "tries", "last_outcome", "zone")
    told |= {name: row[name] for name in same} | {name: person.get(name, "") for name in _PERSON}
    told |= {f"answer.{slot}": value for slot, value in row["answers"].items()}
    return told | {f"custom.{name}": value for name, value in person.get("custom", {}).items()} | _VERSION


def _attempt(row: Mapping[str, Any]) -> dict[str, Any]:
    told = {"call_id": row["id"], "phone": row["number"], "began_at": _iso(row["begun_at"])}
    told |= {"began_local": _local(row["begun_at"], row["zone"]), "rules": row["decision"].get("rules", [])}
    same = (
        *("campaign", "lead", "external_id", "caller_id", "kind", "zone", "sip_status", "sip_phrase", "outcome"),
        *("disposition", "counts", "flags", "amd", "first_audio_ms", "cost"),
    )
    times = ("ringing_at", "answered_at", "ended_at", "disclosed_at")
    return told | {name: row[name] for name in same} | {name: _iso(row[name]) for name in times} | _VERSION


def _callback(row: Mapping[str, Any]) -> dict[str, Any]:
    told = {"phone": row["number"], "due_local": row["local"], "status": row["state"], "asked_in_call": row["call_id"]}
    times = ("due_at", "made_at", "closed_at")
    same = ("campaign", "lead", "zone", "spoken", "reschedules")
    return told | {name: row[name] for name in same} | {name: _iso(row[name]) for name in times} | _VERSION


_VERSION: Final = {"schema_version": SCHEMA_VERSION}


def cell(value: Any) -> str:
    """A value as a cell that no spreadsheet takes for a formula. Telephone numbers stay as they are: `campaign import`
    reads the file again, and takes the quote off."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        value = " ".join(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(_FORMULA) and not _E164.fullmatch(text) else text


def _iso(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _local(at: float | None, zone: str) -> str:
    return "" if at is None or not zone else datetime.fromtimestamp(at, ZoneInfo(zone)).isoformat(timespec="seconds")
