"""A scriptable SIP phone for tests, demos and benchmarks: calls, speaks, listens, records, measures on the wire.

    async with Phone(user="+12025550111") as me:
        call = await me.call("+12025550100", ("127.0.0.1", 5060), wait=30)
        greeting = await call.media.wait_speech(call.t["answer"])
        said = await call.media.say("question.wav")
        response = await call.media.wait_speech(said.end) - said.end
        await call.hangup()

All times are seconds of CLOCK_REALTIME, those of received packets by the kernel's clock.
"""

from sip.phone.behaviour import answer, busy, echo, no_answer, silent, voicemail
from sip.phone.phone import Phone, PhoneCall, Refer
from sip.phone.recording import save_stereo, stereo
from sip.phone.voice import Segment, Voice
from sip.ua.audio import level_db, load_wav, save_wav, tone
from sip.ua.call import CallFailed

__all__ = [
    "CallFailed",
    "Phone",
    "PhoneCall",
    "Refer",
    "Segment",
    "Voice",
    "answer",
    "busy",
    "echo",
    "level_db",
    "load_wav",
    "no_answer",
    "save_stereo",
    "save_wav",
    "silent",
    "stereo",
    "tone",
    "voicemail",
]
