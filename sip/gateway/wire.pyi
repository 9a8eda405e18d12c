"""Types of the messages that wire.py declares at run time."""

from collections.abc import Mapping, MutableMapping

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty as Empty
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from google.protobuf.message import Message
from livekit.protocol.room import RoomConfiguration
from livekit.protocol.sip import SIPCallInfo, SIPUri

class Request(Message):
    request_id: str
    client_id: str
    sent_at: int
    expiry: int
    raw_request: bytes
    def __init__(
        self,
        *,
        request_id: str = ...,
        client_id: str = ...,
        sent_at: int = ...,
        expiry: int = ...,
        raw_request: bytes = ...,
    ) -> None: ...

class Response(Message):
    request_id: str
    server_id: str
    sent_at: int
    error: str
    code: str
    raw_response: bytes
    error_details: RepeatedCompositeFieldContainer[AnyMessage]
    def __init__(
        self,
        *,
        request_id: str = ...,
        server_id: str = ...,
        sent_at: int = ...,
        error: str = ...,
        code: str = ...,
        raw_response: bytes = ...,
    ) -> None: ...

class ClaimRequest(Message):
    request_id: str
    server_id: str
    affinity: float
    def __init__(
        self,
        *,
        request_id: str = ...,
        server_id: str = ...,
        affinity: float = ...,
    ) -> None: ...

class ClaimResponse(Message):
    request_id: str
    server_id: str
    def __init__(
        self,
        *,
        request_id: str = ...,
        server_id: str = ...,
    ) -> None: ...

class SIPCall(Message):
    lk_call_id: str
    source_ip: str
    address: SIPUri
    from_: SIPUri
    to: SIPUri
    sip_call_id: str
    def __init__(
        self,
        *,
        lk_call_id: str = ...,
        source_ip: str = ...,
        address: SIPUri = ...,
        from_: SIPUri = ...,
        to: SIPUri = ...,
        sip_call_id: str = ...,
    ) -> None: ...

class TrunkQuestion(Message):
    call: SIPCall
    def __init__(
        self,
        *,
        call: SIPCall = ...,
    ) -> None: ...

class Trunk(Message):
    username: str
    password: str
    drop: bool
    sip_trunk_id: str
    error_code: int
    realm: str
    def __init__(
        self,
        *,
        username: str = ...,
        password: str = ...,
        drop: bool = ...,
        sip_trunk_id: str = ...,
        error_code: int = ...,
        realm: str = ...,
    ) -> None: ...

class RuleQuestion(Message):
    calling_number: str
    called_number: str
    pin: str
    no_pin: bool
    sip_trunk_id: str
    call: SIPCall
    def __init__(
        self,
        *,
        calling_number: str = ...,
        called_number: str = ...,
        pin: str = ...,
        no_pin: bool = ...,
        sip_trunk_id: str = ...,
        call: SIPCall = ...,
    ) -> None: ...

class Rule(Message):
    room_name: str
    participant_identity: str
    token: str
    ws_url: str
    result: int
    participant_name: str
    participant_metadata: str
    sip_trunk_id: str
    sip_dispatch_rule_id: str
    participant_attributes: MutableMapping[str, str]
    headers: MutableMapping[str, str]
    headers_to_attributes: MutableMapping[str, str]
    ringing_timeout: Duration
    max_call_duration: Duration
    room_preset: str
    room_config: RoomConfiguration
    def __init__(
        self,
        *,
        room_name: str = ...,
        participant_identity: str = ...,
        token: str = ...,
        ws_url: str = ...,
        result: int = ...,
        participant_name: str = ...,
        participant_metadata: str = ...,
        sip_trunk_id: str = ...,
        sip_dispatch_rule_id: str = ...,
        participant_attributes: Mapping[str, str] = ...,
        headers: Mapping[str, str] = ...,
        headers_to_attributes: Mapping[str, str] = ...,
        ringing_timeout: Duration = ...,
        max_call_duration: Duration = ...,
        room_preset: str = ...,
        room_config: RoomConfiguration = ...,
    ) -> None: ...

class CallState(Message):
    call_info: SIPCallInfo
    def __init__(
        self,
        *,
        call_info: SIPCallInfo = ...,
    ) -> None: ...

class Create(Message):
    address: str
    number: str
    call_to: str
    username: str
    password: str
    room_name: str
    participant_identity: str
    token: str
    ws_url: str
    dtmf: str
    sip_call_id: str
    participant_name: str
    participant_metadata: str
    transport: int
    participant_attributes: MutableMapping[str, str]
    sip_trunk_id: str
    hostname: str
    headers: MutableMapping[str, str]
    ringing_timeout: Duration
    max_call_duration: Duration
    wait_until_answered: bool
    def __init__(
        self,
        *,
        address: str = ...,
        number: str = ...,
        call_to: str = ...,
        username: str = ...,
        password: str = ...,
        room_name: str = ...,
        participant_identity: str = ...,
        token: str = ...,
        ws_url: str = ...,
        dtmf: str = ...,
        sip_call_id: str = ...,
        participant_name: str = ...,
        participant_metadata: str = ...,
        transport: int = ...,
        participant_attributes: Mapping[str, str] = ...,
        sip_trunk_id: str = ...,
        hostname: str = ...,
        headers: Mapping[str, str] = ...,
        ringing_timeout: Duration = ...,
        max_call_duration: Duration = ...,
        wait_until_answered: bool = ...,
    ) -> None: ...

class Created(Message):
    participant_id: str
    participant_identity: str
    sip_call_id: str
    def __init__(
        self,
        *,
        participant_id: str = ...,
        participant_identity: str = ...,
        sip_call_id: str = ...,
    ) -> None: ...

class Transfer(Message):
    sip_call_id: str
    transfer_to: str
    headers: MutableMapping[str, str]
    ringing_timeout: Duration
    def __init__(
        self,
        *,
        sip_call_id: str = ...,
        transfer_to: str = ...,
        headers: Mapping[str, str] = ...,
        ringing_timeout: Duration = ...,
    ) -> None: ...
