"""`leadline flow hear`: show what the grammars understand in a sentence, without a call."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from flows.hear import hear, intent
from flows.hear.heard import IntentModel
from flows.model import SlotType, Value

# The embedding model is imported where it is used: grammars alone must answer at once.

INTENT = "intent"
TYPES = (*(str(kind) for kind in SlotType), INTENT)
_DEFAULT_ZONE = "UTC"

Reply = Mapping[str, Value | str | float | tuple[int, int] | None]


class Unreadable(ValueError):
    """A request cannot be understood; the message says what to write instead."""


class Ears:
    """Answers requests at one moment in one zone; loads the intent model on the first sentence the rules miss."""

    def __init__(self, now: float, zone: str, region: str, load: Callable[[], IntentModel | None]) -> None:
        self.now = now
        self.zone = zone
        self.region = region
        self._load = load
        self._loaded = False
        self._model: IntentModel | None = None

    def elsewhere(self, now: float, zone: str, region: str) -> Ears:
        """Return the same ears at another moment or place; the intent model is shared."""
        return Ears(now, zone, region, self._intent_model)

    def reply(self, kind: str, text: str, choices: Mapping[str, Sequence[str]] | None = None) -> Reply:
        """Return value, intent, certainty and span for one sentence. Raises Unreadable for an unknown type."""
        if kind == INTENT:
            return self._intent(text)
        if kind not in TYPES:
            raise Unreadable(f"there is no type {kind!r}; use one of {', '.join(TYPES)}")
        found = hear(SlotType(kind), text, now=self.now, zone=self.zone, choices=choices, region=self.region)
        return {"value": found.value, "intent": intent(text).name, "certainty": found.certainty, "span": found.span}

    def _intent_model(self) -> IntentModel | None:
        if not self._loaded:
            self._model, self._loaded = self._load(), True
        return self._model

    def _intent(self, text: str) -> Reply:
        found = intent(text)
        if found.name:
            return {"value": None, "intent": found.name, "certainty": found.certainty, "span": found.span}
        model = self._intent_model()
        name, certainty = model.classify(text) if model else (None, 0.0)
        return {"value": None, "intent": name, "certainty": round(certainty, 3) if name else 0.0, "span": None}


def hear_command(
    kind: Annotated[str, typer.Option("--type", help=f"One of: {', '.join(TYPES)}.")] = "text",
    text: Annotated[str, typer.Option("--text", help="What the caller said.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    stdin: Annotated[
        bool,
        typer.Option(
            "--stdin",
            help='Answer JSON lines: {"type": …, "text": …}; "now", "zone", "region" and "choices" may be there too.',
        ),
    ] = False,
    now: Annotated[str, typer.Option("--now", help="Unix seconds, or ISO as 2026-11-23T10:00.")] = "",
    zone: Annotated[str, typer.Option("--zone", help="IANA zone, as America/New_York.")] = _DEFAULT_ZONE,
    region: Annotated[str, typer.Option("--region", help="Country of telephone numbers: US or GB.")] = "US",
    choice: Annotated[list[str] | None, typer.Option("--choice", help="An option: key=synonym,synonym.")] = None,
) -> None:
    """Show the value and the intent that the grammars hear in a sentence."""
    try:
        ears = Ears(moment(now, zone), zone, region, _nearest_example)
        if stdin:
            for line in _answers(ears, sys.stdin):
                print(line, flush=True)
            return
        reply = ears.reply(kind, text, parse_choices(choice or []))
    except Unreadable as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    print(json.dumps(reply, ensure_ascii=False) if as_json else _readable(reply))


def moment(now: str, zone: str) -> float:
    """Return `now` as Unix seconds: empty is the present, ISO without an offset is local to `zone`. Raises Unreadable."""
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise Unreadable(
            f"there is no time zone {zone!r}; write one such as America/New_York or Europe/London"
        ) from None
    if not now:
        return time.time()
    try:
        return float(now)
    except ValueError:
        pass
    try:
        said = datetime.fromisoformat(now)
    except ValueError:
        raise Unreadable(f"--now {now!r} is no time; write Unix seconds or 2026-11-23T10:00") from None
    return (said if said.tzinfo else said.replace(tzinfo=place)).astimezone(UTC).timestamp()


def parse_choices(given: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Read "electric=electricity,mains" into a key and its synonyms."""
    pairs = (entry.partition("=") for entry in given)
    return {key: tuple(word.strip() for word in words.split(",") if word.strip()) for key, _, words in pairs}


def _answers(ears: Ears, lines: Iterator[str] | Sequence[str]) -> Iterator[str]:
    """Answer each JSON line by one; a line that cannot be read is answered by its error, and the next goes on."""
    for line in lines:
        if not line.strip():
            continue
        try:
            yield json.dumps(_answer(ears, line), ensure_ascii=False)
        except Unreadable as error:
            yield json.dumps({"error": str(error)})


def _answer(ears: Ears, line: str) -> Reply:
    try:
        asked = json.loads(line)
    except json.JSONDecodeError as error:
        raise Unreadable(f'not JSON ({error.msg}); write {{"type": "money", "text": "five grand"}}') from None
    if not isinstance(asked, dict) or not isinstance(asked.get("text"), str):
        raise Unreadable('each line needs "type" and "text", as {"type": "money", "text": "five grand"}')
    choices = asked.get("choices")
    named = (
        {str(key): [str(word) for word in words] for key, words in choices.items()} if isinstance(choices, dict) else {}
    )
    return _place(ears, asked).reply(str(asked.get("type", "text")), asked["text"], named)


def _place(ears: Ears, asked: Mapping[str, object]) -> Ears:
    """Return ears at the line's own "now", "zone" and "region", where it has any."""
    if not any(key in asked for key in ("now", "zone", "region")):
        return ears
    zone = str(asked.get("zone", ears.zone))
    now = moment(str(asked.get("now", ears.now)), zone)
    return ears.elsewhere(now, zone, str(asked.get("region", ears.region)))


def _readable(reply: Reply) -> str:
    value = reply["value"]
    return "\n".join(
        (
            f"value      {json.dumps(value, ensure_ascii=False) if value is not None else 'nothing understood'}",
            f"intent     {reply['intent'] or 'none'}",
            f"certainty  {reply['certainty']}",
        )
    )


def _nearest_example() -> IntentModel | None:
    """Load MiniLM; say so and go on with the rules where it is not installed."""
    try:
        from bot.speech.intents import NearestExample
        from bot.speech.weights import WeightsMissing
    except ImportError as error:
        typer.echo(f"intents by rules only: {error}", err=True)
        return None
    try:
        return NearestExample()
    except WeightsMissing as error:
        typer.echo(f"intents by rules only: {error}", err=True)
        return None
