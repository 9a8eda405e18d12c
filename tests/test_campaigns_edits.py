"""What may change in a campaign's file while it is called: each key, narrower and wider."""

from __future__ import annotations

import pytest

from campaigns.campaign_file import read_campaign
from campaigns.edits import at_import, at_start, widened

FILE = """
campaign: spring
purpose: telemarketing
seller: Seller
flow: b2b-software
caller_ids: ["+12025550100", "+12025550101"]
countries: [US, CA]
hours: {mon-fri: "10:00-18:00"}
limits: {per_24h: 2, gap: 4h, tries: 6, per_caller_id: 50}
consent: {max_age: 540d}
pacing: {concurrency: 5, cps: 1, ring: 30s, max_call: 600s, canary: 20}
retry: {no_answer: [4h, 1d], declined: [2d]}
end_at: 2026-12-31T18:00-05:00
"""
NARROWER = [
    ('["+12025550100", "+12025550101"]', '["+12025550101"]'),
    ("[US, CA]", "[US]"),
    ("mon-fri", "mon-thu"),
    ("10:00-18:00", "11:00-17:00"),
    ("per_24h: 2", "per_24h: 1"),
    ("gap: 4h", "gap: 8h"),
    ("tries: 6", "tries: 5"),
    ("per_caller_id: 50", "per_caller_id: 40"),
    ("540d", "300d"),
    ("concurrency: 5", "concurrency: 4"),
    ("cps: 1", "cps: 0.5"),
    ("30s", "20s"),
    ("600s", "300s"),
    ("canary: 20", "canary: 30"),
    ("[4h, 1d]", "[1d]"),
    ("declined: [2d]", "declined: [3d]"),
    ("2026-12-31", "2026-12-30"),
    ("seller", "cost_per_minute: 2\nseller"),
    ("seller", "start_at: 2026-12-01T09:00-05:00\nseller"),
]
#: Things that have no narrower form: another one is another campaign, to be started as such.
OTHER = [
    ("seller: Seller", "seller: Somebody Else", "seller"),
    ("telemarketing", "informational", "purpose"),
    ("flow: b2b-software", "flow: home-services", "flow"),
    ("seller", "variables: {city: Rome}\nseller", "variables"),
    ("seller", "trunk: other\nseller", "trunk"),
    ("seller", "holidays: true\nseller", "holidays"),
    ("seller", 'acknowledged: {CA: "counsel, 2026-11-02"}\nseller', "acknowledged"),
    ("max_age: 540d", 'max_age: 540d, override: "counsel, 2026-11-02: oral is enough"', "consent.override"),
    (", declined: [2d]", "", "retry"),
]


@pytest.mark.parametrize(("this", "that"), NARROWER)
def test_what_is_narrower_may_change_and_not_back(this: str, that: str) -> None:
    was, now = read_campaign(FILE, "a"), read_campaign(FILE.replace(this, that, 1), "b")
    assert was != now
    assert widened(was, now) == ()
    if "cost" not in that:
        assert len(widened(now, was)) == 1


@pytest.mark.parametrize(("this", "that", "key"), OTHER)
def test_what_is_wider_or_another_thing_is_named(this: str, that: str, key: str) -> None:
    was, now = read_campaign(FILE, "a").spec(), read_campaign(FILE.replace(this, that, 1), "b").spec()
    for state, at_list, at_new_start in (("draft", True, True), ("paused", False, True), ("running", False, False)):
        assert (not at_import(state, was, now), not at_start(state, was, now)) == (at_list, at_new_start)
    assert f"({key})" in at_start("running", was, now)
