"""python -m sip.gateway: run the embedded gateway until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import logging
import signal
import socket
import sys

from sip.gateway.settings import GatewaySettings, MissingKeys, read_keys
from sip.gateway.shifts import Shifts
from sip.redaction import log_to_stderr
from sip.ua.transport import bind_udp


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sip.gateway",
        description="Embedded SIP gateway for development and CI. LIVEKIT_API_KEY and LIVEKIT_API_SECRET are read "
        "from the environment.",
    )
    parser.add_argument("--redis", default="redis://127.0.0.1:6379", help="the Redis that livekit-server uses")
    parser.add_argument("--ws-url", default="ws://127.0.0.1:7880", help="livekit-server")
    parser.add_argument("--ip", default="127.0.0.1", help="address to bind and to announce")
    parser.add_argument("--sip-port", type=int, default=5060, help="UDP; 0 takes a free one")
    parser.add_argument(
        "--renew-after",
        type=int,
        default=100,
        metavar="CALLS",
        help="a new process takes over after so many calls, between two of them (100); 0 never",
    )
    parser.add_argument("--sip-fd", type=int, help=argparse.SUPPRESS)  # the socket of a process that was started by us
    parser.add_argument("-v", "--verbose", action="store_true")
    return parser.parse_args()


async def _keep(sock: socket.socket) -> int:
    """One process after the other serves on the socket."""
    shifts = Shifts([sys.executable, "-m", "sip.gateway", *sys.argv[1:]], sock)
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, shifts.stop)
    ip, port = sock.getsockname()
    told = asyncio.create_task(_tell(ready, f"gateway ready on {ip}:{port}"))
    try:
        return await shifts.run(ready)
    finally:
        told.cancel()


async def _tell(ready: asyncio.Event, line: str) -> None:
    await ready.wait()
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _work(given: argparse.Namespace, settings: GatewaySettings) -> int:
    import uvloop  # half the cost per packet of asyncio's own loop

    # Not by the process above, which stays small without all this.
    from sip.gateway.bus import BusDown
    from sip.gateway.turn import work

    try:
        uvloop.run(work(settings, socket.socket(fileno=given.sip_fd), given.renew_after))
    except BusDown as error:
        sys.stderr.write(f"{error} at {given.redis}: start Redis, or give its address with --redis\n")
        return 1
    return 0


def main() -> int:
    """Exit codes: 0 stopped, 1 it could not start."""
    given = _arguments()
    log_to_stderr(logging.DEBUG if given.verbose else logging.INFO)
    for noisy in ("livekit", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        settings = GatewaySettings(given.redis, given.ws_url, given.ip, given.sip_port, read_keys())
        if given.sip_fd is not None:
            return _work(given, settings)
        return asyncio.run(_keep(bind_udp(given.ip, given.sip_port)))
    except MissingKeys as error:
        sys.stderr.write(f"{error}\n")
    except OSError as error:
        sys.stderr.write(f"UDP {given.ip}:{given.sip_port} cannot be used ({error}): choose another --sip-port\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
