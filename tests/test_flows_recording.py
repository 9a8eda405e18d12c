"""When a call's sound may be kept: told first, agreed to where it must be, and never against the caller's word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.codec import dump_state, load_state
from flows.engine import begin, step
from flows.flow import Flow
from flows.handover import DESTINATIONS
from flows.model import (
    Answered,
    Direction,
    Done,
    Effect,
    Event,
    Heard,
    HungUp,
    Machine,
    Pressed,
    Record,
    Resumed,
    Say,
    Silence,
    Transfer,
    TransferDone,
)
from flows.recording import LAW, ONE_PARTY
from flows.schema import FlowError, parse_flow
from flows.state import State
from store.flowfiles import read_flow

AT = 1_795_446_000.0
BODY, _ = read_flow("b2b-software")
NOTICE = parse_flow(BODY, "notice.yaml")
_SLOT = """slots:
  - name: ok_to_record
    type: yes_no
    ask: ["May we record this call?"]
    example: "Just say yes or no."
    confirm: none
"""
ASKING = parse_flow(
    BODY.replace("{start: after_disclosure}", "{start: after_disclosure, consent: ok_to_record}").replace(
        "slots:\n", _SLOT, 1
    ),
    "asking.yaml",
)
OFF = parse_flow(BODY.replace("{start: after_disclosure}", "{start: off}"), "off.yaml")
STRICT, LENIENT = {}, {LAW: ONE_PARTY}


class Scene:
    """A call whose prompts are heard to their end, and what became of its recording."""

    def __init__(self, flow: Flow, facts: dict[str, str]) -> None:
        self.flow = flow
        self.state: State = begin(flow, call_id="c1", direction=Direction.OUTBOUND, at=AT, facts=facts)
        self.switched: list[tuple[bool, bool]] = []
        self.words = ""

    def happens(self, *events: Event) -> Scene:
        for event in events:
            self.words = ""
            queue: list[Event] = [event]
            while queue:
                self.state, effects = step(self.flow, self.state, queue.pop(0))
                queue.extend(self._done(effects))
        return self

    def _done(self, effects: tuple[Effect, ...]) -> list[Event]:
        for effect in effects:
            if isinstance(effect, Record):
                self.switched.append((effect.on, effect.keep))
            if isinstance(effect, Say):
                self.words += effect.text
        return [Done(AT, effect.id) for effect in effects if isinstance(effect, Say | Record)]


ON, KEPT, DELETED = (True, True), (False, True), (False, False)


def heard(text: str) -> Heard:
    return Heard(AT, text)


@pytest.mark.parametrize(
    ("name", "flow", "facts", "events", "switched"),
    [
        ("off is off", OFF, LENIENT, (), []),
        ("a notice is enough", NOTICE, LENIENT, (), [ON]),
        ("a notice is not enough", NOTICE, STRICT, (heard("Yes."),), []),
        ("nobody was asked yet", ASKING, STRICT, (), []),
        ("asked, yes", ASKING, STRICT, (heard("Yes, sure."),), [ON]),
        ("asked, no", ASKING, STRICT, (heard("No."),), []),
        ("asked, silence", ASKING, STRICT, (Silence(AT), Silence(AT)), []),
        ("asked by key", ASKING, STRICT, (Pressed(AT, "1"),), [ON]),
        ("yes, then no", ASKING, STRICT, (heard("Yes."), heard("Actually, I don't want to be recorded.")), [ON, DELETED]),
        ("notice, then no", NOTICE, LENIENT, (heard("Please stop recording."),), [ON, DELETED]),
        ("a no where a yes is not needed", ASKING, LENIENT, (heard("No."),), [ON, DELETED]),
        ("a machine", NOTICE, STRICT, (Machine(AT, "voicemail"),), []),
        ("to the end", NOTICE, LENIENT, (heard("Yes."), HungUp(AT)), [ON]),
        ("another process goes on", NOTICE, LENIENT, (heard("Yes."), Resumed(AT)), [ON, ON]),
        ("resumed after a no", NOTICE, LENIENT, (heard("Don't record me."), Resumed(AT)), [ON, DELETED]),
    ],
)  # fmt: skip
def test_what_is_recorded(
    name: str, flow: Flow, facts: dict[str, str], events: tuple[Event, ...], switched: list[tuple[bool, bool]]
) -> None:
    assert Scene(flow, facts).happens(Answered(AT), *events).switched == switched, name


def test_nothing_is_recorded_before_the_disclosure_was_heard_to_its_end() -> None:
    state = begin(NOTICE, call_id="c1", direction=Direction.OUTBOUND, at=AT, facts=LENIENT)
    state, effects = step(NOTICE, state, Answered(AT))
    assert not [effect for effect in effects if isinstance(effect, Record)]
    (disclosure,) = (effect for effect in effects if isinstance(effect, Say) and effect.kind == "disclosure")
    state, effects = step(NOTICE, state, Done(AT, disclosure.id))
    assert [type(effect) for effect in effects] == [Record]


def test_an_objection_is_answered_and_the_question_asked_again() -> None:
    scene = Scene(NOTICE, LENIENT).happens(Answered(AT), heard("Sorry, I do not want to be recorded."))
    assert scene.words.startswith("Okay. This call is not recorded.")
    assert scene.state.focus.slot == "good_time"
    scene = Scene(ASKING, STRICT).happens(Answered(AT), heard("I'd rather not be recorded."))
    assert scene.state.answers["ok_to_record"].value == "no"
    assert scene.state.focus.slot == "good_time"


@pytest.mark.parametrize(
    ("text", "objects"),
    [
        ("you can't record me", True),
        ("Turn off the recording, please", True),
        ("I never agreed to be recorded", True),
        ("are you recording this?", False),
        ("I don't mind being recorded", False),
        ("we don't keep records", False),
        ("we record our own calls too", False),
    ],
)
def test_what_counts_as_an_objection(text: str, objects: bool) -> None:
    assert (Scene(NOTICE, LENIENT).happens(Answered(AT), heard(text)).state.notes.recording == "refused") is objects


def test_colleagues_are_not_recorded() -> None:
    scene = Scene(NOTICE, {**LENIENT, DESTINATIONS: "sales"}).happens(Answered(AT), Pressed(AT, "0"))
    (transfer,) = (effect for effect in scene.state.pending if type(effect).__name__ == "Transfer")
    assert scene.happens(TransferDone(AT, transfer.id)).switched == [ON, KEPT]


TOLD = parse_flow(BODY.replace("transfer:\n", "transfer:\n  record: true\n", 1), "told.yaml")


@pytest.mark.parametrize(
    ("facts", "told", "switched"),
    [
        (LENIENT, True, [ON]),
        (STRICT, False, []),
    ],
)
def test_colleagues_who_are_told_are_recorded(
    facts: dict[str, str], told: bool, switched: list[tuple[bool, bool]]
) -> None:
    scene = Scene(TOLD, {**facts, DESTINATIONS: "sales"}).happens(Answered(AT), Pressed(AT, "0"))
    (transfer,) = (effect for effect in scene.state.pending if isinstance(effect, Transfer))
    assert ("This call is recorded." in transfer.briefing) is told
    assert scene.happens(TransferDone(AT, transfer.id, "warm")).switched == switched


def test_a_recording_never_begins_among_colleagues() -> None:
    scene = Scene(TOLD, {**LENIENT, DESTINATIONS: "sales"}).happens(Answered(AT), Pressed(AT, "0"))
    (transfer,) = (effect for effect in scene.state.pending if isinstance(effect, Transfer))
    scene.happens(TransferDone(AT, transfer.id, "warm"), Resumed(AT))  # the process that recorded is gone
    assert scene.state.notes.recording == "off"


@given(st.lists(st.sampled_from(["Yes.", "No.", "fifty people", "stop recording", "Who is this?", ""]), max_size=8))
def test_after_a_no_nothing_is_ever_recorded_again(said: list[str]) -> None:
    scene = Scene(ASKING, STRICT).happens(Answered(AT))
    for text in said:
        scene.happens(heard(text))
        scene.state = load_state(dump_state(scene.state))
    if any("stop" in text for text in said) and not scene.state.ended:
        assert scene.state.notes.recording == "refused"
    assert [on for on, _ in scene.switched] in ([], [True], [True, False])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (" The call may be recorded.", "", "the caller is not told"),
        ("{start: after_disclosure}", "{start: after_disclosure, consent: budget}", "there is no yes/no slot"),
        ("{start: after_disclosure}", "{start: always}", "after_disclosure"),
    ],
)
def test_a_flow_that_records_badly_is_refused(old: str, new: str, says: str) -> None:
    with pytest.raises(FlowError, match=says):
        parse_flow(BODY.replace(old, new), "x.yaml")
