"""A list of leads as CSV, as people export it: columns by many names, one row at a time, every fault in words.

Everything is text until it is checked: spreadsheets turn telephone numbers into 2.12E+10 and postal codes into 2134.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeAlias

from store.calls import StoreError
from store.consents import Given

#: The columns that have a meaning; any other one is the script's: `custom.<header>`.
COLUMNS: Final = (
    *("phone", "first_name", "last_name", "company", "title", "email", "alt_phone", "country", "state"),
    *("postal_code", "timezone", "language", "external_id", "source", "priority", "not_before", "expires_at"),
    *("best_time", "is_business", "consent_type", "consent_at", "consent_source", "consent_text", "notes"),
)
_ALIASES: Final[Mapping[str, str]] = {
    **{name: "phone" for name in ("phone_number", "contact_number", "mobile", "mobile_phone", "telephone", "tel")},
    **{name: "alt_phone" for name in ("phone_2", "phone2", "alternate_phone", "other_phone", "work_phone")},
    **{"zip": "postal_code", "zip_code": "postal_code", "zipcode": "postal_code", "postcode": "postal_code"},
    **{"firstname": "first_name", "given_name": "first_name", "lastname": "last_name", "surname": "last_name"},
    **{"time_zone": "timezone", "tz": "timezone", "organization": "company", "organisation": "company"},
    **{
        "e_mail": "email",
        "email_address": "email",
        "job_title": "title",
        "id": "external_id",
        "lead_id": "external_id",
    },
    **{"region": "state", "province": "state", "consent_date": "consent_at", "opt_in_text": "consent_text"},
}
#: What a rejects file adds: it may be imported again once it is mended.
_OURS: Final = frozenset({"leadline_line", "leadline_result", "leadline_reason"})
_PERSON: Final = (
    *("first_name", "last_name", "company", "title", "email", "country", "state", "postal_code", "timezone"),
    *("language", "source", "best_time", "is_business", "notes"),
)
_SCIENTIFIC: Final = re.compile(r"\+?\d(?:[.,]\d+)?[eE]\+?\d{1,3}")
_TWO: Final = re.compile(r"\d[\d ().-]{5,}\d\s*(?:[;,/|&]|\bor\b|\band\b)\s*\+?\(?\d[\d ().-]{5,}\d", re.IGNORECASE)
_CELL_MAX: Final = 4000
_KINDS: Final = ("written", "express", "inquiry")
_NO_CONSENT: Final = ("", "none")


Cells: TypeAlias = tuple[int, list[str]]  #: a row's line, and what stands in it


class ListError(StoreError):
    """The file is no list of leads; the message says what to do."""


class RowError(ValueError):
    """A row that cannot be a lead; the message says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was understood. `line` is where it stands; `cells` is what it was."""

    line: int
    phones: tuple[str, ...]  #: as they were written, marks of spreadsheets taken off
    person: Mapping[str, object]
    external_id: str = ""
    priority: int = 50
    not_before: float | None = None
    expires_at: float | None = None
    consent: Given | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """A list that is read row by row. `columns` says what became of each header."""

    header: tuple[str, ...]
    columns: Mapping[str, str]
    _rows: Iterator[list[str]] = field(repr=False)
    _line: list[int] = field(default_factory=lambda: [1], repr=False)

    def __iter__(self) -> Iterator[Cells]:
        """Yield each row that is not empty, with its line."""
        while True:
            try:
                cells = next(self._rows)
            except StopIteration:
                return
            except csv.Error as wrong:
                raise ListError(f"line {self._line[0] + 1} is no CSV: {wrong}") from None
            except UnicodeDecodeError as wrong:
                raise ListError(_not_utf8(wrong)) from None
            self._line[0] += 1 + sum(cell.count("\n") for cell in cells)
            if any(cell.strip() for cell in cells):
                yield self._line[0], cells


def open_list(lines: Iterator[str], mapped: Mapping[str, str] | None = None) -> Reader:
    """Begin to read a list; `mapped` says which header means which column, beyond the names that are known.

    Raises ListError for a file without a header, without a telephone column, or with two columns for one thing.
    """
    csv.field_size_limit(1_000_000)
    try:
        first = next(lines, "")
    except UnicodeDecodeError as wrong:
        raise ListError(_not_utf8(wrong)) from None
    if not first.strip():
        raise ListError("the file is empty; its first line has to name the columns, like phone,first_name,state")
    delimiter = max(",;\t|", key=first.count) if any(mark in first for mark in ",;\t|") else ","
    header = tuple(cell.strip() for cell in next(csv.reader([first], delimiter=delimiter)))
    columns = _columns(header, mapped or {})
    return Reader(header, columns, iter(csv.reader(lines, delimiter=delimiter)))


def _columns(header: tuple[str, ...], mapped: Mapping[str, str]) -> dict[str, str]:
    wanted = {key.strip().casefold(): value for key, value in mapped.items()}
    if strange := sorted(set(wanted.values()) - set(COLUMNS)):
        raise ListError(f"--map to {', '.join(strange)}: the columns are {', '.join(COLUMNS)}")
    if missing := sorted(set(wanted) - {name.casefold() for name in header}):
        raise ListError(f"--map: there is no column {', '.join(missing)}; there are {', '.join(header)}")
    columns: dict[str, str] = {}
    for name in header:
        plain = re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")
        known = wanted.get(name.casefold()) or (plain if plain in COLUMNS else _ALIASES.get(plain, ""))
        meaning = known or ("" if plain in _OURS or not name else f"custom.{plain}")
        if meaning and meaning in columns.values():
            raise ListError(f"two columns mean {meaning} ({', '.join(header)}); rename one, or use --map")
        if name in columns:
            raise ListError(f"the column {name!r} is there twice; rename one")
        columns[name] = meaning
    if "phone" not in columns.values():
        told = f"there is no column with telephone numbers among {', '.join(header)}"
        raise ListError(f"{told}; call it phone, or give --map HEADER=phone")
    return columns


def understood(reader: Reader, line: int, cells: list[str], purpose: str, seller: str) -> Row:
    """Return a row as a lead. Raises RowError."""
    if len(cells) > len(reader.header):
        raise RowError(
            f"the row has {len(cells)} cells, the header {len(reader.header)}: is a cell with a comma unquoted?"
        )
    told = told_in(reader, cells)
    phones = tuple(dict.fromkeys(_phone(told[name]) for name in ("phone", "alt_phone") if told.get(name)))
    if not told.get("phone"):
        raise RowError("there is no telephone number")
    person: dict[str, object] = {name: told[name] for name in _PERSON if told.get(name)}
    custom = {name.removeprefix("custom."): text for name, text in told.items() if name.startswith("custom.")}
    if custom:
        person["custom"] = custom
    return Row(
        line,
        phones,
        person,
        external_id=told.get("external_id", ""),
        priority=_priority(told.get("priority", "")),
        not_before=moment_in(told, "not_before"),
        expires_at=moment_in(told, "expires_at"),
        consent=consent_in(told, purpose, seller),
    )


def told_in(reader: Reader, cells: list[str]) -> dict[str, str]:
    """What a row's cells say, by column. Raises RowError for a cell that is too long."""
    pairs = zip(reader.columns.values(), cells, strict=False)
    return {meaning: _plain(cell) for meaning, cell in pairs if meaning and cell.strip()}


