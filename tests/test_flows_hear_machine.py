"""Who answered a call of ours, told by the first words: machines in their kinds, and people who sound like them."""

from __future__ import annotations

import json

import pytest

from flows.codec import dump_state, load_state
from flows.engine import begin, step
from flows.flow import Flow
from flows.hear.machine import answered_by
from flows.model import Answered, Direction, Effect, End, Heard, Machine, Say, Silence
from flows.record import record
from flows.schema import parse_flow
from flows.yamltext import FlowError
from store.flowfiles import load_flow, read_flow

AT = 1_795_446_000.0
B2B = load_flow("b2b-software")

VOICEMAIL = """
Hi, you've reached Dana. I can't come to the phone right now, please leave a message after the beep.
Please leave your message after the tone. When you have finished recording, you may hang up or press one for more options.
Your call has been forwarded to an automated voice messaging system.
Your call has been forwarded to voicemail.
The person you are trying to reach is not available.
You have reached the voicemail box of two oh two.
Sorry I missed your call, leave me a message and I'll get back to you as soon as I can.
At the tone, please record your message.
Hello, this is Sam. I'm unable to take your call at the moment.
The customer you are calling is currently unavailable, please try again later.
The subscriber you have dialed is not available.
We are not able to take your call right now.
Hey it's Mike, leave a message.
Please leave your name and number and we'll call you back.
Leave your name, number and a short message.
""".strip().splitlines()
SCREENING = """
If you record your name and reason for calling, I'll see if this person is available.
Hi, the person you're calling is using a screening service from Google.
Please state your name after the tone and Google Voice will try to connect you.
Thanks. Please say your name and why you're calling.
Call assist by Google here, go ahead and tell me your name and why you are calling.
""".strip().splitlines()
IVR = """
Thank you for calling. For sales press one.
Your call is important to us. Please hold for the next available representative.
If you know your party's extension you may dial it at any time.
Our office hours are nine to five.
The mailbox is full and cannot accept any messages at this time.
The number you have dialed is no longer in service.
Please listen carefully as our menu options have changed.
We are currently closed.
""".strip().splitlines()
PEOPLE = """
Hello?
Hello, who is this?
Yeah, speaking.
Good morning, plumbing, how can I help you?
She's not available right now, can I take a message?
He's in a meeting, would you like to leave a message?
You can leave a message with me.
Leave a message with my assistant.
I can't talk right now, call me later.
I'm not available until Tuesday.
We have an answering machine at the office.
My mailbox is full of offers like that.
What is the reason for your call?
Please hold, I'll put you through.
I'll call you back later.
He's currently closed for lunch.
We are about sixty people.
Leave me alone.
""".strip().splitlines()


@pytest.mark.parametrize("text", VOICEMAIL)
def test_a_mailbox(text: str) -> None:
    assert answered_by(text) == "voicemail"


@pytest.mark.parametrize("text", SCREENING)
def test_a_screener(text: str) -> None:
    assert answered_by(text) == "screening"


@pytest.mark.parametrize("text", IVR)
def test_a_menu(text: str) -> None:
    assert answered_by(text) == "ivr"


@pytest.mark.parametrize("text", PEOPLE)
def test_a_person(text: str) -> None:
    assert answered_by(text) is None


def test_a_caller_is_never_a_machine() -> None:
    state, _ = step(B2B, begin(B2B, call_id="c1", direction=Direction.INBOUND, at=AT), Answered(AT))
    state, _ = step(B2B, state, Heard(AT, "our voicemail says: leave a message after the tone"))
    assert not state.ended


SAID = [
    ("please leave a message after the tone", "voicemail"),
    ("for sales press one", "ivr"),
    ("please say your name and why you're calling", "screening"),
    ("hello?", None),
]


@pytest.mark.parametrize(("text", "kind"), SAID)
def test_the_record_says_which_machine_answered(text: str, kind: str | None) -> None:
    state, _ = step(B2B, begin(B2B, call_id="c1", direction=Direction.OUTBOUND, at=AT), Answered(AT))
    state, effects = step(B2B, state, Heard(AT, text))
    assert record(B2B, state)["answered_by"] == kind
    assert load_state(json.loads(json.dumps(dump_state(state)))).notes.answered_by == (kind or "")
    if kind == "screening":
        said = " ".join(effect.text for effect in effects if isinstance(effect, Say))
        assert "calling there about our scheduling software" in said


#: What was heard, in order, and how the call ends; "" is a call that goes on.
EVIDENCE = [
    ("a tone after an opening", [Machine(AT, "tone", 4.0)], "voicemail"),
    ("a tone out of nowhere", [Machine(AT, "tone", 0.6)], ""),
    ("a tone after an answer", [Heard(AT, "yes"), Machine(AT, "tone", 4.0)], ""),
    ("a long opening with a word of theirs", [Heard(AT, "we are away from our desks", spoken_s=9.0)], "voicemail"),
    ("a short one", [Heard(AT, "I'm away from my desk", spoken_s=2.0)], ""),
    ("a long one of a person", [Heard(AT, "well hello there who is it that wants to speak to me", spoken_s=9.0)], ""),
]


@pytest.mark.parametrize(("name", "heard", "disposition"), EVIDENCE)
def test_length_and_tones_are_evidence(name: str, heard: list[Heard | Machine], disposition: str) -> None:
    state, _ = step(B2B, begin(B2B, call_id="c1", direction=Direction.OUTBOUND, at=AT), Answered(AT))
    effects: tuple[Effect, ...] = ()
    for event in heard:
        state, effects = step(B2B, state, event)
    ends = [effect.disposition for effect in effects if isinstance(effect, End)]
    assert ends == ([disposition] if disposition else []), name


def test_a_message_is_left_only_by_a_flow_that_tells_a_number() -> None:
    told = "This is Example Software. To opt out call 800 555 0199, day or night."
    flow = spoken_on_machines(told)
    state, _ = step(flow, begin(flow, call_id="c1", direction=Direction.OUTBOUND, at=AT), Answered(AT))
    state, effects = step(flow, state, Heard(AT, "please leave a message after the tone"))
    assert not any(isinstance(effect, Say | End) for effect in effects), "nobody speaks into a greeting"
    state, effects = step(flow, state, Heard(AT + 1, "or press one for more options"))
    assert not any(isinstance(effect, Say | End) for effect in effects)
    for recording in (Machine(AT + 3, "tone"), Silence(AT + 6)):
        _, effects = step(flow, state, recording)
        assert [effect.text for effect in effects if isinstance(effect, Say)] == [told]
        assert [effect.disposition for effect in effects if isinstance(effect, End)] == ["voicemail"]
    with pytest.raises(FlowError, match="tells no number"):
        spoken_on_machines("This is Example Software. We will call again.")


def spoken_on_machines(text: str) -> Flow:
    before = [line for line in read_flow("b2b-software")[0].splitlines() if line.startswith("voicemail:")]
    return parse_flow(read_flow("b2b-software")[0].replace(before[0], f'voicemail: "{text}"'), "spoken.yaml")
