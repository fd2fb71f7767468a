// Lines that stand on each other.

export interface Line {
  label: string;
  /** One value for each time; null where there is none. */
  values: (number | null)[];
}

/** What each line reaches up to when they stand on each other. */
export function stack(lines: Line[]): (number | null)[][] {
  const sums: number[] = [];
  return lines.map((line) =>
    line.values.map((value, at) => {
      sums[at] = (sums[at] ?? 0) + (value ?? 0);
      return sums[at];
    }),
  );
}
