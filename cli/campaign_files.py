"""`leadline campaign init|validate`: a campaign's file is begun, and checked against flows, rules and telephony."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from campaigns.rulefiles import SHIPPED, load_packs
from cli.campaign_options import NO, AsJson, Stack, Wrong, out, print_json, told_plainly

if TYPE_CHECKING:
    from campaigns.caller_ids import Shown
    from campaigns.campaign_file import CampaignFile

CampaignPath = Annotated[Path, typer.Argument(metavar="FILE", help="The campaign's YAML file.")]

_TEMPLATE = """\
# A campaign. Check it with `leadline campaign validate {name}.yaml`; not legal advice, have counsel read it.
campaign: {name}
purpose: telemarketing          # or informational, callback: which consent is needed depends on it
seller: {seller}         # as the flow says it; consent must have been given to this name
flow: {flow}
caller_ids: ["{caller_id}"]   # numbers of yours that the bot answers when somebody calls back
# trunk: carrier                # the stored outbound trunk; needed when there are several
countries: [US]
hours: {{mon-fri: "10:00-18:00"}} # where the person is, inside the law's hours
holidays: false
# start_at: 2026-12-01T09:00-05:00
# end_at: 2026-12-31T18:00-05:00
limits: {{per_24h: 2, gap: 4h, tries: 6, per_caller_id: 50}}   # per number, over all campaigns
consent: {{max_age: 540d}}
# acknowledged: {{CA: "who cleared it and when"}}   # states where no bot may call without counsel's word
pacing: {{concurrency: 5, cps: 1, ring: 30s, max_call: 600s, canary: 20}}
retry: {{no_answer: [4h, 1d, 2d, 3d, 5d], busy: [20m, 20m, 4h]}}
voicemail: {{action: hangup}}
"""


def init(
    name: Annotated[str, typer.Argument(help="The campaign's name: small letters, digits, dashes.")],
    seller: Annotated[str, typer.Option("--seller", help="In whose name is called; default: the flow's seller.")] = "",
    flow: Annotated[str, typer.Option("--flow", help="A flow's name or file.")] = "b2b-software",
    caller_id: Annotated[str, typer.Option("--from", help="The number shown; one of yours.")] = "+12025550100",
    to: Annotated[Path | None, typer.Option("--to", help="The file to write; default NAME.yaml.")] = None,
) -> None:
    """Write a campaign's file with every key there is. A file that is there already is left alone."""
    from campaigns.campaign_file import read_campaign
    from store.flowfiles import load_flow

    with told_plainly():
        seller = seller or load_flow(flow).script.variables.get("seller", "Example Software")
        text = _TEMPLATE.format(name=name, seller=seller, flow=flow, caller_id=caller_id)
        target = to or Path(f"{name}.yaml")
        read_campaign(text, str(target))
        if target.exists():
            raise Wrong(f"{target} is there already; give --to another file")
        target.write_text(text, encoding="utf-8")
    typer.echo(
        f"{target}: next `leadline campaign validate {target}`, then `leadline campaign import {target} LIST.csv`"
    )


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `fix` is set when it speaks against starting."""

    what: str
    told: str
    fix: str = ""

    @property
    def well(self) -> bool:
        """Whether nothing has to be done."""
        return not self.fix


def load(file: Path) -> CampaignFile:
    """A campaign's file, read and checked. Raises FlowError, OSError."""
    from campaigns.campaign_file import read_campaign

    return read_campaign(file.read_text(encoding="utf-8-sig"), str(file))


