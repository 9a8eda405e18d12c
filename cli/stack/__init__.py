"""The local stack: Redis, livekit-server, SIP gateway and worker on one machine. Import `cli.stack.stack` for all of it."""