def _plain(cell: str) -> str:
    """What spreadsheets put around text to keep it text is taken off: '…  and ="…"."""
    text = cell.strip(" \t")
    if len(text) > _CELL_MAX:
        raise RowError(f"a cell has {len(text)} characters, {_CELL_MAX} are the most")
    if text.startswith('="') and text.endswith('"'):
        text = text[2:-1]
    return text.removeprefix("'").strip(" \t")


def _phone(text: str) -> str:
    if _SCIENTIFIC.fullmatch(text):
        raise RowError(f"{text} is how a spreadsheet mangled a number: format the column as Text and export again")
    if _TWO.search(text):
        raise RowError("two numbers stand in one cell: put the second into a column alt_phone")
    return text


def _priority(text: str) -> int:
    if not text:
        return 50
    if not (text.isascii() and text.isdigit() and int(text) <= 100):
        raise RowError(f"the priority {text!r} is no whole number from 0 to 100")
    return int(text)


def moment_in(told: Mapping[str, str], name: str) -> float | None:
    """Unix seconds of a column that holds a day (UTC) or a time with an offset. Raises RowError."""
    text = told.get(name, "")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RowError(f"{name} {text!r} is no time; write it like 2026-12-01 or 2026-12-01T09:00-05:00") from None
    if moment.tzinfo is None and len(text) > len("2026-12-01"):
        raise RowError(f"{name} {text!r} does not say in which zone; add an offset like -05:00")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def consent_in(told: Mapping[str, str], purpose: str, seller: str) -> Given | None:
    """A row's permission, None when there is none. Without date, source and the text that was shown it is refused (16 CFR
    310.5(a)(8)). Raises RowError."""
    kind = told.get("consent_type", "").casefold()
    if kind in _NO_CONSENT:
        return None
    if kind not in _KINDS:
        raise RowError(f"consent_type {kind!r} is none of {', '.join(_KINDS)}")
    lacking = [name for name in ("consent_at", "consent_source", "consent_text") if not told.get(name)]
    if lacking:
        raise RowError(f"the consent lacks {', '.join(lacking)}: without it it cannot be shown to anybody")
    at = moment_in(told, "consent_at")
    assert at is not None
    name = " ".join(told[part] for part in ("first_name", "last_name") if told.get(part))
    return Given(kind, purpose, seller, at, told["consent_text"], told["consent_source"], name)


def _not_utf8(wrong: UnicodeDecodeError) -> str:
    return f"the file is no UTF-8 text (byte {wrong.start}: {wrong.reason}); save it as “CSV UTF-8”"
