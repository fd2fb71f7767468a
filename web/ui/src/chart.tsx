import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { bytes, full } from "./format";
import type { Mark } from "./marks";
import { range } from "./range";
import { type Line, stack } from "./stack";
import { zone } from "./zone";

export type { Line } from "./stack";

const COLOURS = ["#2f6fdb", "#d9822b", "#238551", "#c23030", "#7157d9", "#0f9960", "#a66321", "#db2c6f", "#6b7785"];
const HEIGHT = 180;
/** Steps of an axis of bytes. */
const POWERS = Array.from({ length: 60 }, (_, n) => 2 ** n);
/** A mark is said when the cursor is this near, in pixels. */
const NEAR = 6;

interface Props {
  title: string;
  times: number[];
  lines: Line[];
  unit?: (value: number) => string;
  /** Each line stands on those before it. */
  stacked?: boolean;
  /** The same of another time, moved to this one's times. */
  before?: { times: number[]; lines: Line[]; name: string };
  /** What happened, as upright lines. */
  marks?: Mark[];
  /** The part of the range that is spoken of, in milliseconds. */
  told?: [number, number];
  /** The person dragged over this range, in seconds since 1970. */
  onRange?: (from: number, to: number) => void;
}

/** All that is drawn, on one axis of times: lines, and below them those of another time. */
function dataOf({ times, lines, stacked, before }: Props): uPlot.AlignedData {
  const tops = stacked ? stack(lines) : lines.map((line) => line.values);
  // The highest is drawn first, so that those below it stay visible.
  if (stacked) tops.reverse();
  const own = [times, ...tops] as uPlot.AlignedData;
  if (!before) return own;
  if (before.times.length === 0) return [...own, ...before.lines.map(() => times.map(() => null))] as uPlot.AlignedData;
  return uPlot.join([own, [before.times, ...before.lines.map((line) => line.values)] as uPlot.AlignedData]);
}

/** Times below the chart, with the day where it begins. */
function ticks(splits: number[], increment: number): string[] {
  let day = "";
  return splits.map((split) => {
    const text = full(split * 1000);
    const time = increment < 60 ? text.slice(11) : text.slice(11, 16);
    const isNew = text.slice(0, 10) !== day;
    day = text.slice(0, 10);
    if (increment >= 86_400) return text.slice(5, 10);
    return isNew ? `${time}\n${text.slice(0, 10)}` : time;
  });
}

/** The values at one time, for who cannot see the lines or wants to read them. */
function Values({ times, lines, unit }: { times: number[]; lines: Line[]; unit: (value: number) => string }) {
  return (
    <div class="scroll values" tabIndex={0}>
      <table>
        <thead><tr><th>Time</th>{lines.map((line) => <th key={line.label} class="number">{line.label}</th>)}</tr></thead>
        <tbody>
          {times.map((time, at) => (
            <tr key={time}>
              <td>{full(time * 1000)}</td>
              {lines.map((line) => <td key={line.label} class="number">{line.values[at] === null || line.values[at] === undefined ? "–" : unit(line.values[at] as number)}</td>)}
            </tr>
          )).reverse()}
        </tbody>
      </table>
    </div>
  );
}

