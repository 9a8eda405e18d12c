"""Hands 10 ms frames to a room track without waiting for each one's receipt.

`AudioSource.capture_frame` subscribes to every event of the SDK until its own receipt comes, so with eight calls each
frame of one call wakes all others. A source without a queue takes a frame at once and its receipt says nothing, so the
request alone is enough. This leans on the SDK's own request channel (livekit 1.1.21, pinned); a test holds it.
"""

import ctypes
from typing import Final

from livekit import rtc
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto import ffi_pb2

_KEPT: Final = 8  # frames whose memory stays valid after the request; a source without a queue copies at once


class FramePost:
    """Posts PCM16 frames to one source."""

    def __init__(self, source: rtc.AudioSource, rate: int) -> None:
        self._source = source
        self._rate = rate
        self._kept: list[ctypes.Array[ctypes.c_char]] = []

    def send(self, pcm: bytes) -> None:
        """Deliver 10 ms of mono samples now."""
        buffer = ctypes.create_string_buffer(pcm, len(pcm))
        self._kept.append(buffer)
        del self._kept[:-_KEPT]
        request = ffi_pb2.FfiRequest()
        capture = request.capture_audio_frame
        capture.source_handle = self._source._ffi_handle.handle
        capture.buffer.data_ptr = ctypes.addressof(buffer)
        capture.buffer.sample_rate = self._rate
        capture.buffer.num_channels = 1
        capture.buffer.samples_per_channel = len(pcm) // 2
        FfiClient.instance.request(request)
