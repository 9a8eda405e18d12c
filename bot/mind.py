"""The mind: understanding beyond the rules, behind one port. `ModelMind` asks a language model, `NoMind` never does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from livekit.agents import APIConnectOptions, APIError, APIStatusError, APITimeoutError, llm

from bot.near_mind import NearMind
from bot.providers import ProviderUnusable, llm_plugin
from flows.flow import Flow
from flows.hear import IntentModel
from flows.model import Meaning
from flows.retelling import read_summary, retellable, summary_instructions, summary_schema, summary_turn
from flows.state import State
from flows.suggestion import Unreadable, instructions, read, schema, turn, unsure

log = logging.getLogger("leadline.mind")

_ANSWER_MAX: Final = 6_000  #: characters; a model that goes on and on is cut off
_TOKENS_MAX: Final = 400
_CLOSE_S: Final = 2.0


class Verdict(StrEnum):
    """What came of asking."""

    UNDERSTOOD = "understood"
    NOTHING = "nothing"  #: an answer came, and nothing of it counts
    LATE = "late"
    REFUSED = "refused"  #: an HTTP error: 401, 429, 500, …
    UNREACHABLE = "unreachable"
    UNREADABLE = "unreadable"
    DROPPED = "dropped"  #: the caller went on before the answer came


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how often a model may be asked. Times in seconds."""

    first_s: float = 0.9  #: until the first piece of the answer
    whole_s: float = 1.2  #: until the whole answer: the caller is waiting
    summary_s: float = 5.0  #: after the call: nobody is waiting
    asked_max: int = 40  #: turns of one call put to the model
    failures_max: int = 2  #: failures in a row after which the rest of the call goes by the rules alone


class Mind(Protocol):
    """Understanding beyond the rules. Implementations never raise for what a provider does."""

    def unsure(self, flow: Flow, state: State, text: str, *, at: float) -> bool:
        """Whether `understand` is worth waiting for. Pure and fast; False when the rules suffice."""
        ...

    async def understand(self, flow: Flow, state: State, text: str, *, at: float) -> Meaning | None:
        """What the caller's words `text` may mean; None when nothing better than the rules is known.

        `at` is Unix seconds. Returns within the implementation's limit, 1.2 s by default.
        """
        ...

    async def retell(self, flow: Flow, state: State) -> str | None:
        """A summary of the finished call for a person; None to keep the template's."""
        ...


class NoMind:
    """Rules only: the default."""

    def unsure(self, flow: Flow, state: State, text: str, *, at: float) -> bool:
        """See `Mind`."""
        return False

    async def understand(self, flow: Flow, state: State, text: str, *, at: float) -> Meaning | None:
        """See `Mind`."""
        return None

    async def retell(self, flow: Flow, state: State) -> str | None:
        """See `Mind`."""
        return None