/** A chart over time; its cursor is that of all charts of the page, and dragging selects a range. */
export function Chart(props: Props) {
  const { title, times, lines, unit = (value) => String(value), stacked, before, onRange } = props;
  const at = useRef<HTMLDivElement>(null);
  const said = useRef<HTMLSpanElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [isTable, setTable] = useState(false);
  const shown = times.length > 0 || (before?.times.length ?? 0) > 0;
  // A chart is made anew only when its lines are others; new values are set, so that the cursor stays.
  const made = JSON.stringify([lines.map((line) => line.label), before?.lines.map((line) => line.label), stacked, zone.value, shown, isTable]);
  useEffect(() => {
    const element = at.current;
    if (!element) return;
    const style = getComputedStyle(element);
    const [ink, grid, warn] = ["--muted", "--line", "--warn"].map((name) => style.getPropertyValue(name).trim());
    const order = lines.map((_, n) => n);
    if (stacked) order.reverse();
    const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
    const value = (_: uPlot, __: number, series: number, index: number | null) => {
      const { lines, before } = latest.current;
      const drawn = plot.current?.data;
      if (index === null || !drawn) return "";
      const moved = before?.lines[series - 1 - lines.length];
      // What stands on others says its own height.
      const time = drawn[0][index];
      const own = moved ? drawn[series][index] : lines[order[series - 1]]?.values[latest.current.times.indexOf(time)];
      return own === null || own === undefined ? "–" : (latest.current.unit ?? String)(own);
    };
    const near = (chart: uPlot) => {
      const left = chart.cursor.left ?? -1;
      const mark = left < 0 ? undefined : latest.current.marks?.find((one) => Math.abs(chart.valToPos(one.at, "x") - left) < NEAR);
      if (said.current) said.current.textContent = mark ? mark.text : "";
    };
    const options: uPlot.Options = {
      width: element.clientWidth,
      height: HEIGHT,
      // The cursor is that of all charts; a range is chosen in one, else each would choose it again.
      cursor: { sync: { key: "page", filters: { pub: (event) => event !== "mousedown" && event !== "mouseup" } }, drag: { x: true, y: false, setScale: !onRange } },
      legend: { live: true },
      tzDate: (seconds) => (zone.value ? uPlot.tzDate(new Date(seconds * 1000), zone.value) : new Date(seconds * 1000)),
      scales: {
        // The whole range that was asked for: where nothing was told, nothing is drawn.
        x: { time: true, range: () => [range().from / 1000, range().to / 1000] },
        y: { range: (_, __, max) => [0, max > 0 ? max * 1.05 : 1] },
      },
      axes: [
        { ...axis, values: (_, splits, __, ___, increment) => ticks(splits, increment) },
        { ...axis, size: 70, incrs: unit === bytes ? POWERS : undefined, values: (_, splits) => splits.map((split) => (latest.current.unit ?? String)(split)) },
      ],
      series: [
        { label: "Time", value: (_, seconds) => (seconds === null || seconds === undefined ? "" : full(seconds * 1000)) },
        ...order.map((n) => ({
          label: lines[n].label,
          stroke: COLOURS[n % COLOURS.length],
          width: stacked ? 1 : 1.5,
          fill: stacked ? COLOURS[n % COLOURS.length] + "cc" : undefined,
          points: stacked ? { show: false } : undefined,
          spanGaps: false,
          value,
        })),
        ...(before?.lines ?? []).map((line) => ({ label: `${line.label}, ${before?.name}`, stroke: ink, width: 1.25, dash: [5, 4], spanGaps: false, value })),
      ],
      hooks: {
        setCursor: [near],
        setSelect: [
          (chart) => {
            if (!latest.current.onRange || chart.select.width < 5) return;
            const end = chart.select.left + chart.select.width;
            latest.current.onRange(chart.posToVal(chart.select.left, "x"), chart.posToVal(end, "x"));
          },
        ],
        draw: [
          (chart) => {
            const { left, top, width, height } = chart.bbox;
            const context = chart.ctx;
            context.save();
            const { told } = latest.current;
            if (told) {
              const [begin, end] = told.map((at) => Math.min(Math.max(chart.valToPos(at / 1000, "x", true), left), left + width));
              context.fillStyle = `${warn}22`;
              context.fillRect(begin, top, end - begin, height);
            }
            context.strokeStyle = context.fillStyle = warn;
            context.lineWidth = devicePixelRatio;
            context.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
            for (const mark of latest.current.marks ?? []) {
              const x = Math.round(chart.valToPos(mark.at, "x", true));
              if (x < left || x > left + width) continue;
              context.beginPath();
              context.moveTo(x, top);
              context.lineTo(x, top + height);
              context.stroke();
              context.fillRect(x - 3 * devicePixelRatio, top - 3 * devicePixelRatio, 6 * devicePixelRatio, 6 * devicePixelRatio);
            }
            context.restore();
          },
        ],
      },
    };
    const made = new uPlot(options, dataOf(latest.current), element);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [made]);
  useEffect(() => {
    plot.current?.setData(dataOf(latest.current));
  });
  return (
    <figure class="chart">
      <figcaption>
        {title} <span ref={said} class="mark" />
        {shown && <button type="button" class="quiet" aria-pressed={isTable} onClick={() => setTable(!isTable)}>Table</button>}
      </figcaption>
      {!shown ? <p class="empty">No data in this range.</p> : isTable ? <Values times={times} lines={lines} unit={unit} /> : <div ref={at} role="img" aria-label={title} />}
    </figure>
  );
}
