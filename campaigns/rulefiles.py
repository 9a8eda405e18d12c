"""The rule packs that ship, and those of an operator who has had them checked: files to rules by country."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from campaigns.policy.rulepack import RulePack, RulePackError, read_pack

SHIPPED: Final = Path(__file__).parent / "rules"


def load_packs(folder: Path = SHIPPED) -> Mapping[str, RulePack]:
    """Read all `*.yaml` of a folder. Raises RulePackError for a file that is wrong, or two for one country."""
    packs: dict[str, RulePack] = {}
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise RulePackError(f"{folder}: no rule packs (*.yaml) are there; without rules nobody is called")
    for file in files:
        pack = read_pack(file.read_text(encoding="utf-8"), str(file))
        if pack.country in packs:
            raise RulePackError(f"{file}: there is a rule pack for {pack.country} already in {folder}")
        packs[pack.country] = pack
    return packs
