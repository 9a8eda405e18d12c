"""Is a sound speech? What a line shows decides whether the bot pauses first or waits for words."""

from __future__ import annotations

from bot.doubt import FIRST_LOOK_S, Doubt


def test_sound_is_believed_until_the_line_has_proved_noisy() -> None:
    doubt = Doubt()
    assert doubt.onset(100.0, over_prompt=True)
    assert doubt.look_at == 100.0 + FIRST_LOOK_S
    assert not doubt.looked("", 100.7)  # a crowd: no words in it
    doubt.over("")
    assert not doubt.onset(105.0, over_prompt=True)


def test_words_on_a_noisy_line_take_the_floor_and_clear_its_name() -> None:
    doubt = Doubt()
    doubt.onset(100.0, over_prompt=True)
    doubt.looked("", 100.7)
    assert doubt.looked("wait a moment", 102.2)
    assert not doubt.looked("wait a moment please", 103.7)  # the floor is theirs already
    doubt.over("wait a moment please")
    assert doubt.onset(110.0, over_prompt=True)


def test_nobody_is_in_a_hurry_when_the_bot_is_silent() -> None:
    doubt = Doubt()
    doubt.onset(100.0, over_prompt=False)
    assert doubt.look_at is not None
    assert doubt.look_at > 100.0 + FIRST_LOOK_S


def test_a_backchannel_that_goes_on_is_looked_at_again() -> None:
    doubt = Doubt()
    doubt.onset(100.0, over_prompt=True)
    doubt.hushed(100.6)
    assert doubt.look_at == 100.6 + FIRST_LOOK_S
    doubt.over("okay")
    doubt.hushed(101.5)
    assert doubt.look_at is None