def validate(
    file: CampaignPath,
    sip_files: Annotated[
        list[Path] | None, typer.Option("--sip", help="Judge callbacks by these trunk files instead of LiveKit.")
    ] = None,
    rules: Annotated[Path, typer.Option("--rules", help="A folder with rule packs of your own (*.yaml).")] = SHIPPED,
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """Say whether a campaign could start: its file, its flow, the rules of its countries, and that the bot answers
    whoever calls back. Exit code 4 when something speaks against it."""
    with told_plainly():
        campaign = load(file)
        findings = [*check_words(campaign), *check_rules(campaign, rules), *_check_callers(campaign, sip_files, name)]
    ready = all(finding.well for finding in findings)
    if as_json:
        told = [{"what": one.what, "told": one.told, "fix": one.fix, "ok": one.well} for one in findings]
        print_json({"campaign": campaign.campaign, "ready": ready, "findings": told})
    else:
        for one in findings:
            out().print(f"[{'green]✓' if one.well else 'red]✗'}[/] {one.what}: {escape(one.told)}")
            if one.fix:
                out().print(f"  → {escape(one.fix)}")
        out().print("ready" if ready else "[red]not ready[/]")
        out().print("[dim]None of this is legal advice: have counsel read the rules and the campaign.[/]")
    raise typer.Exit(0 if ready else NO)


def check_words(campaign: CampaignFile) -> Iterator[Finding]:
    """The flow is there, speaks in the seller's name, says how to opt out, and can be reached outbound."""
    from flows.yamltext import FlowError
    from store.flowfiles import load_flow

    try:
        flow = load_flow(campaign.flow)
    except FlowError as wrong:
        yield Finding("flow", str(wrong), "Name one of `leadline flow list`, or a file that `flow check` calls good.")
        return
    yield Finding("flow", f"{flow.name}, version {flow.version}, {flow.hash}")
    said = flow.script.variables.get("seller", "")
    if said.strip().casefold() != campaign.seller.strip().casefold():
        fix = f"Set `seller` to {said!r}, or the flow's variable `seller` to {campaign.seller!r}."
        yield Finding("seller", f"the flow calls in the name of {said!r}, not of {campaign.seller!r}", fix)
    if not flow.opening.disclose.strip():
        yield Finding("disclosure", "the flow does not say who calls", "Give it a `disclose` line.")
    if not flow.opening.opt_out_notice.strip():
        yield Finding("opt-out", "the flow does not say how to opt out", "Give it an `opt_out_notice` line.")
    if campaign.voicemail.action == "hangup" and flow.opening.voicemail.strip():
        fix = "Remove the flow's `voicemail` line, or set voicemail.action to message with an opt-out number."
        yield Finding("voicemail", "the flow leaves a message on machines, the campaign wants to hang up", fix)
    if campaign.voicemail.action == "message" and not flow.opening.voicemail.strip():
        yield Finding("voicemail", "the flow has no message for machines", "Give it a `voicemail` line, or hang up.")


def check_rules(campaign: CampaignFile, folder: Path) -> Iterator[Finding]:
    """There are rules for each country, and they know which consent this purpose needs."""
    packs = load_packs(folder)
    for country in campaign.countries:
        pack = packs.get(country)
        if pack is None:
            fix = f"Leave {country} out, or put a rule pack into --rules that counsel has signed."
            yield Finding("rules", f"no rule pack for {country}: nobody there would be called", fix)
            continue
        needed = pack.consent.get(campaign.purpose)
        if needed is None:
            fix = "Choose another purpose, or a rule pack that knows this one."
            yield Finding("consent", f"{country}: no consent is known to permit {campaign.purpose} calls", fix)
            continue
        eased = needed == "written" and campaign.consent.override
        yield Finding("rules", f"{country} {pack.version}, verified {pack.source.verified_on} ({pack.source.read})")
        yield Finding("consent", f"{country}: {'express, by override' if eased else needed} consent is needed")
        closed = [
            state for state, rule in pack.states.items() if rule.acknowledge and state not in campaign.acknowledged
        ]
        if closed:
            yield Finding(
                "states", f"{country}: nobody is called in {', '.join(closed)}, `acknowledged` names no counsel"
            )


def _check_callers(campaign: CampaignFile, files: list[Path] | None, stack: str | None) -> Iterator[Finding]:
    for one in callers(campaign, files, stack):
        number = one.caller.number
        if one.why:
            fix = f"See `leadline dispatch test --to {number}`; rules and numbers are in sip-trunk.json and deploy/sip."
            yield Finding("caller ID", one.why, fix)
        else:
            yield Finding("caller ID", f"{number} is yours, and the bot answers it for {campaign.seller}")


def callers(campaign: CampaignFile, files: list[Path] | None, stack: str | None) -> tuple[Shown, ...]:
    """What is known of the numbers shown: by the trunk files given, else by LiveKit."""
    from campaigns.caller_ids import shown
    from cli import telephone
    from sip.trunks import stored

    with telephone.told_plainly():
        if files is None:
            there = telephone.ask_livekit(stack, stored)
        else:
            there = telephone.read_files(files, None, None)
            for trunk in there.inbound:
                trunk.sip_trunk_id = trunk.sip_trunk_id or trunk.name
    return tuple(shown(there, campaign.caller_ids, campaign.seller))
