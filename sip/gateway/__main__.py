"""python -m sip.gateway: run the embedded gateway until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import logging
import signal
import sys

import uvloop

from sip.gateway.bus import BusDown
from sip.gateway.gateway import Gateway
from sip.gateway.settings import GatewaySettings, MissingKeys, read_keys
from sip.redaction import log_to_stderr

log = logging.getLogger("sip.gateway")


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
    parser.add_argument("-v", "--verbose", action="store_true")
    return parser.parse_args()


async def _serve(settings: GatewaySettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Gateway(settings) as gateway:
        transport = gateway.agent.transport
        sys.stdout.write(f"gateway ready on {transport.ip}:{transport.port}\n")
        sys.stdout.flush()
        await stop.wait()
        log.info("stopping; %d call(s) are hung up", len(gateway.legs))


def main() -> int:
    """Exit codes: 0 stopped, 1 it could not start."""
    given = _arguments()
    level = logging.DEBUG if given.verbose else logging.INFO
    log_to_stderr(level)
    for noisy in ("livekit", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        settings = GatewaySettings(given.redis, given.ws_url, given.ip, given.sip_port, read_keys())
        uvloop.run(_serve(settings))  # half the cost per packet of asyncio's own loop
    except MissingKeys as error:
        sys.stderr.write(f"{error}\n")
    except BusDown as error:
        sys.stderr.write(f"{error} at {given.redis}: start Redis, or give its address with --redis\n")
    except OSError as error:
        sys.stderr.write(f"UDP {given.ip}:{given.sip_port} cannot be used ({error}): choose another --sip-port\n")
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
