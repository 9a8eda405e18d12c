// Twelve keys that send DTMF; the keyboard's own digits work wherever nothing else takes them.
import { useEffect, useState } from "react";

export const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];
const NAMES: Record<string, string> = { "*": "star", "#": "pound" };
const SHOWN = 20;

export function Keypad({ press, disabled, wanted }: { press: (key: string) => void; disabled: boolean; wanted: string }) {
  const [sent, setSent] = useState("");
  const send = (key: string) => {
    if (disabled) return;
    press(key);
    setSent((before) => (before + key).slice(-SHOWN));
  };
  useEffect(() => {
    const typed = (event: KeyboardEvent) => {
      const field = event.target instanceof Element && event.target.closest("input, select, textarea");
      if (field || event.ctrlKey || event.metaKey || event.altKey || event.repeat || !KEYS.includes(event.key)) return;
      send(event.key);
    };
    addEventListener("keydown", typed);
    return () => removeEventListener("keydown", typed);
  });
  return (
    <fieldset className={`keypad ${wanted === "none" ? "" : "wanted"}`} disabled={disabled}>
      <legend>Keypad <output aria-label="Keys sent">{sent}</output></legend>
      {KEYS.map((key) => (
        <button key={key} type="button" aria-label={NAMES[key] ?? key} onClick={() => send(key)}>{key}</button>
      ))}
    </fieldset>
  );
}
