"""`leadline test-call`: a campaign's call to a number of yours, to hear it before anybody else does."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli.call import EXIT_CODES, Shown, Wish, place_call
from cli.campaign_options import AsJson, DryRun, Stack, told_plainly


def test_call(
    campaign: Annotated[Path, typer.Argument(metavar="FILE", help="The campaign's file.")],
    number: Annotated[str, typer.Argument(help="A number of yours, like +12025550134.")],
    trunk: Annotated[str, typer.Option("--trunk", help="Another trunk than the campaign's, or host:port.")] = "",
    first_name: Annotated[str, typer.Option("--first-name", help="Whom the bot asks for.")] = "Ada",
    dry_run: DryRun = False,
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """Call yourself as the campaign would: its flow, its caller ID, its trunk, its ringing. The gate's rules hold."""
    from cli.campaign_files import load
    from cli.target import find_target
    from sip.routes import RouteError
    from sip.settings import SipSettingsError
    from store.calls import StoreError

    with told_plainly():
        file = load(campaign)
        lead = {**file.variables, "first_name": first_name}
        ringing, longest = round(file.pacing.ring), round(file.pacing.max_call)
        wish = Wish(number, file.flow, trunk or file.trunk, file.caller_ids[0], lead, ringing, longest)
        console = Console(highlight=False, soft_wrap=True, quiet=as_json)
        try:
            code = asyncio.run(place_call(find_target(name), wish, console, Shown(True, as_json, dry_run)))
        except (RouteError, SipSettingsError) as wrong:
            raise StoreError(str(wrong)) from None
    raise typer.Exit(code)


test_call.__doc__ = f"{test_call.__doc__}\n{EXIT_CODES}"
