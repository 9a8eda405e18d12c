"""SDP offers and answers for one G.711 audio stream (RFC 8866, offer/answer by RFC 3264)."""

import re
from dataclasses import dataclass
from typing import Self

from sip.ua.g711 import NAMES
from sip.ua.message import BadMessage, is_ipv4

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_MIRROR = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
TELEPHONE_EVENT = 101  # the payload type that we offer


@dataclass(frozen=True, slots=True)
class Sdp:
    """One side's description of the audio stream; `payloads` are RTP payload types, best first."""

    ip: str
    port: int
    payloads: tuple[int, ...]
    telephone_event: int | None = None
    direction: str = "sendrecv"
    refused: tuple[str, ...] = ()  # other m= lines of the offer, to be answered with port 0 (RFC 3264 6)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises BadMessage when there is no audio over plain RTP at an IPv4 address."""
        session, audio, refused = _sections(text)
        m = re.fullmatch(r"m=audio (\d{1,5})(?:/\d+)? RTP/AVP((?: \d{1,3})+)", audio[0])
        if not m:
            raise BadMessage("no audio over RTP/AVP offered")
        if int(m[1]) > 65535:
            raise BadMessage("the audio port is out of range")
        event = _find(audio, r"a=rtpmap:(\d{1,3}) telephone-event/8000")
        ip = _find(audio, r"c=IN IP4 ([^/\s]+)") or _find(session, r"c=IN IP4 ([^/\s]+)")
        if not is_ipv4(ip):
            raise BadMessage("no IPv4 address for the audio")
        direction = _find(audio, r"a=(sendrecv|sendonly|recvonly|inactive)") or _find(
            session, r"a=(sendrecv|sendonly|recvonly|inactive)"
        )
        payloads = tuple(int(p) for p in m[2].split())
        return cls(ip, int(m[1]), payloads, int(event) if event else None, direction or "sendrecv", refused)

    def text(self, session: int, version: int) -> str:
        """The wire form; `session` and `version` are the two numbers of the o= line."""
        formats = [str(p) for p in self.payloads]
        maps = [f"a=rtpmap:{p} {NAMES[p]}/8000" for p in self.payloads if p in NAMES]
        if self.telephone_event is not None:
            formats.append(str(self.telephone_event))
            maps += [f"a=rtpmap:{self.telephone_event} telephone-event/8000", f"a=fmtp:{self.telephone_event} 0-15"]
        lines = [
            "v=0",
            f"o=- {session} {version} IN IP4 {self.ip}",
            "s=-",
            f"c=IN IP4 {self.ip}",
            "t=0 0",
            f"m=audio {self.port} RTP/AVP {' '.join(formats)}",
            *maps,
            "a=ptime:20",
            f"a={self.direction}",
            *self.refused,
        ]
        return "\r\n".join(lines) + "\r\n"

    def codec(self, ours: tuple[int, ...]) -> int:
        """The first of the peer's payload types that we speak. Raises BadMessage when there is none."""
        for p in self.payloads:
            if p in ours:
                return p
        raise BadMessage("no common codec (PCMU and PCMA are spoken)")

    def answer(self, ip: str, port: int, ours: tuple[int, ...], direction: str = "sendrecv") -> "Sdp":
        """Our answer to this offer; `direction` is what we want, the offer may allow less."""
        allowed = _MIRROR[self.direction]
        both = _direction(
            _sends(direction) and _sends(allowed),
            _receives(direction) and _receives(allowed),
        )
        return Sdp(ip, port, (self.codec(ours),), self.telephone_event, both, self.refused)


def _sends(direction: str) -> bool:
    return direction in ("sendrecv", "sendonly")


def _receives(direction: str) -> bool:
    return direction in ("sendrecv", "recvonly")


def _direction(sends: bool, receives: bool) -> str:
    return {(True, True): "sendrecv", (True, False): "sendonly", (False, True): "recvonly"}.get(
        (sends, receives), "inactive"
    )


def _sections(text: str) -> tuple[list[str], list[str], tuple[str, ...]]:
    """Session lines, the lines of the first audio stream, the other streams' refusals."""
    session: list[str] = []
    audio: list[str] = []
    refused: list[str] = []
    now = session
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.startswith("m="):
            if line.startswith("m=audio ") and not audio:
                now = audio
            else:
                now = []
                refused.append(re.sub(r"^(m=\S+) \S+", r"\1 0", line))
        now.append(line.rstrip())
    if not audio:
        raise BadMessage("no audio stream offered")
    return session, audio, tuple(refused)


def _find(lines: list[str], pattern: str) -> str:
    return next((m[1] for line in lines if (m := re.match(pattern, line))), "")
