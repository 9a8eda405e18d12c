// Name and password, where the server asks for them.
import { useState, type FormEvent } from "react";
import { api, Refused, type Me } from "./api";
import { Notice } from "./notice";

export function Login({ done }: { done: (me: Me) => void }) {
  const [problem, setProblem] = useState<Refused | null>(null);
  const [busy, setBusy] = useState(false);
  const enter = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const entry = new FormData(event.currentTarget);
    setBusy(true);
    api.login(String(entry.get("name")), String(entry.get("password"))).then(done, setProblem).finally(() => setBusy(false));
  };
  return (
    <main className="narrow">
      <h1>Leadline</h1>
      <form onSubmit={enter}>
        <label>Name <input name="name" autoComplete="username" required maxLength={64} /></label>
        <label>Password <input name="password" type="password" autoComplete="current-password" required maxLength={256} /></label>
        <button type="submit" disabled={busy}>Log in</button>
      </form>
      {problem && <Notice what={problem.message} fix={problem.fix} />}
    </main>
  );
}
