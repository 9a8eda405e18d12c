"""`python -m bench NAME --edge gateway|external --json FILE`: run one benchmark, print its figures."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from functools import partial
from pathlib import Path

from cli.stack.problem import StackError

NAMES = (
    *("turns", "bargein", "greeting", "capacity", "slots", "spoken", "endpointing"),
    *("chaos", "storage", "browser", "lists", "dialer", "campaign", "pace", "machines"),
)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Benchmarks at the phone's RTP; `spoken` decodes offline."
    )
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--edge", choices=("gateway", "external"), default="gateway")
    parser.add_argument("--n", type=int, default=100, help="turns, interruptions, calls or rows")
    parser.add_argument("--calls", type=int, help="calls at once (capacity: 8, slots: 3, others: 1)")
    parser.add_argument("--plain", type=int, default=0, help="turns: so many of a plain LiveKit agent in the same run")
    parser.add_argument("--seconds", type=float, default=3600.0, help="turns: begin no call later")
    parser.add_argument("--first", type=int, default=0, help="slots: number of the first caller")
    parser.add_argument("--set", choices=("scoring", "tuning"), default="scoring", help="endpointing: which answers")
    parser.add_argument("--words-only", action="store_true", help="endpointing: without the end-of-turn model")
    parser.add_argument(
        *("--voices", "--piper"),
        type=Path,
        nargs="+",
        default=[],
        help="endpointing: voices of piper (.onnx) or Kokoro (.bin), as docs/turn-taking.md tells",
    )
    parser.add_argument("--verbose", action="store_true", help="endpointing: print every answer")
    parser.add_argument("--kills", type=int, default=20, help="chaos: how often something is killed")
    parser.add_argument("--seed", type=int, default=8, help="chaos: which moments")
    parser.add_argument("--target", choices=("job", "worker"), default="job", help="chaos: what is killed")
    parser.add_argument("--leads", type=int, default=4000, help="dialer: how many leads the campaign has")
    parser.add_argument("--sip", action="store_true", help="dialer: real calls instead of a simulated far end")
    parser.add_argument("--cps", type=float, default=5.0, help="pace: the trunk's limit")
    parser.add_argument("--database", default="", help="pace: URL of an empty database; without: SQLite")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    try:
        if given.name == "dialer":  # forks, so no event loop may run yet
            found = _kills(given)
        elif given.name in ("pace", "campaign"):
            found = asyncio.run(_dialing(given))
        else:
            found = asyncio.run(_run(given))
    except StackError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyError as missing:
        print(f"bench: --edge external needs {missing} in the environment (docs/performance.md)", file=sys.stderr)
        return 1
    text = json.dumps(found, indent=2)
    print(text)
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")
    return 0


def _kills(given: argparse.Namespace) -> dict[str, object]:
    if given.sip:
        from bench.campaign_kills import kills_over_sip

        return asyncio.run(kills_over_sip(given.edge, given.kills, min(given.leads, 999), given.seed))
    from bench.dialer import kills

    return kills(given.kills, given.leads, given.seed)


async def _dialing(given: argparse.Namespace) -> dict[str, object]:
    if given.name == "pace":
        from bench.pace import pace

        return await pace(given.cps, min(given.seconds, 60.0), given.database)
    from bench.campaign import campaign

    return await campaign(given.edge, given.n, given.calls or 4)


async def _run(given: argparse.Namespace) -> dict[str, object]:
    match given.name:
        case "turns":
            from bench.turns import turns

            return await turns(given.edge, given.n, given.calls or 1, given.plain, given.seconds)
        case "bargein":
            from bench.bargein import bargein

            return await bargein(given.edge, given.n, given.calls or 3)
        case "greeting":
            from bench.greeting import greeting

            return await greeting(given.edge, given.n, given.calls or 1)
        case "capacity":
            from bench.capacity import capacity

            return await capacity(given.edge, given.calls or 8)
        case "browser":
            from bench.browser import browser

            return await browser(given.edge, given.n)
        case "spoken":
            from bench.spoken import spoken

            return await asyncio.to_thread(spoken)
        case "machines":
            from bench.machines import machines

            return await asyncio.to_thread(machines)
        case "endpointing":
            from bench.endpointing import endpointing, tell

            told = tell if given.verbose else None
            options = {"turn_model": not given.words_only, "voices": given.voices}
            return await asyncio.to_thread(partial(endpointing, given.set, told, **options))
        case "storage":
            from bench.storage import storage

            return await storage(given.calls or 3)
        case "lists":
            from bench.lists import lists

            return await lists(given.n)
        case "chaos":
            from bench.chaos import chaos

            return await chaos(given.edge, given.kills, given.target, given.calls or 2, given.seed)
        case _:
            from bench.slots import slots

            return await slots(given.edge, given.n, given.calls or 3, first=given.first)


if __name__ == "__main__":
    sys.exit(main())
