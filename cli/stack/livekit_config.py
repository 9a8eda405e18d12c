"""livekit-server's configuration for a stack: the template at the project's root with loopback laid over it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from cli.stack.problem import StackError


def derive(template: Path, *, port: int, rtc_port: int, redis_port: int, keys: tuple[str, str]) -> str:
    """Return the text of a livekit.yaml that keeps everything on loopback. It holds a secret: write it privately.

    Raises StackError if the template is missing or is not YAML.
    """
    try:
        config = yaml.safe_load(template.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StackError(
            f"{template} is missing", "restore it from the repository: the stack is derived from it"
        ) from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        raise StackError(f"{template}{line} is not YAML", "mend that line") from None
    return yaml.safe_dump(_over(config, _loopback(port, rtc_port, redis_port, keys)), sort_keys=False)


def _loopback(port: int, rtc_port: int, redis_port: int, keys: tuple[str, str]) -> dict[str, Any]:
    return {
        "port": port,
        "bind_addresses": ["127.0.0.1"],
        "rtc": {
            "node_ip": "127.0.0.1",  # set, it also switches STUN off: nothing leaves the machine
            "use_external_ip": False,
            # Else every participant is told of servers by name, and where names cannot be looked up each of them
            # keeps some forty threads waiting for the resolver. Nobody need answer at this one.
            "stun_servers": ["127.0.0.1:3478"],
            "enable_loopback_candidate": True,  # without it ICE ignores the loopback interface
            "interfaces": {"includes": ["lo0" if sys.platform == "darwin" else "lo"]},
            "udp_port": rtc_port,
        },
        "redis": {"address": f"127.0.0.1:{redis_port}"},
        "keys": {keys[0]: keys[1]},
        "logging": {"json": False, "component_levels": {"api": "error"}},
    }


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Lay one mapping over another, key by key; lists and values are replaced."""
    merged = dict(below)
    for key, value in above.items():
        inner = merged.get(key)
        merged[key] = (
            _over(inner, value) if isinstance(inner, dict) and isinstance(value, dict) and key != "keys" else value
        )
    return merged
