// The command that connects a server, with a secret that is made for it.
import { useState } from "preact/hooks";
import { call, nodes } from "./api";
import { full } from "./format";
import { Once, useChange } from "./parts";

/** The collector's name is that of its host, and its state directory is that of its user. */
function command(secret: string): string {
  const all = [location.origin, ...nodes.value.filter((node) => node !== location.origin)].join();
  return `pganalytics collect --nodes ${all} \\\n  --registration-secret ${secret} \\\n  --dsn postgres://monitor@localhost/postgres`;
}

/** Makes a registration secret, and shows the command that connects a collector with it. */
export function Connect({ title }: { title: string }) {
  const [made, setMade] = useState("");
  const [error, change] = useChange();
  const make = (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const expires = new Date(Date.now() + Number(form.get("hours")) * 3_600_000).toISOString();
    const body = { name: String(form.get("name")), expires_at: expires, max_uses: Number(form.get("uses")) };
    void change(async () => setMade((await call<{ secret: string }>("POST", "/api/v1/registration-secrets", body)).secret));
  };
  return (
    <form class="card apart" onSubmit={make} aria-label={title}>
      <h2>{title}</h2>
      <div class="tools">
        <label>Name <input name="name" required defaultValue={`page ${full(Date.now())}`} /></label>
        <label>Collectors <input name="uses" type="number" min="1" max="10000" required defaultValue="10" /></label>
        <label>
          Good for{" "}
          <select name="hours">
            <option value="1">an hour</option>
            <option value="24" selected>a day</option>
            <option value="720">30 days</option>
          </select>
        </label>
        <button type="submit">Make a registration secret</button>
      </div>
      {error && <p class="error" role="alert">{error}</p>}
      <Once text={made && command(made)}>
        <p>On the database's host:</p>
      </Once>
    </form>
  );
}
