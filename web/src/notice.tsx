// A problem, plainly: what is wrong and what to do about it.
import type { ReactNode } from "react";

export function Notice({ what, fix, kind = "problem", children }: {
  what: string; fix?: ReactNode; kind?: "problem" | "hint"; children?: ReactNode;
}) {
  return (
    <div className={`notice ${kind}`} role={kind === "problem" ? "alert" : "status"}>
      <strong>{what}</strong> {fix && <span>{fix}</span>} {children}
    </div>
  );
}
