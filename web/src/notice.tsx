// A problem, plainly: what is wrong and what to do about it.
import type { ReactNode } from "react";

export function Notice({ what, fix, kind = "problem", children }: {
  what: string; fix?: ReactNode; kind?: "problem" | "hint"; children?: ReactNode;
}) {
  return (
    <div className={`notice ${kind}`} role={kind === "problem" ? "alert" : "status"}>
      <strong>{coded(what)}</strong> {fix && <span>{typeof fix === "string" ? coded(fix) : fix}</span>} {children}
    </div>
  );
}

/** What stands between backticks is shown as code. */
function coded(text: string): ReactNode {
  return text.split("`").map((part, i) => (i % 2 ? <code key={i}>{part}</code> : part));
}
