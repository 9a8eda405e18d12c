"""What one step of the engine costs, by kind of event and by length of call: `python -m bench.engine --json FILE`."""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.figures import machine, versions
from flows.codec import dump_state, load_state
from flows.engine import begin, step
from flows.flow import Flow
from flows.hear import hear, intent
from flows.model import Answered, Direction, Event, Heard, Pressed, Silence, SlotType
from flows.rehearsal import Rehearsal
from flows.state import State
from store.flowfiles import load_flow

_AT = 1_795_446_000.0
_DIGITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = tuple(
    f"{tens} {unit}"
    for tens in ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
    for unit in _DIGITS
)
_FINISH = ("yes", "twenty five people", "a thousand a month", "next month", "yes", "202 555 0143")
#: The number of turns after which a step is measured again: a long call must not be slower.
_LENGTHS = (1, 10, 25, 50)


def cost_us(run: Callable[[], object], n: int) -> dict[str, float]:
    """Time `run` n times on this thread's own processor time; p50 and p95 in microseconds."""
    samples = []
    run()
    for _ in range(n):
        began = time.thread_time_ns()
        run()
        samples.append((time.thread_time_ns() - began) / 1000)
    samples.sort()
    return {"n": n, "p50": round(samples[n // 2], 1), "p95": round(samples[int(n * 0.95)], 1)}


def by_event(flow: Flow, n: int) -> Mapping[str, Mapping[str, float]]:
    """Measure a step for each kind of event."""
    fresh = begin(flow, call_id="bench", direction=Direction.OUTBOUND, at=_AT)
    asked, _ = step(flow, fresh, Answered(_AT))
    size, _ = step(flow, asked, Heard(_AT, "yes"))
    cases: Mapping[str, tuple[State, Event]] = {
        "answered": (fresh, Answered(_AT)),
        "key": (size, Pressed(_AT, "25")),
        "silence": (size, Silence(_AT)),
        "heard yes": (asked, Heard(_AT, "yes")),
        "heard two answers": (size, Heard(_AT, "we're 25 people and we want to start in March")),
    }
    # Each number is another, so that nothing remembered of one step makes the next cheaper.
    said = itertools.cycle(Heard(_AT, f"about {number:,} people") for number in range(1_000, 1_000 + n + 1))
    spoken = itertools.cycle(Heard(_AT, f"about {a} hundred and {b} people") for a in _DIGITS for b in _TEENS)
    found = {name: cost_us(lambda s=state, e=event: step(flow, s, e), n) for name, (state, event) in cases.items()}  # type: ignore[misc]
    found["heard a number in figures"] = cost_us(lambda: step(flow, size, next(said)), n)
    found["heard a number in words"] = cost_us(lambda: step(flow, size, next(spoken)), n)
    return found


def by_length(flow: Flow, n: int) -> Mapping[str, Mapping[str, float]]:
    """Measure the same step after more and more turns of the same call."""
    found = {}
    for turns in _LENGTHS:
        call = Rehearsal.start(flow, at=_AT)
        call.say("yes")
        for turn in range(turns):
            call.say("what does it cost?" if turn % 2 else "could you repeat that?")
        state = call.state
        found[str(turns)] = cost_us(lambda s=state: step(flow, s, Pressed(_AT, "25")), n)  # type: ignore[misc]
    return found


def grammars(n: int) -> Mapping[str, Mapping[str, float]]:
    """Measure the understanding that a heard step contains."""
    text = "about twenty five people"
    return {
        "intent": cost_us(lambda: intent(text), n),
        "integer_range": cost_us(lambda: hear(SlotType.INTEGER_RANGE, text), n),
    }


def saving(flow: Flow, n: int) -> Mapping[str, Mapping[str, float]]:
    """Measure writing and reading the state of a finished set of answers."""
    call = Rehearsal.start(flow, at=_AT)
    for words in _FINISH:
        call.say(words)
    data = json.dumps(dump_state(call.state))
    return {
        "dump": cost_us(lambda: json.dumps(dump_state(call.state)), n),
        "load": cost_us(lambda: load_state(json.loads(data)), n),
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="Also write the figures to this file.")
    parser.add_argument("--n", type=int, default=2000, help="Steps of each kind.")
    given = parser.parse_args()
    flow = load_flow("b2b-software")
    figures = {
        "unit": "microseconds of processor time a step",
        "by_event": by_event(flow, given.n),
        "by_turns_before": by_length(flow, given.n),
        "grammars": grammars(given.n),
        "state": saving(flow, given.n),
        "machine": machine(),
        "versions": versions(),
    }
    text = json.dumps(figures, indent=2)
    print(text)
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
