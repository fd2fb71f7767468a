import { full } from "./format";
import type { Mark } from "./marks";
import { Link } from "./parts";

/** The marks of the charts in words, the newest first. */
export function Happened({ marks }: { marks: Mark[] }) {
  if (marks.length === 0) return null;
  return (
    <details class="card apart">
      <summary>What happened in this range ({marks.length})</summary>
      <ul class="marks">
        {[...marks].reverse().map((mark) => (
          <li key={`${mark.at}${mark.text}`}>
            <span class="muted">{full(mark.at * 1000).slice(0, 10)}</span> {mark.href ? <Link href={mark.href}>{mark.text}</Link> : mark.text}
          </li>
        ))}
      </ul>
    </details>
  );
}
