"""PCM16 frames to and from room tracks, without the SDK's fan-out.

`AudioSource.capture_frame` listens to every event of the SDK until its own receipt comes, and each `AudioStream` is
woken for the frames of all others: with eight calls in one process every packet wakes a dozen listeners, and sound
waits for up to half a second. Here a frame is posted without waiting for its receipt (a source without a queue takes
it at once), and one router wakes only the track that a frame belongs to. This leans on the SDK's own request channel
(livekit 1.1.21, pinned); the end-to-end tests hold it.
"""

import asyncio
import ctypes
from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

from livekit import rtc
from livekit.rtc._ffi_client import FfiClient, FfiHandle
from livekit.rtc._proto import audio_frame_pb2, ffi_pb2

_KEPT: Final = 8  # frames whose memory stays valid after the request; a source without a queue copies at once
_REMEMBERED: Final = 256  # streams that are closed

#: From 72,000 on Opus encodes without its model of a voice: a quarter of the processor, no worse.
_OPUS_BPS: Final = 96_000

OnSamples = Callable[[bytes], None]

#: A track gives its first frame 20 ms after it was opened, of silence if its sender sends nothing. One that gives none for
#: so long never will: this process is deaf (docs/decisions/0011-a-deaf-process.md).
DEAF_S: Final = 2.5


def voice_track(*, dtx: bool) -> rtc.TrackPublishOptions:
    """How a voice is published. `dtx`: its silence is not sent."""
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=dtx, red=False)
    options.audio_encoding.max_bitrate = _OPUS_BPS
    return options


class FramePost:
    """Posts frames to one source that has no queue."""

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


class FrameTaps:
    """The tracks that one event loop listens to."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._taps: dict[int, OnSamples] = {}
        self._unheard: dict[int, asyncio.TimerHandle] = {}  # that gave no frame yet
        self._closed: dict[int, None] = {}  # the newest; frames of other streams belong to somebody else
        self._events = FfiClient.instance.queue.subscribe(self._loop, filter_fn=self._route)

    def open(
        self, track: rtc.Track, rate: int, frame_ms: int, on_samples: OnSamples, on_nothing: Callable[[], None]
    ) -> FfiHandle:
        """Call `on_samples` on the loop with each frame of the track, mono at `rate`, until `close`.

        `on_nothing` is called once when no frame comes for `DEAF_S`: this process hears no track any more.
        """
        request = ffi_pb2.FfiRequest()
        stream = request.new_audio_stream
        stream.track_handle = track._ffi_handle.handle
        stream.sample_rate = rate
        stream.num_channels = 1
        stream.queue_size_frames = 0
        stream.frame_size_ms = frame_ms
        stream.type = audio_frame_pb2.AudioStreamType.AUDIO_STREAM_NATIVE
        handle = FfiHandle(FfiClient.instance.request(request).new_audio_stream.stream.handle.id)
        self._taps[handle.handle] = on_samples
        self._unheard[handle.handle] = self._loop.call_later(DEAF_S, on_nothing)
        return handle

    def close(self, handle: FfiHandle) -> None:
        """Hear no more of a track."""
        self._came(handle.handle)
        if self._taps.pop(handle.handle, None) is not None:
            self._closed[handle.handle] = None  # looked at by the SDK's thread: no loop over it there
            if len(self._closed) > _REMEMBERED:
                del self._closed[next(iter(self._closed))]
        handle.dispose()

    def _came(self, stream: int) -> None:
        if (waiting := self._unheard.pop(stream, None)) is not None:
            waiting.cancel()

    def _route(self, event: ffi_pb2.FfiEvent) -> bool:
        """Called in the SDK's thread for every event; True would queue it, which nobody reads."""
        if event.WhichOneof("message") == "audio_stream_event":
            told = event.audio_stream_event
            if told.HasField("frame_received"):
                frame = told.frame_received.frame
                if told.stream_handle in self._taps:
                    self._loop.call_soon_threadsafe(self._deliver, told.stream_handle, frame)
                elif told.stream_handle in self._closed:
                    FfiHandle(frame.handle.id).dispose()  # it was under way when its track was closed
        return False

    def _deliver(self, stream: int, frame: audio_frame_pb2.OwnedAudioFrameBuffer) -> None:
        samples = ctypes.string_at(frame.info.data_ptr, frame.info.num_channels * frame.info.samples_per_channel * 2)
        FfiHandle(frame.handle.id).dispose()
        self._came(stream)
        if (tap := self._taps.get(stream)) is not None:
            tap(samples)


_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, FrameTaps] = WeakKeyDictionary()


def taps() -> FrameTaps:
    """The taps of the running loop, made at first use."""
    loop = asyncio.get_running_loop()
    if loop not in _of_loop:
        _of_loop[loop] = FrameTaps()
    return _of_loop[loop]


def listen(
    track: rtc.Track, rate: int, frame_ms: int, on_samples: OnSamples, on_nothing: Callable[[], None]
) -> Callable[[], None]:
    """Hear one track, as `FrameTaps.open`; what is returned ends it."""
    those = taps()
    handle = those.open(track, rate, frame_ms, on_samples, on_nothing)
    return lambda: those.close(handle)
