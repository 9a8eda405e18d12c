// The call that this tab is in: microphone, loudspeaker, keypad, hanging up. LiveKit's components do the media.
import {
  LiveKitRoom, RoomAudioRenderer, StartAudio, useConnectionState, useLocalParticipant, useMediaDeviceSelect,
  useRemoteParticipants, useRoomContext, useTrackVolume, useVoiceAssistant,
} from "@livekit/components-react";
import { ConnectionState, DisconnectReason, MediaDeviceFailure, Track, type RoomOptions } from "livekit-client";
import { useCallback, useEffect, useRef, useState } from "react";
import type { Ticket } from "./api";
import { useHeardDelay } from "./delay";
import { Keypad } from "./keypad";
import { Notice } from "./notice";

const AGENT_MS = 8_000;

const OPTIONS: RoomOptions = {
  disconnectOnPageLeave: false, // a reload is no hanging up: the bot waits, and the page comes back
  publishDefaults: { dtx: false, red: false, stopMicTrackOnMute: true },
  audioCaptureDefaults: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
};

export type Left = "over" | "elsewhere" | "lost" | "unreachable";

export function CallRoom({ ticket, over, keypad, heard, left }: {
  ticket: Ticket; over: boolean; keypad: string; heard: (ms: number) => void; left: (how: Left) => void;
}) {
  const failed = useRef(false);
  const leaving = useRef(left);
  leaving.current = left; // the two below stay the same: LiveKitRoom connects anew when they change
  const gone = useCallback((reason?: DisconnectReason) => {
    if (!failed.current) leaving.current(how(reason));
  }, []);
  const unreachable = useCallback(() => {
    failed.current = true;
    leaving.current("unreachable");
  }, []);
  return (
    <LiveKitRoom serverUrl={ticket.server_url} token={ticket.participant_token} connect audio={false} video={false}
      options={OPTIONS} onDisconnected={gone} onError={unreachable} className="panel controls" role="region" aria-label="Your microphone and keypad">
      <RoomAudioRenderer />
      <StartAudio label="Let the bot be heard" className="primary" />
      <Controls over={over} keypad={keypad} heard={heard} />
    </LiveKitRoom>
  );
}

function how(reason?: DisconnectReason): Left {
  switch (reason) {
    case DisconnectReason.CLIENT_INITIATED:
    case DisconnectReason.ROOM_DELETED:
    case DisconnectReason.ROOM_CLOSED:
    case DisconnectReason.PARTICIPANT_REMOVED:
      return "over";
    case DisconnectReason.DUPLICATE_IDENTITY:
      return "elsewhere";
    default:
      return "lost";
  }
}

function Controls({ over, keypad, heard }: { over: boolean; keypad: string; heard: (ms: number) => void }) {
  const state = useConnectionState();
  const { localParticipant, isMicrophoneEnabled, microphoneTrack } = useLocalParticipant();
  const { audioTrack } = useVoiceAssistant();
  const [failure, setFailure] = useState<MediaDeviceFailure | null>(null);
  const connected = state === ConnectionState.Connected;

  const speak = useCallback((on: boolean) => {
    localParticipant.setMicrophoneEnabled(on).then(
      () => setFailure(null),
      (error: Error) => setFailure(MediaDeviceFailure.getFailure(error) ?? MediaDeviceFailure.Other),
    );
  }, [localParticipant]);

  useEffect(() => {
    if (connected) speak(true);
  }, [connected, speak]);

  const press = useCallback((key: string) => {
    const code = key === "*" ? 10 : key === "#" ? 11 : Number(key);
    void localParticipant.publishDtmf(code, key);
  }, [localParticipant]);

  useHeardDelay(isMicrophoneEnabled ? microphoneTrack?.track?.mediaStreamTrack : undefined,
    audioTrack?.publication?.track?.mediaStreamTrack, heard);

  return (
    <>
      <Trouble state={state} failure={failure} over={over} again={() => speak(true)} />
      <div className="row">
        <button type="button" aria-pressed={!isMicrophoneEnabled} disabled={!connected} onClick={() => speak(!isMicrophoneEnabled)}>
          {isMicrophoneEnabled ? "Mute" : "Unmute"}
        </button>
        <Level />
        <HangUp />
      </div>
      <Keypad press={press} disabled={!connected} wanted={keypad} />
      <details>
        <summary>Devices</summary>
        <div className="row">
          <Devices kind="audioinput" label="Microphone" />
          <Devices kind="audiooutput" label="Loudspeaker" />
        </div>
      </details>
    </>
  );
}

