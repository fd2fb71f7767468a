// Rates of what was counted between two samples.

/** The usual distance of times: their median; 0 if there are less than two. */
export function usualStep(times: number[]): number {
  const steps = times.slice(1).map((time, at) => time - times[at]).sort((a, b) => a - b);
  return steps.length === 0 ? 0 : steps[Math.floor(steps.length / 2)];
}

/**
 * What was counted up to each time, a second. After a gap a count is of the whole gap. Of the first
 * one it is not known how long it took: the usual step is taken.
 */
export function perSecond(times: number[], counts: (number | null)[]): (number | null)[] {
  const usual = usualStep(times);
  return counts.map((value, at) => {
    const took = at === 0 ? usual : times[at] - times[at - 1];
    return value === null || took <= 0 ? null : value / took;
  });
}

/** What was counted in steps, a second of which something is known; of less than a hundredth of a step too little is. */
export function perCovered(step: number, points: { coverage?: number }[], counts: number[]): (number | null)[] {
  return counts.map((value, at) => {
    const covered = points[at].coverage ?? 1;
    return covered < 0.01 ? null : value / (covered * step);
  });
}

/**
 * The times, with one more in the middle of each gap, for which nothing is known: a line ends there
 * instead of going on as if somebody had looked. Three times the usual step is a gap.
 */
export function withGaps(times: number[], step: number): number[] {
  const most = 3 * Math.max(step, usualStep(times));
  return times.flatMap((time, at) => (at > 0 && time - times[at - 1] > most ? [(time + times[at - 1]) / 2, time] : [time]));
}

export interface Point {
  time: string;
  value: number;
}

/**
 * Counts of whole steps, a second. A step that is not over yet would look like a collapse, so it is
 * left out, as is the first one, of which a part only was asked for.
 */
export function ofSteps(points: Point[], step: number, end: number): Point[] {
  const at = (point: Point) => Date.parse(point.time) / 1000;
  return points.flatMap((point, n) => {
    if (n === 0 || at(point) + step > end) return [];
    return [{ time: point.time, value: point.value / Math.max(step, at(point) - at(points[n - 1])) }];
  });
}
