// Lines that stand on each other.

export interface Line {
  label: string;
  /** One value for each time; null where there is none. */
  values: (number | null)[];
}

/** What each line reaches up to when they stand on each other; nothing where none of them is known. */
export function stack(lines: Line[]): (number | null)[][] {
  const sums: number[] = [];
  const isKnown = (at: number) => lines.some((line) => line.values[at] !== null);
  return lines.map((line) =>
    line.values.map((value, at) => {
      if (!isKnown(at)) return null;
      sums[at] = (sums[at] ?? 0) + (value ?? 0);
      return sums[at];
    }),
  );
}