class ModelMind:
    """Asks a LiveKit LLM plugin, once and with limits. One per call: its counts are the call's.

    What leaves the machine: the flow's questions and facts sheet, the open question and the caller's last turn; after
    the call its outcome and the answers that identify nobody. No number, no lead data, no earlier turns.

    Args:
        model: any plugin; the strict JSON schema goes as `response_format`, as OpenAI-compatible servers take it.
        told: hears verdict and milliseconds of every turn that was put to the model.
        limits: see `Limits`.
    """

    def __init__(self, model: llm.LLM[Any], told: Callable[[Verdict, int], None], limits: Limits | None = None) -> None:
        self._model = model
        self._told = told
        self._limits = limits or Limits()
        self._asked = 0
        self._failures = 0

    def unsure(self, flow: Flow, state: State, text: str, *, at: float) -> bool:
        """See `Mind`: also False once the model has failed too often or the call has had its share."""
        if self._failures >= self._limits.failures_max or self._asked >= self._limits.asked_max:
            return False
        return unsure(flow, state, text, at=at)

    async def understand(self, flow: Flow, state: State, text: str, *, at: float) -> Meaning | None:
        """See `Mind`."""
        if not self.unsure(flow, state, text, at=at):
            return None
        self._asked += 1
        began = time.perf_counter()
        verdict = Verdict.DROPPED
        try:
            meaning, verdict = await self._understand(flow, state, text, at)
        finally:
            self._count(verdict, round((time.perf_counter() - began) * 1000))
        return meaning

    def _count(self, verdict: Verdict, ms: int) -> None:
        if verdict in (Verdict.UNDERSTOOD, Verdict.NOTHING):
            self._failures = 0
        elif verdict is not Verdict.DROPPED:
            self._failures += 1
            log.warning("the language model did not help (%s after %d ms): going on with the rules", verdict, ms)
        self._told(verdict, ms)

    async def retell(self, flow: Flow, state: State) -> str | None:
        """See `Mind`."""
        if not retellable(state) or self._failures >= self._limits.failures_max:
            return None
        shape = summary_schema(flow, state)
        try:
            answer = await self._ask(
                summary_instructions(),
                summary_turn(flow, state),
                ("call_summary", shape),
                self._limits.summary_s,
                self._limits.summary_s,
            )
            return read_summary(flow, state, answer)
        except (TimeoutError, APIError, Unreadable) as wrong:
            log.warning("no summary from the language model (%s): the template's is kept", type(wrong).__name__)
            return None

    async def _understand(self, flow: Flow, state: State, text: str, at: float) -> tuple[Meaning | None, Verdict]:
        limits = self._limits
        try:
            answer = await self._ask(
                instructions(flow, state),
                turn(flow, state, text),
                ("turn", schema(flow, state)),
                limits.first_s,
                limits.whole_s,
            )
            meaning = read(flow, text, answer, now=at)
        except Unreadable:
            return None, Verdict.UNREADABLE
        except (TimeoutError, APITimeoutError):
            return None, Verdict.LATE
        except APIStatusError:
            return None, Verdict.REFUSED
        except APIError:
            return None, Verdict.UNREACHABLE
        found = meaning.intent is not None or meaning.quotes or meaning.reply is not None
        return (meaning, Verdict.UNDERSTOOD) if found else (None, Verdict.NOTHING)

    async def _ask(
        self, task: str, message: str, shape: tuple[str, Mapping[str, object]], first_s: float, whole_s: float
    ) -> str:
        """One request, no retry: a retry would cost the caller a second silence.

        Raises:
            TimeoutError: no first piece within `first_s`, or no end within `whole_s` seconds.
            APIError: as the plugin reports what the provider did.
            Unreadable: the answer is endless.
        """
        chat = llm.ChatContext.empty()
        chat.add_message(role="system", content=task)
        chat.add_message(role="user", content=message)
        name, schema_ = shape
        extra = {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": name, "strict": True, "schema": dict(schema_)},
            },
            "temperature": 0.0,
            "max_completion_tokens": _TOKENS_MAX,
        }
        connect = APIConnectOptions(max_retry=0, timeout=whole_s)
        pieces: list[str] = []
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(first_s) as limit:
            ends_at = loop.time() + whole_s
            async with self._model.chat(chat_ctx=chat, conn_options=connect, extra_kwargs=extra) as stream:
                async for chunk in stream:
                    limit.reschedule(ends_at)
                    if chunk.delta is not None and chunk.delta.content:
                        pieces.append(chunk.delta.content)
                    if sum(map(len, pieces)) > _ANSWER_MAX:
                        raise Unreadable("the model's answer has no end")
        return "".join(pieces)


@asynccontextmanager
async def open_mind(
    choice: str, base_url: str, told: Callable[[Verdict, int], None], near: IntentModel | None = None
) -> AsyncIterator[Mind]:
    """The mind that the settings name. A model that cannot be used costs the call nothing but its help.

    `near` guesses wishes by their nearest example where the rules and the language model know nothing.
    """
    try:
        model = llm_plugin(choice, base_url)
    except ProviderUnusable as wrong:
        log.error("this call goes by the rules alone: %s", wrong)
        model = None
    if model is None:
        yield NoMind() if near is None else NearMind(near)
        return
    model.prewarm()  # the connection is there before the first question
    try:
        asked = ModelMind(model, told)
        yield asked if near is None else NearMind(near, asked)
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(model.aclose(), _CLOSE_S)
