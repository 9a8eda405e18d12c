"""Draw a flow as a Mermaid flowchart, and list what two flows say differently."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from flows.flow import FINISH, Flow, Slot


def mermaid(flow: Flow) -> str:
    """Return the flow as Mermaid text."""
    return "\n".join(["flowchart TD", *_nodes(flow), *_edges(flow), *_rules(flow)]) + "\n"


def _nodes(flow: Flow) -> Iterator[str]:
    yield f'  start(["{_quoted(flow.opening.disclose)}"])'
    for slot in flow.slots:
        yield f'  q_{slot.name}["<b>{slot.name}</b> ({slot.type})<br/>{_quoted(slot.words.ask[0])}"]'
    yield f'  score{{"score ≥ {flow.closing.qualified_at}?"}}'
    yield '  qualified(["qualified"])'
    yield '  unqualified(["unqualified"])'


def _edges(flow: Flow) -> Iterator[str]:
    names = [*(f"q_{slot.name}" for slot in flow.slots), "score"]
    yield f"  start --> {names[0]}"
    for at, slot in enumerate(flow.slots):
        yield from _ways(slot, names[at + 1])
        if slot.skip_when:
            before = names[at - 1] if at else "start"
            yield f'  {before} -. "skip if {_quoted(slot.skip_when.text)}" .-> {names[at + 1]}'
    yield "  score -- yes --> qualified"
    yield "  score -- no --> unqualified"


def _ways(slot: Slot, following: str) -> Iterator[str]:
    for branch in slot.branches:
        target = "score" if branch.go == FINISH else f"q_{branch.go}"
        if branch.when is None:
            yield f"  q_{slot.name} --> {target}"
            return
        yield f'  q_{slot.name} -- "{_quoted(branch.when.text)}" --> {target}'
    yield f"  q_{slot.name} --> {following}"


def _rules(flow: Flow) -> Iterator[str]:
    for at, rule in enumerate(flow.rules):
        target = rule.disposition or rule.action
        yield f'  rule{at}{{{{"{_quoted(rule.when.text)}"}}}} --> {target}_{at}(["{target}"])'


def _quoted(text: str) -> str:
    plain = text.replace('"', "'").replace("{{ ", "[").replace(" }}", "]")
    return plain.replace("<", "&lt;").replace(">", "&gt;")


def difference(old: Flow, new: Flow) -> str:
    """Return what changed between two flows: slots added, removed, changed, then the lines of the files."""
    before, after = {slot.name: slot for slot in old.slots}, {slot.name: slot for slot in new.slots}
    found = [f"slot added: {name}" for name in after if name not in before]
    found += [f"slot removed: {name}" for name in before if name not in after]
    found += [f"slot changed: {name}" for name in after if name in before and before[name] != after[name]]
    lines = difflib.unified_diff(
        old.body.splitlines(),
        new.body.splitlines(),
        f"{old.name}@{old.hash}",
        f"{new.name}@{new.hash}",
        lineterm="",
        n=1,
    )
    return "\n".join([*found, *lines])
