"""Lists as people export them: what is taken, what is left out and why, and that nothing is half in."""

from __future__ import annotations

import asyncio
import csv
import dataclasses
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from campaigns.campaign_file import read_campaign
from campaigns.importing import Imported, Wish, import_leads
from campaigns.leadlist import ListError
from campaigns.rulefiles import load_packs
from store import attempts, campaigns, consents, leads
from store.database import open_calls
from store.transaction import writing
from tests.campaign_world import NOW, a_campaign
from tests.databases import Databases
from tests.test_campaigns_500 import bad, good
from tests.test_campaigns_file import GOOD

PACKS = load_packs()
CAMPAIGN = read_campaign(GOOD.replace("[US]", "[US, CA, GB]") + "acknowledged: {CA: counsel}\n", "spring.yaml")
CONSENT = {
    "consent_type": "written",
    "consent_at": "2026-10-01",
    "consent_source": "web form",
    "consent_text": "Yes, automated calls are fine.",
}


def write(file: Path, rows: Sequence[Mapping[str, str]], **how: str) -> Path:
    """A list; every row has a consent unless it says something else."""
    filled = [CONSENT | dict(row) for row in rows]
    header = list(dict.fromkeys(name for row in filled for name in row))
    with file.open("w", encoding=how.get("encoding", "utf-8"), newline="") as opened:
        table = csv.DictWriter(opened, header, delimiter=how.get("delimiter", ","))
        table.writeheader()
        table.writerows(filled)
    return file


async def imported(engine: AsyncEngine, file: Path, **wish: object) -> tuple[Imported, list[dict[str, str]]]:
    """Import a list; returns the counts and the rejects."""
    rejects = file.with_suffix(".rejects.csv")
    rejects.unlink(missing_ok=True)
    done = await import_leads(engine, dataclasses.replace(Wish(CAMPAIGN, file, rejects), **wish), PACKS, lambda: NOW)
    if not rejects.exists():
        return done, []
    with rejects.open(encoding="utf-8-sig", newline="") as opened:
        return done, list(csv.DictReader(opened))


