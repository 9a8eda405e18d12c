"""How SIP statuses reach the API's caller and the agents (as livekit/protocol's sip.go and livekit-sip map them)."""

from typing import Final

from livekit.protocol.sip import SIPStatus
from livekit.rtc import DisconnectReason

from sip.gateway.psrpc import RpcError

_CODES: Final = {
    401: "permission_denied",
    402: "permission_denied",
    403: "permission_denied",
    404: "not_found",
    407: "unauthenticated",
    408: "deadline_exceeded",
    409: "failed_precondition",
    410: "not_found",
    480: "resource_exhausted",
    481: "not_found",
    482: "failed_precondition",
    483: "failed_precondition",
    486: "resource_exhausted",
    487: "aborted",
    491: "aborted",
    504: "deadline_exceeded",
    600: "resource_exhausted",
    603: "permission_denied",
    604: "not_found",
    607: "permission_denied",
    608: "permission_denied",
}


def rpc_error(what: str, status: int, phrase: str) -> RpcError:
    """The error for a final SIP status; its detail alone makes the API's SipCallError."""
    code = _CODES.get(status) or ("failed_precondition" if 500 <= status < 600 else "invalid_argument")
    detail = SIPStatus(code=status, status=phrase)  # type: ignore[arg-type]  # an open enum: any status travels
    return RpcError(code, f"{what}: sip status: {status}: {phrase}", detail)


def leave_reason(status: int) -> "DisconnectReason.ValueType":
    """What agents see as the reason when an outbound call fails."""
    if status in (404, 408, 480):
        return DisconnectReason.USER_UNAVAILABLE
    return DisconnectReason.CLIENT_INITIATED if 500 <= status < 600 else DisconnectReason.USER_REJECTED
