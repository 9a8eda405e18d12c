"""The embedded SIP gateway: a development and CI stand-in for livekit-sip. Imports sip.ua only."""