@pytest.fixture
async def engine(databases: Databases, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    async with a_campaign(databases, "sqlite", tmp_path, ()) as world:
        yield world.engine


ROWS = [
    ({"phone": "+12025550134"}, ""),
    ({"phone": "(202) 555-0135"}, ""),
    ({"phone": "'202-555-0136"}, ""),
    ({"phone": '="2025550137"'}, ""),
    ({"phone": "\u202a+12025550138\u202c"}, ""),
    ({"phone": "2.02555E+09"}, "format the column as Text"),
    ({"phone": "2025550140; 2025550141"}, "put the second into a column alt_phone"),
    ({"phone": "202 555 0142 or 202 555 0143"}, "put the second into a column alt_phone"),
    ({"phone": ""}, "there is no telephone number"),
    ({"phone": "911"}, "emergency"),
    ({"phone": "411"}, "short code"),
    ({"phone": "+12025551212"}, "directory assistance"),
    ({"phone": "+18005550199"}, "toll-free"),
    ({"phone": "+19005550134"}, "premium"),
    ({"phone": "+881612345678"}, "satellite"),
    ({"phone": "12345"}, "short code"),
    ({"phone": "+61491570156"}, "AU is not among the campaign's countries"),
    ({"phone": "202 555 0134"}, "the number is in the campaign already"),
    ({"phone": "+12025550144", "consent_type": ""}, "no consent is on record"),
    ({"phone": "+12025550145", "consent_type": "express"}, "written consent is needed"),
    ({"phone": "+12025550146", "consent_text": ""}, "the consent lacks consent_text"),
    ({"phone": "+12025550147", "consent_at": "2030-01-01"}, "dated in the future"),
    ({"phone": "+12025550148", "state": "ZZ"}, "no rules for the state"),
    ({"phone": "+12025550149", "timezone": "Mars/Base"}, "is no time zone"),
    ({"phone": "+12025550150", "priority": "high"}, "whole number from 0 to 100"),
    ({"phone": "+12025550151", "not_before": "2026-12-01 09:00"}, "does not say in which zone"),
    ({"phone": "+12025550152", "expires_at": "soon"}, "is no time"),
    ({"phone": "+442079460123"}, ""),
]


async def test_each_row_is_taken_or_left_out_with_the_reason(engine: AsyncEngine, tmp_path: Path) -> None:
    file = write(tmp_path / "list.csv", [row for row, _ in ROWS])
    done, rejects = await imported(engine, file)
    told = {int(row["leadline_line"]): row["leadline_reason"] for row in rejects}
    for line, (row, why) in enumerate(ROWS, start=2):
        assert why in told.get(line, "") if why else line not in told, (row, told.get(line))
    assert done.counts["accepted"] == sum(not why for _, why in ROWS)
    assert sum(done.counts.values()) == len(ROWS)
    assert Counter(row["leadline_result"] for row in rejects) == +Counter(
        {name: count for name, count in done.counts.items() if name != "accepted"}
    )


async def test_the_same_file_again_changes_nothing_and_mended_rejects_come_in(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    file = write(tmp_path / "list.csv", [{"phone": "+12025550134"}, {"phone": "+12025550144", "consent_type": ""}])
    first, _ = await imported(engine, file)
    again, _ = await imported(engine, file)
    assert (again.again, again.counts) == (True, first.counts)
    mended = tmp_path / "list.rejects.csv"
    done, _ = await imported(engine, file)
    rejects = write(mended, [{"leadline_line": "3", "leadline_result": "no-consent", "phone": "+12025550144"}])
    done, _ = await imported(engine, rejects)
    assert (done.counts["accepted"], done.columns["leadline_line"]) == (1, "")


async def test_a_dry_run_says_the_same_and_keeps_nothing(engine: AsyncEngine, tmp_path: Path) -> None:
    rows = [row for row, _ in ROWS]
    file = write(tmp_path / "list.csv", rows)
    rehearsed, told = await imported(engine, file, dry_run=True)
    assert await campaigns.every(engine) == ()
    done, kept = await imported(engine, file)
    assert (rehearsed.counts, told) == (done.counts, kept)


async def test_columns_by_many_names_and_custom_ones_reach_the_script(engine: AsyncEngine, tmp_path: Path) -> None:
    row = {"Cell No": "+1 202 555 0134", "Zip Code": "20001", "Lead ID": "00042", "Seats": "007", "Priority": "90"}
    file = write(tmp_path / "list.csv", [row], encoding="utf-8-sig", delimiter=";")
    done, _ = await imported(engine, file, mapped={"Cell No": "phone"})
    assert (done.columns["Seats"], done.columns["Zip Code"]) == ("custom.seats", "postal_code")
    (lead,) = await leads.find(engine, "00042")
    assert (lead.person["postal_code"], lead.person["custom"], lead.priority) == ("20001", {"seats": "007"}, 90)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the file is empty"),
        (b"name,city\nAda,London\n", "there is no column with telephone numbers among name, city"),
        (b"phone,mobile\n1,2\n", "two columns mean phone"),
        (b"phone,name\n+12025550134,Ren\xe9\n", "no UTF-8 text"),
        (b"\xff\xfep\x00h\x00", "no UTF-8 text"),
    ],
)
async def test_a_file_that_is_no_list(engine: AsyncEngine, tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes(content)
    with pytest.raises(ListError, match=told):
        await imported(engine, file)


async def test_a_permission_is_for_the_number_beside_it(engine: AsyncEngine, tmp_path: Path) -> None:
    rows = [{"phone": "+12025550134", "alt_phone": "+12025550135"}, {"phone": "911", "alt_phone": "+12025550136"}]
    done, rejects = await imported(engine, write(tmp_path / "list.csv", rows))
    (lead,) = await leads.find(engine, "+12025550134")
    assert [phone.number for phone in await leads.phones_of(engine, lead.id)] == ["+12025550134"]
    assert (done.counts["accepted"], len(rejects)) == (1, 1)


async def test_what_was_withdrawn_does_not_come_back_with_its_list(engine: AsyncEngine, tmp_path: Path) -> None:
    await imported(engine, write(tmp_path / "first.csv", [{"phone": "+12025550134", "source": "a"}]))
    async with writing(engine) as connection:
        await consents.revoke(connection, "+12025550134", NOW - 10, "by letter")
    await attempts.end_all(engine, "spring", "canceled", NOW)
    await campaigns.move(engine, "spring", "canceled", NOW)
    autumn = CAMPAIGN.model_copy(update={"campaign": "autumn"})
    file = write(tmp_path / "second.csv", [{"phone": "+12025550134", "source": "b"}])
    done, rejects = await imported(engine, file, campaign=autumn)
    assert (done.counts["no-consent"], rejects[0]["leadline_reason"]) == (1, "the consent was withdrawn")


async def test_opt_outs_are_left_out(engine: AsyncEngine, tmp_path: Path) -> None:
    async with open_calls(str(engine.url), migrated=True) as bot:
        await bot.opt_out("+12025550134", "seller", NOW, "call", "c1", "e1")
    done, _ = await imported(engine, write(tmp_path / "list.csv", [{"phone": "202 555 0134"}]))
    assert done.counts["suppressed"] == 1


async def test_five_hundred_hostile_numbers_give_no_lead_and_five_hundred_good_ones_all_do(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    hostile = write(tmp_path / "hostile.csv", [{"phone": number} for number in bad()])
    done, _ = await imported(engine, hostile)
    assert (done.counts["accepted"], sum(done.counts.values())) == (0, 500), done.counts
    numbers = good()
    fine, rejects = await imported(engine, write(tmp_path / "good.csv", [{"phone": number} for number in numbers]))
    assert {row["leadline_reason"] for row in rejects} <= {"the number is in the campaign already"}
    assert fine.counts["accepted"] + fine.counts["duplicate"] == 500


async def test_an_opt_out_never_waits_for_an_import(databases: Databases, tmp_path: Path) -> None:
    """While a list comes in, the bot's opt-outs are stored between its batches, and hold for what comes in later."""
    async with a_campaign(databases, "sqlite", tmp_path, ()) as world:
        rows = [{"phone": f"+1{area}55501{n:02}"} for area in (202, 212, 305, 312, 617, 702) for n in range(100)]
        wish = Wish(CAMPAIGN, write(tmp_path / "list.csv", rows), tmp_path / "rejects.csv")
        async with open_calls(world.url, migrated=True) as bot, asyncio.timeout(30):
            importing = asyncio.create_task(import_leads(world.engine, wish, PACKS, lambda: NOW))
            for n in range(20):
                await bot.opt_out(f"+170255501{n:02}", "seller", NOW, "call", f"c{n}", "e1")
            done = await importing
        counts = await campaigns.counts(world.engine, "spring")
        assert counts.closed.get("dnc", 0) + done.counts["suppressed"] == 20
