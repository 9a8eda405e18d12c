"""`python -m bench.plain_worker`: serves the plain agent; a main module so light that job processes load it for free."""

import asyncio
import sys

from livekit.agents import AgentServer, JobContext  # noqa: TID251 - what Leadline is compared with

from bot.settings import LiveKitSettings


async def entry(ctx: JobContext) -> None:
    """Imported late, so that this process never loads the models."""
    from bench import plain

    await plain.entry(ctx)


def main() -> None:
    """Serve until killed."""
    livekit = LiveKitSettings()
    server = AgentServer(
        ws_url=livekit.url,
        api_key=livekit.api_key,
        api_secret=livekit.api_secret.get_secret_value(),
        preload_modules=["bench.plain"],
        load_threshold=float("inf"),  # the default measures CPU and refuses calls on a busy machine
        host="127.0.0.1",
        port=0,
    )
    server.rtc_session(entry, agent_name="plain")
    server.on("worker_registered", lambda *_: sys.stdout.write("worker ready\n") and sys.stdout.flush())
    asyncio.run(server.run(devmode=False))


if __name__ == "__main__":
    from bench.plain_worker import main as serve

    serve()
