"""What a stack is made of: the choices before it starts, and where its parts are once it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from cli.settings import StackSettings, isolated
from cli.stack.problem import StackError

PartName = Literal["redis", "livekit", "gateway", "worker", "console"]
ALL_PARTS: tuple[PartName, ...] = get_args(PartName)
#: What telephone calls need.
CALL_PARTS: tuple[PartName, ...] = ALL_PARTS[:-1]

ROOT = Path(__file__).parents[2]
SECRET_LENGTH_MIN = 32


@dataclass(frozen=True, slots=True)
class StackConfig:
    """One stack: its name, its run directory, its parts."""

    name: str
    #: Where run directories are made; the stack's own is `run_dir / name`.
    run_dir: Path
    #: In order of their start.
    parts: tuple[PartName, ...] = CALL_PARTS
    #: Keep Redis' data on disk between runs. The demo and the tests begin empty, always.
    durable: bool = False
    #: Ports, keys and database are the stack's own unless the settings of a person are passed (`leadline up` does).
    settings: StackSettings = field(default_factory=isolated)
    #: Added to every part's environment, e.g. a provider or a flow.
    extra_env: Mapping[str, str] | None = None
    #: None: no trunks and no rules, for tests that make their own.
    trunk_file: Path | None = ROOT / "sip-trunk.json"
    rule_files: tuple[Path, ...] = tuple(sorted((ROOT / "deploy" / "sip").glob("dispatch-rule*.json")))

    @property
    def directory(self) -> Path:
        """The stack's own run directory, absolute, since the parts run elsewhere."""
        return (self.run_dir / self.name).resolve()


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the parts of a running stack are, and the keys to them."""

    run_dir: Path
    sip_ip: str
    sip_port: int
    livekit_url: str
    redis_url: str
    database_url: str
    api_key: str
    api_secret: str
    #: 0: no console is served.
    console_port: int = 0

    def env(self) -> dict[str, str]:
        """Return the variables by which the parts find each other."""
        console = {"LEADLINE_CONSOLE_PORT": str(self.console_port)} if self.console_port else {}
        return console | {
            "LIVEKIT_URL": self.livekit_url,
            "LIVEKIT_API_KEY": self.api_key,
            "LIVEKIT_API_SECRET": self.api_secret,
            "LEADLINE_REDIS_URL": self.redis_url,
            "LEADLINE_DATABASE_URL": self.database_url,
            "LEADLINE_JOURNAL_DIR": str(self.run_dir / "journal"),
            "LEADLINE_RECORDINGS_DIR": str(self.run_dir / "recordings"),
            "LEADLINE_RUN_DIR": str(self.run_dir),
            "LEADLINE_SIP_IP": self.sip_ip,
            "LEADLINE_SIP_PORT": str(self.sip_port),
        }

    @classmethod
    def of(cls, run_dir: Path, env: Mapping[str, str]) -> Endpoints:
        """Return the endpoints that `env()` wrote down. Raises StackError if one is missing."""
        try:
            return cls(
                run_dir=run_dir,
                sip_ip=env["LEADLINE_SIP_IP"],
                sip_port=int(env["LEADLINE_SIP_PORT"]),
                livekit_url=env["LIVEKIT_URL"],
                redis_url=env["LEADLINE_REDIS_URL"],
                database_url=env["LEADLINE_DATABASE_URL"],
                api_key=env["LIVEKIT_API_KEY"],
                api_secret=env["LIVEKIT_API_SECRET"],
                console_port=int(env.get("LEADLINE_CONSOLE_PORT", "0")),
            )
        except (KeyError, ValueError) as error:
            raise StackError(f"{run_dir / 'env'} lacks {error}", "stop that stack and start it again") from None


def check_keys(key: str | None, secret: str | None) -> None:
    """Raise StackError if one of the configured keys is missing or too short to sign with."""
    if key and not secret:
        raise StackError(
            "LIVEKIT_API_KEY is set but LIVEKIT_API_SECRET is not", "set both, or neither to have them made"
        )
    if secret and not key:
        raise StackError(
            "LIVEKIT_API_SECRET is set but LIVEKIT_API_KEY is not", "set both, or neither to have them made"
        )
    if secret and len(secret) < SECRET_LENGTH_MIN:
        raise StackError(
            f"LIVEKIT_API_SECRET has {len(secret)} characters, livekit-server wants at least {SECRET_LENGTH_MIN}",
            "take a longer one, or unset both keys to have them made",
        )
