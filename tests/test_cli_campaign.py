"""The commands about leads, permissions and the do-not-call list, as a person types them."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from store import erasure, leads, registry
from store.database import opened
from store.subject import Subject

ROOT = Path(__file__).parent.parent
LEE, SAM = "+12025550134", "+12025550135"
Run = Callable[..., tuple[int, str]]
HEADER = "phone,first_name,external_id,state,consent_type,consent_at,consent_source,consent_text,seats,notes\n"
CONSENT = 'written,2026-10-01,web form,"Yes, automated calls are fine."'


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on a database and in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEADLINE_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'rows.db'}")
    for name in ("LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, list(arguments))
        assert not isinstance(done.exception, Exception) or isinstance(done.exception, SystemExit), done.output
        return done.exit_code, done.stdout

    return run


@pytest.fixture
def spring(run: Run) -> Run:
    """A campaign with two leads."""
    rows = f"{LEE},Lee,crm-1,,{CONSENT},12,=1+1\n{SAM},Sam,crm-2,,{CONSENT},,\n911,Nobody,crm-3,,{CONSENT},,\n"
    Path("list.csv").write_text(HEADER + rows)
    assert run("campaign", "init", "spring")[0] == 0
    code, said = run("campaign", "import", "spring.yaml", "list.csv", "--json")
    told = json.loads(said)
    assert (code, told["counts"]["accepted"], told["counts"]["invalid"]) == (0, 2, 1)
    assert "emergency" in Path(told["rejects"]).read_text()
    return run


def test_a_lead_is_explained_in_words_and_in_json(spring: Run) -> None:
    code, said = spring("campaign", "explain", "crm-1", "--at", "2026-12-01T13:00-05:00")
    assert (code, "may be called now by spring" in said) == (0, True)
    code, said = spring("campaign", "explain", LEE, "--at", "2026-12-01T23:00-05:00", "--json")
    told = json.loads(said)
    assert (code, told["decision"]["rule"], told["decision"]["allowed"]) == (4, "hours", False)
    assert spring("campaign", "explain", "nobody")[0] == 1


def test_a_permission_is_added_once_shown_and_withdrawn(spring: Run) -> None:
    words = ("--seller", "Example Software", "--purpose", "telemarketing", "--text", "Yes.", "--source", "letter")
    assert json.loads(spring("consent", "add", LEE, *words, "--at", "2026-11-02", "--json")[1])["added"]
    assert not json.loads(spring("consent", "add", LEE, *words, "--at", "2026-11-02", "--json")[1])["added"]
    code, said = spring("consent", "show", LEE, "--json")
    assert (code, [one["text"] for one in json.loads(said)]) == (0, ["Yes.", "Yes, automated calls are fine."])
    assert json.loads(spring("consent", "revoke", LEE, "--how", "letter", "-y", "--json")[1])["withdrawn"] == 2
    assert spring("consent", "show", LEE)[0] == 4
    code, said = spring("campaign", "explain", LEE, "--at", "2026-12-01T13:00-05:00")
    assert (code, "the consent was withdrawn" in said) == (4, True)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (("--at", "2030-01-01"), 1),
        (("--at", "soon"), 1),
        (("--at", "2026-11-02", "--kind", "spoken"), 2),
        (("--at", "2026-11-02", "--text", "  "), 1),
    ],
)
def test_a_permission_that_could_not_be_shown_is_refused(run: Run, wrong: tuple[str, ...], code: int) -> None:
    words = ("--seller", "Example", "--purpose", "telemarketing", "--text", "Yes.", "--source", "letter")
    assert run("consent", "add", LEE, *words, *wrong)[0] == code


def test_permissions_come_as_a_file_and_those_that_lack_something_are_left_out(run: Run) -> None:
    rows = f"{LEE},,,,{CONSENT},,\n{SAM},,,,written,2026-10-01,web form,,,\nfoo,,,,{CONSENT},,\n"
    Path("consents.csv").write_text(HEADER + rows)
    told = json.loads(run("consent", "import", "consents.csv", "--seller", "Example Software", "--json")[1])
    assert (told["new"], told["known"], told["invalid"]) == (1, 0, 2)
    assert json.loads(run("consent", "import", "consents.csv", "--seller", "Example Software", "--json")[1])["again"]
    assert run("consent", "show", LEE)[0] == 0


def test_a_number_on_the_list_is_called_by_nobody_and_comes_off_by_its_owners_word(spring: Run) -> None:
    assert spring("dnc", "check", LEE)[0] == 0
    assert json.loads(spring("dnc", "add", LEE, "--source", "letter", "--json")[1])["added"] == 1
    assert spring("dnc", "check", "(202) 555-0134")[0] == 4
    assert "closed (dnc)" in spring("lead", "show", "crm-1")[1]
    assert spring("lead", "reset", "crm-1", "-y")[0] == 1
    assert spring("dnc", "remove", LEE, "--reason", "her letter", "-y")[0] == 0
    assert spring("dnc", "check", LEE)[0] == 0
    told = json.loads(spring("lead", "reset", "crm-1", "-y", "--json")[1])
    assert told["standing"]["state"] == "pending"
    acts = [json.loads(line)["action"] for line in spring("audit", "--json")[1].splitlines()]
    assert acts == ["dnc remove", "dnc add", "import leads"]


def test_the_list_goes_out_and_comes_in_as_it_was(run: Run) -> None:
    assert run("dnc", "add", LEE, SAM)[0] == 0
    assert run("dnc", "add", "+12025550136", "--campaign", "spring", "--until", "2027-02-01")[0] == 0
    assert run("dnc", "add", LEE, "--until", "2027-02-01")[0] == 1, "an opt-out from all calls does not expire"
    assert run("dnc", "export", "dnc.csv")[0] == 0
    before = Path("dnc.csv").read_text()
    assert json.loads(run("dnc", "import", "dnc.csv", "--json")[1])["new"] == 0
    for number in (LEE, SAM, "+12025550136"):
        assert run("dnc", "remove", number, "--reason", "test", "-y")[0] == 0
    Path("again.csv").write_text(before + "\n")
    assert json.loads(run("dnc", "import", "again.csv", "--json")[1])["new"] == 3
    run("dnc", "export", "after.csv")
    rows = [list(csv.DictReader(Path(name).read_text().splitlines())) for name in ("dnc.csv", "after.csv")]
    keys = [sorted((row["phone"], row["scope"], row["about"], row["expires_at"]) for row in some) for some in rows]
    assert keys[0] == keys[1]


def days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).date().isoformat()


def test_a_registry_is_asked_by_area_and_by_age(run: Run, tmp_path: Path) -> None:
    Path("ftc.txt").write_text("202,5550134\n202,5550136\n206,5550100\n")
    assert run("dnc", "registry", "ftc.txt")[0] == 1, "whose list it is has to be said"
    assert run("dnc", "registry", "ftc.txt", "--authority", "ftc", "--as-of", "2999-01-01")[0] == 1
    of = ("--authority", "ftc", "--as-of")
    assert json.loads(run("dnc", "registry", "ftc.txt", *of, days_ago(40), "--dry-run", "--json")[1])["new"] == 3
    assert "no list of a registry is known" in run("dnc", "registry")[1]
    for day, again in ((40, False), (40, True), (3, False)):
        told = json.loads(run("dnc", "registry", "ftc.txt", *of, days_ago(day), "--json")[1])
        assert (told["new"], told["again"]) == (0 if again else 3, again)
    known = json.loads(run("dnc", "registry", "--json")[1])
    assert [(row["prefix"], row["numbers"], row["age_days"] < 5) for row in known] == [
        ("+1202", 2, True),
        ("+1206", 1, True),
    ]
    assert "+1202: 2 numbers, ftc" in run("dnc", "registry")[1]
    Path("newer.txt").write_text(f"{SAM}\n")
    assert run("dnc", "registry", "newer.txt", *of, days_ago(1), "--area", "+1303")[0] == 0

    async def words() -> list[bool | None]:
        async with opened(f"sqlite+aiosqlite:///{tmp_path / 'rows.db'}") as engine, engine.connect() as rows:
            numbers = (LEE, SAM, "+12065550100", "+12065550101", "+13035550101", "+14155550101")
            found = [await registry.word_of(rows, number) for number in numbers]
            return [None if word is None else word[1] for word in found]

    off_the_list, listed, not_asked = False, True, None
    assert asyncio.run(words()) == [off_the_list, listed, listed, False, False, not_asked]

    async def erase() -> list[object]:
        async with opened(f"sqlite+aiosqlite:///{tmp_path / 'rows.db'}") as engine:
            subject = Subject(SAM, LEE[2:])
            await erasure.erase(engine, subject, (), at=1.0, actor="tests", details={})
            return list(await erasure.left(engine, subject))

    assert asyncio.run(erase()) == []
    assert asyncio.run(words())[1] is listed, "an erased number does not become one that is not listed"


@pytest.mark.parametrize(
    ("text", "more", "code"),
    [
        ("phone\n2025550134\nsoon\n", (), 1),
        ("phone\n2025550134\nsoon\n", ("--skip-invalid",), 0),
        ("phone\n", (), 1),
        ("phone\n2025550134\n", ("--area", "202"), 1),
        ("", (), 1),
    ],
)
def test_a_registry_that_cannot_be_read_whole_is_not_relied_on(
    run: Run, text: str, more: tuple[str, ...], code: int
) -> None:
    Path("list.txt").write_text(text)
    words = ("dnc", "registry", "list.txt", "--authority", "ftc", "--as-of", days_ago(1))
    for _ in range(2):
        assert run(*words, *more)[0] == code
    assert (json.loads(run("dnc", "registry", "--json")[1]) == []) is (code == 1)


def test_bare_numbers_are_a_list(run: Run) -> None:
    Path("bare.txt").write_text(f"{LEE}\n202 555 0135\nfoo\n")
    told = json.loads(run("dnc", "import", "bare.txt", "--json")[1])
    assert (told["new"], told["refused"]) == (2, {"3": "'foo' is no telephone number"})


def test_a_person_is_suppressed_in_every_campaign(spring: Run) -> None:
    assert json.loads(spring("lead", "suppress", "crm-2", "-y", "--json")[1])["suppressed"] == [SAM]
    assert spring("dnc", "check", SAM)[0] == 4


def test_an_export_has_the_headers_that_are_wanted_and_no_formulas(spring: Run) -> None:
    columns = ("--column", "Ref=external_id", "--column", "phone", "--column", "Seats=custom.seats")
    assert spring("campaign", "export", "spring", "out.csv", *columns)[0] == 0
    assert Path("out.csv").read_text().splitlines() == ["Ref,phone,Seats", f"crm-1,{LEE},12", f"crm-2,{SAM},"]
    assert spring("campaign", "export", "spring", "out.csv", "--column", "shoe=size")[0] == 1
    assert spring("campaign", "export", "spring", "out.json", "--format", "json")[0] == 0
    first = json.loads(Path("out.json").read_text().splitlines()[0])
    assert (first["schema_version"], first["custom.seats"], first["status"]) == (1, "12", "pending")
    for what in ("attempts", "callbacks"):
        assert spring("campaign", "export", "spring", f"{what}.csv", "--what", what)[0] == 0
    assert spring("callbacks", "list")[1].strip() == "no callbacks"


def test_what_is_erased_leaves_no_person_behind(spring: Run, tmp_path: Path) -> None:
    async def go() -> tuple[list[str], str, int]:
        async with opened(f"sqlite+aiosqlite:///{tmp_path / 'rows.db'}") as engine:
            subject = Subject(LEE, LEE[2:])
            (before,) = await leads.find(engine, LEE)
            await erasure.erase(engine, subject, (), at=1.0, actor="tests", details={})
            after = await leads.get(engine, before.id)
            return await erasure.left(engine, subject), after.standing.closed_reason, len(after.person)

    assert asyncio.run(go()) == ([], "erased", 0)
    assert spring("consent", "show", LEE)[0] == 4