function HangUp() {
  const room = useRoomContext();
  return <button type="button" className="danger" onClick={() => void room.disconnect()}>Hang up</button>;
}

function Trouble({ state, failure, over, again }: {
  state: ConnectionState; failure: MediaDeviceFailure | null; over: boolean; again: () => void;
}) {
  const agents = useRemoteParticipants().filter((one) => one.isAgent).length;
  const [late, setLate] = useState(false);
  const met = useRef(false);
  if (agents > 0) met.current = true;
  const connected = state === ConnectionState.Connected;
  useEffect(() => {
    setLate(false);
    if (!connected || agents > 0) return;
    const timer = setTimeout(() => setLate(true), met.current ? 500 : AGENT_MS);
    return () => clearTimeout(timer);
  }, [connected, agents]);
  return (
    <>
      {state === ConnectionState.Connecting && <p role="status">Connecting…</p>}
      {(state === ConnectionState.Reconnecting || state === ConnectionState.SignalReconnecting) && (
        <Notice what="The connection was lost." fix="Trying to get it back; the bot waits for 20 s." />
      )}
      {failure && <Refusal failure={failure} again={again} />}
      {late && !over && !met.current && (
        <Notice what="No bot has come." fix="Is a worker running, and has it room? `leadline status` tells, `leadline up` starts one; then hang up and start again." />
      )}
      {late && !over && met.current && (
        <Notice what="The bot's process has gone." fix="If it does not come back in a few seconds, hang up and start again; `leadline logs worker` tells why." />
      )}
    </>
  );
}

const FAILURES: Record<MediaDeviceFailure, [string, string]> = {
  [MediaDeviceFailure.PermissionDenied]: [
    "The microphone was refused.", "Allow it at the left end of the address bar, then try again. The keypad works meanwhile.",
  ],
  [MediaDeviceFailure.NotFound]: ["No microphone was found.", "Plug one in, then try again. The keypad works meanwhile."],
  [MediaDeviceFailure.DeviceInUse]: [
    "Another program uses the microphone.", "Close it there, then try again. The keypad works meanwhile.",
  ],
  [MediaDeviceFailure.Other]: ["The microphone does not work.", "Choose another, or try again. The keypad works meanwhile."],
};

function Refusal({ failure, again }: { failure: MediaDeviceFailure; again: () => void }) {
  const [what, fix] = window.isSecureContext ? FAILURES[failure]
    : ["This page cannot use the microphone.", "Open it by https, or on 127.0.0.1. The keypad works meanwhile."];
  return <Notice what={what} fix={fix}><button type="button" onClick={again}>Try again</button></Notice>;
}

function Level() {
  const { localParticipant, microphoneTrack } = useLocalParticipant();
  const reference = microphoneTrack
    ? { participant: localParticipant, publication: microphoneTrack, source: Track.Source.Microphone } : undefined;
  const volume = useTrackVolume(reference);
  return (
    <label className="level">Level
      <meter min={0} max={1} value={Math.min(1, volume * 2)} aria-label="Microphone level">{Math.round(volume * 100)} %</meter>
    </label>
  );
}

function Devices({ kind, label }: { kind: MediaDeviceKind; label: string }) {
  const { devices, activeDeviceId, setActiveMediaDevice } = useMediaDeviceSelect({ kind });
  const known = devices.filter((device) => device.deviceId !== "");
  if (known.length < 2) return <p className="hint">{label}: the only one.</p>;
  return (
    <label>{label}
      <select value={activeDeviceId} onChange={(event) => void setActiveMediaDevice(event.target.value)}>
        {known.map((device) => <option key={device.deviceId} value={device.deviceId}>{device.label || label}</option>)}
      </select>
    </label>
  );
}
