"""psrpc's wire format: channel names, envelopes, and the messages that are declared at run time."""

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol.sip import SIPUri
from livekit.rtc import DisconnectReason

from sip.gateway import wire
from sip.gateway.psrpc import channel, pack, unpack
from sip.gateway.status import leave_reason, rpc_error


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("IOInfo", "GetSIPTrunkAuthentication", "", "REQ"), "IOInfo|GetSIPTrunkAuthentication|REQ"),
        (("SIPInternal", "TransferSIPParticipant", "SCL_x", "REQ"), "SIPInternal|TransferSIPParticipant|SCL_x|REQ"),
        (("a-b", "c|d"), "au+002db|cu+007cd"),
        (("\U0001f600",), "U+0001f600"),
    ],
)
def test_channel_names(parts: tuple[str, ...], name: str) -> None:
    assert channel(*parts) == name


@given(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=4), st.lists(st.text(max_size=6), max_size=4))
def test_channels_hold_only_safe_characters(parts: list[str], others: list[str]) -> None:
    assert set(channel(*parts)) <= set("+|_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def test_the_envelope_is_an_any_with_the_internal_type() -> None:
    data = pack(wire.Request(request_id="REQ_1", client_id="CLI_1", expiry=5, raw_request=b"x"))
    envelope = AnyMessage.FromString(data)
    assert envelope.type_url == "type.googleapis.com/internal.Request"
    assert envelope.value == b"\x0a\x05REQ_1\x12\x05CLI_1\x20\x05\x42\x01x"  # fields 1, 2, 4 and 8
    request = unpack(data, wire.Request)
    assert request is not None and request.request_id == "REQ_1"


@given(st.binary(max_size=60))
def test_any_bytes_are_an_envelope_or_nothing(data: bytes) -> None:
    unpack(data, wire.Response)


def test_maps_and_nested_messages_travel() -> None:
    call = wire.SIPCall(lk_call_id="SCL_1", from_=SIPUri(user="+12025550111"), to=SIPUri(user="+12025550100"))
    again = wire.RuleQuestion.FromString(wire.RuleQuestion(call=call, pin="1").SerializeToString())
    assert again.call.from_.user == "+12025550111"
    rule = wire.Rule(participant_attributes={"a": "b"})
    assert dict(wire.Rule.FromString(rule.SerializeToString()).participant_attributes) == {"a": "b"}


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (486, "resource_exhausted", DisconnectReason.USER_REJECTED),
        (603, "permission_denied", DisconnectReason.USER_REJECTED),
        (404, "not_found", DisconnectReason.USER_UNAVAILABLE),
        (503, "failed_precondition", DisconnectReason.CLIENT_INITIATED),
        (480, "resource_exhausted", DisconnectReason.USER_UNAVAILABLE),
        (488, "invalid_argument", DisconnectReason.USER_REJECTED),
    ],
)
def test_statuses_are_told_as_livekit_sip_tells_them(
    status: int, code: str, reason: "DisconnectReason.ValueType"
) -> None:
    error = rpc_error("INVITE failed", status, "x")
    assert error.code == code
    assert len(error.details) == 1
    assert leave_reason(status) == reason
