"""`leadline campaign`: the group; its commands stand in the files beside it, by what they do."""

from __future__ import annotations

import typer

from cli import campaign_export, campaign_files, campaign_import, campaign_run, campaign_view, lead
from cli.campaign_options import EXIT_CODES

app = typer.Typer(
    no_args_is_help=True,
    help="Outbound campaigns: from a file and a list to calls and a report. None of this is legal advice.\n"
    + EXIT_CODES,
)

app.command()(campaign_files.init)
app.command()(campaign_files.validate)
app.command("import")(campaign_import.import_)
app.command()(lead.explain)
app.command()(campaign_export.export)
app.command()(campaign_run.start)
app.command()(campaign_run.pause)
app.command()(campaign_run.resume)
app.command()(campaign_run.cancel)
app.command("list")(campaign_view.list_)
app.command()(campaign_view.status)
app.command()(campaign_view.watch)
app.command()(campaign_view.report)
