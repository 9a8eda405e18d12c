"""Which plugin stands behind each name in the settings: one table a modality, imported only when chosen."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from livekit.agents import llm, stt, tts, vad

from bot.settings import Modality, plugin_key


class ProviderUnusable(RuntimeError):
    """A provider named in the settings cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """Where a provider's class is, what it needs, and the extra that installs it."""

    module: str
    build: str  #: attribute path below the module, e.g. "STT" or "VAD.load"
    extra: str
    key: str = ""  #: environment variable with its API key
    model: str = ""  #: keyword that takes the part behind "/" in "deepgram/nova-3"
    options: Mapping[str, object] = field(default_factory=dict)  #: for telephone use
    names: str = ""  #: keyword of its `update_options` that takes names to prefer
    name_max: int = 100  #: letters of the longest name that it takes


_LK: Final = "livekit.plugins."
_NO_KEY: Final = "none"  #: what a server that asks for no key is sent
TABLE: Final[Mapping[Modality, Mapping[str, Plugin | None]]] = {
    # None: built in, nothing to import.
    "stt": {
        "local": None,
        # Final words come when the ear asks for them: the provider's own end of speech is switched off.
        "deepgram": Plugin(
            _LK + "deepgram", "STT", "deepgram", "DEEPGRAM_API_KEY", "model", {"endpointing_ms": 0}, names="keyterm"
        ),
        "openai": Plugin(_LK + "openai", "STT", "openai", "OPENAI_API_KEY", "model"),
        "elevenlabs": Plugin(
            _LK + "elevenlabs",
            "STT",
            "elevenlabs",
            "ELEVEN_API_KEY",
            "model",
            {"model": "scribe_v2_realtime", "include_timestamps": True, "language_code": "en"},
            names="keyterms",
            name_max=20,
        ),
    },
    "tts": {
        "local": None,
        "elevenlabs": Plugin(
            _LK + "elevenlabs", "TTS", "elevenlabs", "ELEVEN_API_KEY", "model", {"encoding": "pcm_24000"}
        ),
        "openai": Plugin(_LK + "openai", "TTS", "openai", "OPENAI_API_KEY", "model", {"response_format": "pcm"}),
        "deepgram": Plugin(_LK + "deepgram", "TTS", "deepgram", "DEEPGRAM_API_KEY", "model"),
    },
    "llm": {
        "none": None,
        "openai": Plugin(_LK + "openai", "LLM", "openai", "OPENAI_API_KEY", "model"),
    },
    "vad": {
        "builtin": None,
        "silero": Plugin(_LK + "silero", "VAD.load", "silero"),
    },
    "turn_detector": {
        "patience": None,
        "v1-mini": Plugin("livekit.agents.inference", "TurnDetector", "", model="version"),
    },
}


def check(modality: Modality, choice: str, base_url: str = "") -> Plugin | None:
    """The plugin behind a setting such as "deepgram/nova-3"; None for what is built in.

    A server of one's own, named by `base_url`, needs no key.

    Raises:
        ProviderUnusable: unknown name, package not installed, or API key missing.
    """
    name = choice.partition("/")[0]
    known = TABLE[modality]
    if name not in known:
        raise ProviderUnusable(
            f"unknown {modality} provider {name!r}: set LEADLINE_BOT_{modality.upper()} to one of {', '.join(known)}"
        )
    plugin = known[name]
    if plugin is not None and plugin.key and not base_url and plugin_key(plugin.key) is None:
        raise ProviderUnusable(f"{modality} provider {name!r} needs {plugin.key} in the environment or in .env")
    return plugin


def build(modality: Modality, choice: str, base_url: str = "") -> object | None:
    """Import and construct what a setting names; None for what is built in. `base_url` replaces the provider's own.

    Raises:
        ProviderUnusable: see `check`; also when the plugin itself cannot start, for example for missing weights.
    """
    plugin = check(modality, choice, base_url)
    if plugin is None:
        return None
    name, _, model = choice.partition("/")
    options: dict[str, object] = dict(plugin.options)
    if plugin.model and (model or name == "v1-mini"):
        options[plugin.model] = model or name
    if plugin.key and (key := plugin_key(plugin.key)) is not None:
        options["api_key"] = key.get_secret_value()
    if base_url:
        options = {"api_key": _NO_KEY, **options, "base_url": base_url}
    try:
        return _constructor(plugin)(**options)
    except ModuleNotFoundError as missing:
        raise _not_installed(modality, choice, plugin, missing) from missing
    except (RuntimeError, ValueError, OSError) as wrong:
        raise ProviderUnusable(f"{modality} provider {name!r} cannot start ({wrong}); check its settings") from wrong


def preload(modality: Modality, choice: str, base_url: str = "") -> None:
    """Import what a setting names, so that no call waits for it.

    Raises:
        ProviderUnusable: see `check`; also when its package is not installed.
    """
    plugin = check(modality, choice, base_url)
    if plugin is not None:
        try:
            importlib.import_module(plugin.module)
        except ModuleNotFoundError as missing:
            raise _not_installed(modality, choice, plugin, missing) from missing


def stt_plugin(choice: str, base_url: str = "") -> stt.STT[Any] | None:
    """The recogniser a setting names, None for the local one. `base_url`: any server that speaks the same protocol."""
    return cast("stt.STT[Any] | None", build("stt", choice, base_url))


def preferring(choice: str, plugin: stt.STT[Any]) -> Callable[[list[str]], None] | None:
    """How a hosted recogniser is told names to prefer (Deepgram's keyterms from Nova-3 on, ElevenLabs'); None: it takes none."""
    known = TABLE["stt"][choice.partition("/")[0]]
    if known is None or not known.names or (known.names == "keyterm" and not plugin.model.startswith("nova-3")):
        return None
    change, keyword, longest = getattr(plugin, "update_options"), known.names, known.name_max  # noqa: B009 - not in the base class

    def prefer(names: list[str]) -> None:
        change(**{keyword: [name for name in names if len(name) <= longest]})

    return prefer


def tts_plugin(choice: str, base_url: str = "") -> tts.TTS[Any] | None:
    """The voice a setting names, None for the local one. `base_url`: any server that speaks the same protocol."""
    return cast("tts.TTS[Any] | None", build("tts", choice, base_url))


def llm_plugin(choice: str, base_url: str = "") -> llm.LLM[Any] | None:
    """The language model a setting names, None for none. `base_url`: any server that speaks the same protocol."""
    return cast("llm.LLM[Any] | None", build("llm", choice, base_url))


def vad_plugin(choice: str) -> vad.VAD | None:
    """The voice activity detector a setting names, None for the built-in one."""
    return cast("vad.VAD | None", build("vad", choice))


def _not_installed(modality: Modality, choice: str, plugin: Plugin, missing: ModuleNotFoundError) -> ProviderUnusable:
    name = choice.partition("/")[0]
    return ProviderUnusable(
        f"{modality} provider {name!r} is not installed: uv sync --extra {plugin.extra} ({missing.name} is missing)"
    )


def _constructor(plugin: Plugin) -> Callable[..., object]:
    found: object = importlib.import_module(plugin.module)
    for part in plugin.build.split("."):
        found = getattr(found, part)
    return cast("Callable[..., object]", found)
