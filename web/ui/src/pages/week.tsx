import { useData } from "../data";
import { count } from "../format";
import { Show } from "../parts";
import { ofSteps } from "../rates";
import { zone } from "../zone";
import { type Metrics, sum } from "./fleet";

const HOUR = 3_600_000;
const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const [WIDTH, HEIGHT, LEFT, TOP] = [22, 16, 34, 14];

const two = (hour: number) => String(hour).padStart(2, "0");

/** Which of the week's hours a time is in, in the zone that times are shown in: 0 is Monday, from midnight. */
function hourOfWeek(at: number): number {
  const parts = new Intl.DateTimeFormat("en-GB", { weekday: "short", hour: "2-digit", hour12: false, timeZone: zone.value }).formatToParts(at);
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? "";
  return DAYS.indexOf(part("weekday")) * 24 + (Number(part("hour")) % 24);
}

/** The mean of each of the week's hours; undefined where there is no sample. */
function means(data: Metrics): (number | undefined)[] {
  const sums = Array.from({ length: 168 }, () => [0, 0]);
  for (const { time, value } of ofSteps(sum(data, "xact_commit_delta"), data.step_seconds, Date.parse(data.end_time) / 1000)) {
    const of = sums[hourOfWeek(Date.parse(time))];
    of[0] += value;
    of[1] += 1;
  }
  return sums.map(([total, times]) => (times ? total / times : undefined));
}

/** When a server is busy: its transactions by weekday and hour, over four weeks. */
export function Week({ id }: { id: string }) {
  const end = Math.floor(Date.now() / HOUR) * HOUR;
  const window = `start_time=${new Date(end - 28 * 24 * HOUR).toISOString()}&end_time=${new Date(end).toISOString()}&step=3600`;
  const found = useData<Metrics>(`/api/v1/servers/${id}/metrics?metric_type=pg_stats&${window}`, 300);
  return (
    <>
      <h2>Hours of the week</h2>
      <Show of={found}>
        {(data) => {
          const all = means(data);
          const most = Math.max(0, ...all.map((one) => one ?? 0));
          if (most === 0) return <p class="empty">No whole hour of this server is stored yet.</p>;
          const [day, hour] = [Math.floor(all.indexOf(most) / 24), all.indexOf(most) % 24];
          const about = `Transactions a second by weekday and hour; most on ${DAYS[day]} from ${two(hour)}:00, ${count(most)}`;
          return (
            <>
              <div class="scroll">
                <svg width={LEFT + 24 * WIDTH} height={TOP + 7 * HEIGHT} role="img" aria-label={about}>
                  {[0, 6, 12, 18].map((one) => <text key={one} x={LEFT + one * WIDTH} y={TOP - 4} font-size="10" fill="currentColor">{two(one)}</text>)}
                  {DAYS.map((one, row) => <text key={one} x="0" y={TOP + row * HEIGHT + 12} font-size="11" fill="currentColor">{one}</text>)}
                  {all.map((value, at) =>
                    value === undefined ? null : (
                      <rect key={at} x={LEFT + (at % 24) * WIDTH} y={TOP + Math.floor(at / 24) * HEIGHT} width={WIDTH - 1} height={HEIGHT - 1} fill="var(--link)" fill-opacity={(0.06 + (0.94 * value) / most).toFixed(3)}>
                        <title>{`${DAYS[Math.floor(at / 24)]} ${two(at % 24)}:00: ${count(value)} tx/s`}</title>
                      </rect>
                    ),
                  )}
                </svg>
              </div>
              <p class="muted">{about}. Of the last four weeks; an hour without samples is left out.</p>
            </>
          );
        }}
      </Show>
    </>
  );
}
