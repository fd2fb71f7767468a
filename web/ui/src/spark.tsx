// A small line in a row.

interface Props {
  /** What it shows, for who cannot see it. */
  label: string;
  values: (number | null)[];
  /** A level that is usual, as a dashed line. */
  usual?: number;
  width?: number;
  height?: number;
}

/** The values from left to right, from 0 up to the greatest; where nothing is known the line ends. */
export function Spark({ label, values, usual, width = 120, height = 20 }: Props) {
  const most = Math.max(usual ?? 0, ...values.map((value) => value ?? 0), 1e-9);
  const x = (at: number) => ((width * at) / Math.max(1, values.length - 1)).toFixed(1);
  const y = (value: number) => (height - 1 - ((height - 3) * value) / most).toFixed(1);
  let isOpen = false;
  const path = values.map((value, at) => {
    if (value === null) {
      isOpen = false;
      return "";
    }
    // A value between two that are not known is a dot.
    const step = `${isOpen ? "L" : "M"}${x(at)},${y(value)}${isOpen ? "" : "h.1"}`;
    isOpen = true;
    return step;
  });
  return (
    <svg class="spark" viewBox={`0 0 ${width} ${height}`} width={width} height={height} role="img" aria-label={label}>
      {usual !== undefined && <line x1="0" x2={width} y1={y(usual)} y2={y(usual)} stroke="currentColor" stroke-dasharray="3 3" opacity="0.5" />}
      <path d={path.join("")} fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" />
    </svg>
  );
}
