"""`python -m bench NAME --edge gateway|external --json FILE`: run one benchmark, print its figures."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from bench.turns import together, turns
from cli.stack.problem import StackError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Benchmarks at the phone's RTP.")
    parser.add_argument("name", choices=("turns", "together", "slots"))
    parser.add_argument("--edge", choices=("gateway", "external"), default="gateway")
    parser.add_argument("--n", type=int, default=100, help="turns, or calls for `slots`")
    parser.add_argument("--calls", type=int, help="calls at once (turns: 1, together: 8, slots: 3)")
    parser.add_argument("--first", type=int, default=0, help="slots: number of the first caller")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    try:
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


async def _run(given: argparse.Namespace) -> dict[str, object]:
    match given.name:
        case "turns":
            return await turns(given.edge, given.n, given.calls or 1)
        case "together":
            return await together(given.edge, given.calls or 8)
        case _:
            from bench.slots import slots

            return await slots(given.edge, given.n, given.calls or 3, first=given.first)


if __name__ == "__main__":
    sys.exit(main())
