"""Providers by configuration: what is built, what is imported only when chosen, what is said when it cannot be."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from bot.order import BadOrder, Order, direction_of
from bot.providers import TABLE, Modality, ProviderUnusable, build, check
from flows.model import Direction

KEYS = {
    "DEEPGRAM_API_KEY": "dg-test",
    "OPENAI_API_KEY": "sk-test",
    "ELEVEN_API_KEY": "el-test",
}

BUILT: list[tuple[Modality, str, str]] = [
    ("stt", "deepgram/nova-3", "livekit.plugins.deepgram"),
    ("stt", "openai/gpt-4o-mini-transcribe", "livekit.plugins.openai"),
    ("tts", "elevenlabs/eleven_flash_v2_5", "livekit.plugins.elevenlabs"),
    ("tts", "openai/gpt-4o-mini-tts", "livekit.plugins.openai"),
    ("llm", "openai/gpt-4.1-mini", "livekit.plugins.openai"),
    ("vad", "silero", "livekit.plugins.silero"),
]


@pytest.mark.parametrize(("modality", "choice", "module"), BUILT)
async def test_a_plugin_is_built_from_its_name(
    modality: Modality, choice: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    plugin = build(modality, choice)
    assert type(plugin).__module__.startswith(module)
    model = choice.partition("/")[2]
    assert not model or model in str(getattr(plugin, "model", ""))


@pytest.mark.parametrize(
    ("modality", "choice"), [("stt", "local"), ("tts", "local"), ("llm", "none"), ("vad", "builtin")]
)
def test_the_defaults_need_nothing(modality: Modality, choice: str) -> None:
    assert build(modality, choice) is None


@pytest.mark.parametrize(
    ("modality", "choice", "words"),
    [
        ("stt", "whisper", ["unknown stt provider", "LEADLINE_BOT_STT", "local, deepgram"]),
        ("stt", "deepgram", ["DEEPGRAM_API_KEY", ".env"]),
        ("tts", "elevenlabs", ["ELEVEN_API_KEY"]),
        ("llm", "openai/gpt-4.1-mini", ["OPENAI_API_KEY"]),
        (
            "turn_detector",
            "turn-detector",
            ["unknown turn_detector", "LEADLINE_BOT_TURN_DETECTOR", "patience, v1-mini"],
        ),
    ],
)
def test_what_is_missing_is_said_with_the_fix(
    modality: Modality, choice: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ProviderUnusable) as told:
        build(modality, choice)
    assert all(word in str(told.value) for word in words), str(told.value)


def test_the_local_turn_model_is_the_framework_s_own() -> None:
    detector = build("turn_detector", "v1-mini")
    assert "mini" in str(getattr(detector, "model", ""))


def test_every_module_in_the_table_exists() -> None:
    for plugins in TABLE.values():
        for plugin in plugins.values():
            if plugin is not None:
                import_module(plugin.module)


def test_no_plugin_is_imported_unless_it_is_chosen() -> None:
    code = (
        "import sys, bot.providers, bot.worker, bot.job\n"
        "found = [m for m in sys.modules if m.startswith('livekit.plugins.')]\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_secret_is_not_shown() -> None:
    from bot.settings import LiveKitSettings

    assert "hidden-secret" not in repr(LiveKitSettings(url="ws://x", api_key="k", api_secret="hidden-secret"))


def test_unknown_names_are_refused_before_anything_is_imported() -> None:
    with pytest.raises(ProviderUnusable):
        check("vad", "webrtcvad")


@pytest.mark.parametrize(
    ("metadata", "flow", "direction"),
    [
        ("", "b2b-software", None),
        ('{"flow": "home-services"}', "home-services", None),
        ('{"call_id": "c1", "direction": "outbound"}', "b2b-software", Direction.OUTBOUND),
    ],
)
def test_order(metadata: str, flow: str, direction: Direction | None) -> None:
    order = Order.parse(metadata, "b2b-software")
    assert (order.flow, order.direction) == (flow, direction)


@pytest.mark.parametrize("metadata", ["{", "[]", '"x"', '{"direction": "sideways"}'])
def test_a_bad_order_says_how_it_should_look(metadata: str) -> None:
    with pytest.raises(BadOrder, match="dispatch metadata"):
        Order.parse(metadata, "b2b-software")


def test_the_leg_tells_the_direction() -> None:
    order = Order.parse("", "b2b-software")
    assert direction_of(order, {"sip.callID": "SCL_1"}) is Direction.INBOUND
    assert direction_of(order, {}) is Direction.WEB
