"""LiveKit's private messages, declared at run time with only the fields that we use (types: wire.pyi).

Field numbers are those of livekit/psrpc `internal.proto` and livekit/protocol `rpc/io.proto`, `rpc/sip.proto`.
The names of the rpc messages are free, as they travel as bytes; those of the envelope are not.
"""

from typing import Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.empty_pb2 import Empty as Empty
from livekit.protocol import room as _room
from livekit.protocol import sip as _sip

_F = descriptor_pb2.FieldDescriptorProto
_SCALARS: Final = {
    "str": _F.TYPE_STRING,
    "bytes": _F.TYPE_BYTES,
    "int": _F.TYPE_INT64,  # on the wire an enum and an int are the same
    "bool": _F.TYPE_BOOL,
    "float": _F.TYPE_FLOAT,
}
_DURATION, _URI = ".google.protobuf.Duration", ".livekit.SIPUri"

_MESSAGES: Final[dict[str, dict[str, tuple[int, str]]]] = {
    "Request": {
        "request_id": (1, "str"),
        "client_id": (2, "str"),
        "sent_at": (3, "int"),
        "expiry": (4, "int"),
        "raw_request": (8, "bytes"),
    },
    "Response": {
        "request_id": (1, "str"),
        "server_id": (2, "str"),
        "sent_at": (3, "int"),
        "error": (5, "str"),
        "code": (6, "str"),
        "raw_response": (7, "bytes"),
        "error_details": (8, "*.google.protobuf.Any"),
    },
    "ClaimRequest": {"request_id": (1, "str"), "server_id": (2, "str"), "affinity": (3, "float")},
    "ClaimResponse": {"request_id": (1, "str"), "server_id": (2, "str")},
    "SIPCall": {
        "lk_call_id": (1, "str"),
        "source_ip": (2, "str"),
        "address": (3, _URI),
        "from_": (4, _URI),
        "to": (5, _URI),
        "sip_call_id": (7, "str"),
    },
    "TrunkQuestion": {"call": (8, ".internal.SIPCall")},
    "Trunk": {
        "username": (1, "str"),
        "password": (2, "str"),
        "drop": (3, "bool"),
        "sip_trunk_id": (4, "str"),
        "error_code": (7, "int"),
        "realm": (9, "str"),
    },
    # The server takes trunks from `call`, but a rule's numbers from the flat fields (protocol v1.50.5).
    "RuleQuestion": {
        "calling_number": (2, "str"),
        "called_number": (3, "str"),
        "pin": (5, "str"),
        "no_pin": (6, "bool"),
        "sip_trunk_id": (10, "str"),
        "call": (12, ".internal.SIPCall"),
    },
    "Rule": {
        "room_name": (1, "str"),
        "participant_identity": (2, "str"),
        "token": (4, "str"),
        "ws_url": (5, "str"),
        "result": (6, "int"),
        "participant_name": (7, "str"),
        "participant_metadata": (8, "str"),
        "sip_trunk_id": (9, "str"),
        "sip_dispatch_rule_id": (10, "str"),
        "participant_attributes": (11, "map"),
        "headers": (13, "map"),
        "headers_to_attributes": (14, "map"),
        "ringing_timeout": (16, _DURATION),
        "max_call_duration": (17, _DURATION),
        "room_preset": (20, "str"),
        "room_config": (21, ".livekit.RoomConfiguration"),
    },
    "CallState": {"call_info": (1, ".livekit.SIPCallInfo")},
    "Create": {
        "address": (2, "str"),
        "number": (3, "str"),
        "call_to": (4, "str"),
        "username": (5, "str"),
        "password": (6, "str"),
        "room_name": (7, "str"),
        "participant_identity": (8, "str"),
        "token": (9, "str"),
        "ws_url": (10, "str"),
        "dtmf": (11, "str"),
        "sip_call_id": (13, "str"),
        "participant_name": (14, "str"),
        "participant_metadata": (15, "str"),
        "transport": (16, "int"),
        "participant_attributes": (17, "map"),
        "sip_trunk_id": (19, "str"),
        "hostname": (20, "str"),
        "headers": (21, "map"),
        "ringing_timeout": (23, _DURATION),
        "max_call_duration": (24, _DURATION),
        "wait_until_answered": (29, "bool"),
    },
    "Created": {"participant_id": (1, "str"), "participant_identity": (2, "str"), "sip_call_id": (3, "str")},
    "Transfer": {
        "sip_call_id": (1, "str"),
        "transfer_to": (2, "str"),
        "headers": (4, "map"),
        "ringing_timeout": (5, _DURATION),
    },
}


def _add_map(message: descriptor_pb2.DescriptorProto, name: str, number: int) -> None:
    entry_name = "".join(part.title() for part in name.split("_")) + "Entry"
    entry = message.nested_type.add(name=entry_name)
    entry.options.map_entry = True
    for n, key in enumerate(("key", "value"), 1):
        entry.field.add(name=key, number=n, label=_F.LABEL_OPTIONAL, type=_F.TYPE_STRING)
    message.field.add(
        name=name,
        number=number,
        label=_F.LABEL_REPEATED,
        type=_F.TYPE_MESSAGE,
        type_name=f".internal.{message.name}.{entry_name}",
    )


def _add_field(message: descriptor_pb2.DescriptorProto, name: str, number: int, kind: str) -> None:
    if kind == "map":
        return _add_map(message, name, number)
    label = _F.LABEL_REPEATED if kind.startswith("*") else _F.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, label=label)
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type, field.type_name = _F.TYPE_MESSAGE, kind.lstrip("*")


def _declare() -> None:
    file = descriptor_pb2.FileDescriptorProto(
        name="sip_gateway_wire.proto",
        package="internal",
        syntax="proto3",
        dependency=[
            "google/protobuf/any.proto",
            "google/protobuf/duration.proto",
            _sip.DESCRIPTOR.name,
            _room.DESCRIPTOR.name,
        ],
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _add_field(message, field, number, kind)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    types = pool.FindFileByName(file.name).message_types_by_name
    globals().update({name: message_factory.GetMessageClass(types[name]) for name in _MESSAGES})


_declare()
