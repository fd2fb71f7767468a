import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { range } from "./parts";
import { type Line, stack } from "./stack";

export type { Line } from "./stack";


const COLOURS = ["#2f6fdb", "#d9822b", "#238551", "#c23030", "#7157d9", "#0f9960", "#a66321", "#db2c6f", "#6b7785"];

interface Props {
  title: string;
  times: number[];
  lines: Line[];
  unit?: (value: number) => string;
  /** Each line stands on those before it. */
  stacked?: boolean;
  /** The person dragged over this range, in seconds since 1970. */
  onRange?: (from: number, to: number) => void;
}

/** A chart over time; its cursor is that of all charts of the page, and dragging selects a range. */
export function Chart({ title, times, lines, unit = (value) => String(value), stacked, onRange }: Props) {
  const at = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = at.current;
    if (!element || times.length === 0) return;
    const style = getComputedStyle(element);
    const [ink, grid] = [style.getPropertyValue("--muted").trim(), style.getPropertyValue("--line").trim()];
    const tops = stacked ? stack(lines) : lines.map((line) => line.values);
    // The highest is drawn first, so that those below it stay visible.
    const order = lines.map((_, n) => n);
    if (stacked) order.reverse();
    const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
    // The whole range that was asked for: where nothing was told, nothing is drawn.
    const { from, to } = range();
    const options: uPlot.Options = {
      width: element.clientWidth,
      height: 180,
      cursor: { sync: { key: "page" }, drag: { x: true, y: false, setScale: !onRange } },
      legend: { live: true },
      scales: { x: { time: true, range: () => [from / 1000, to / 1000] }, y: { range: (_, __, max) => [0, max > 0 ? max * 1.05 : 1] } },
      axes: [axis, { ...axis, size: 70, values: (_, ticks) => ticks.map(unit) }],
      series: [
        {},
        ...order.map((n) => ({
          label: lines[n].label,
          stroke: COLOURS[n % COLOURS.length],
          width: stacked ? 1 : 1.5,
          fill: stacked ? COLOURS[n % COLOURS.length] + "cc" : undefined,
          spanGaps: false,
          value: (_: uPlot, __: number, ___: number, index: number | null) => {
            const own = index === null ? null : lines[n].values[index];
            return own === null || own === undefined ? "–" : unit(own);
          },
        })),
      ],
      hooks: {
        setSelect: [
          (plot) => {
            if (!onRange || plot.select.width < 5) return;
            const end = plot.select.left + plot.select.width;
            onRange(plot.posToVal(plot.select.left, "x"), plot.posToVal(end, "x"));
          },
        ],
      },
    };
    const plot = new uPlot(options, [times, ...order.map((n) => tops[n])] as uPlot.AlignedData, element);
    const resized = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: 180 }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      plot.destroy();
    };
  });
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      {times.length === 0 ? <p class="empty">No data in this range.</p> : <div ref={at} role="img" aria-label={title} />}
    </figure>
  );
}
