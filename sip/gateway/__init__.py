"""The embedded SIP gateway: a development and CI stand-in for livekit-sip, which is what production uses.

It stands between telephones (SIP over UDP, G.711) and livekit-server, and speaks livekit-sip's protocols on both
sides: psrpc over Redis to the server (which matches trunks and dispatch rules itself), WebRTC into the room. So
`lk sip`, the LiveKit APIs and everything of ours work unmodified with either. What differs from livekit-sip 1.10:

- UDP only: no TCP, TLS, SRTP, NAT traversal; PCMU and PCMA only (no G.722, AMR-WB); one address.
- Lower delay: no mixer queue and no jitter buffer of its own, about 125 ms less for an echo. Figures say which
  edge they were taken with.
- Hold is answered with the direction that RFC 3264 asks for; livekit-sip always answers sendrecv.
- A caller gets 503 within seconds while Redis or livekit-server is away.
- A room whose connection is lost for 7 s ends the call with BYE.
- A PIN rule asks without voice prompts; there is no dial tone; `lk.sip.EndCall` and `attributes_to_headers` are ignored.
- One process: joins of rooms happen one after the other (simultaneous ones stall the audio of all calls), so of
  eight calls that start at once the last is answered about 1.5 s late.

The same as livekit-sip, limits included: no final answer when no trunk or rule matches, 15 s without RTP end a call
(30 s before the first packet), no session timers, REFER from the phone refused.

Imports sip.ua only.
"""
