//! Measures the anomaly rule on made-up series: false alarms, and the share of steps found in time.
//!
//! ```text
//! cargo run --release -p pga-insight --example anomaly_simulation [series] [seed] [no-holidays]
//! ```
//!
//! Each series has ten weeks of minutes: eight to learn, two that are judged. The program does what
//! a leader does: it summarises each hour, learns anew each day, leaves out its own anomalies, and
//! looks at each minute of the judged weeks. `docs/anomalies.md` has the figures.

use std::env;
use std::f64::consts::TAU;
use std::io::{self, Write};

use pga_insight::anomalies::{
    Baseline, Event, Excluded, Facts, HourSummary, Kind, Minute, Open, Peaks, SeenBefore, Series,
    Watch, summarise,
};

const DAY: i64 = 1_440;
const WEEKS: (i64, i64) = (8, 2);
/// Scatter of single minutes, in turn.
const SIGMAS: [f64; 3] = [0.1, 0.2, 0.3];
/// Steps of each size that a series gets in its judged weeks.
const STEPS: usize = 10;
/// A Monday.
const BEGIN: i64 = 4 * DAY;
const KIND: Kind = Kind::StatementMeanMs;

/// SplitMix64: Steele, Lea, Flood, *Fast Splittable Pseudorandom Number Generators*, 2014.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [from, to).
    fn uniform(&mut self, from: f64, to: f64) -> f64 {
        let high = u32::try_from(self.next() >> 32).unwrap_or(0);
        from + (to - from) * f64::from(high) / 4_294_967_296.0
    }

    /// Uniform whole number in [0, below).
    fn below(&mut self, below: i64) -> i64 {
        let below = u64::try_from(below).unwrap_or(1);
        i64::try_from(self.next() % below).unwrap_or(0)
    }

    /// Standard normal, by Box and Muller, 1958.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform(0.0, 1.0)).ln()).sqrt();
        radius * (TAU * self.uniform(0.0, 1.0)).cos()
    }
}

/// Figures of some series.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Judged series-weeks.
    pub(crate) weeks: f64,
    /// Anomalies where nothing was injected.
    pub(crate) false_alarms: f64,
    /// Steps of each size.
    pub(crate) steps: f64,
    /// Steps of 2 ×, of 3 ×, of max(2 ×, 4 s₁) that were found when ten minutes were over; the
    /// last again, one minute later.
    pub(crate) found: [f64; 4],
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.weeks += other.weeks;
        self.false_alarms += other.false_alarms;
        self.steps += other.steps;
        for (sum, more) in self.found.iter_mut().zip(other.found) {
            *sum += more;
        }
    }
}

/// Logarithms of one series.
fn levels(random: &mut Random, sigma: f64, has_job: bool, has_holidays: bool) -> Vec<f64> {
    let middle = random.uniform(5.0, 500.0).ln();
    let amplitude = random.uniform(0.3, 1.2);
    let weekend = random.uniform(0.2, 1.0);
    let phase = random.uniform(0.0, 1.0);
    let job = random.below(DAY - 60) + 10;
    let mut noise = random.normal();
    let mut levels = Vec::new();
    for day in 0..(WEEKS.0 + WEEKS.1) * 7 {
        let is_holiday = random.uniform(0.0, 1.0) < 0.02 && has_holidays;
        let start = job + random.below(7) - 3;
        let of_day = if is_holiday { 0.4_f64.ln() } else { 0.0 };
        let of_day = of_day - if day % 7 >= 5 { weekend } else { 0.0 };
        for minute in 0..DAY {
            let angle = TAU * (f64::from(u16::try_from(minute).unwrap_or(0)) / 1_440.0 + phase);
            // φ = 0.5, scaled so that σ is the standard deviation of a minute.
            noise = 0.5 * noise + 0.75_f64.sqrt() * random.normal();
            let mut level = middle + of_day + sigma * noise;
            level += amplitude * (angle.cos() + 0.3 * (2.0 * angle).cos());
            if random.uniform(0.0, 1.0) < 0.01 {
                level -= (1.0 - random.uniform(0.0, 1.0)).ln();
            }
            if has_job && (start..start + 20).contains(&minute) {
                level += 2.0_f64.ln();
            }
            levels.push(level);
        }
    }
    levels
}

/// What a leader keeps of one series.
#[derive(Debug, Default)]
struct Kept {
    hours: Vec<HourSummary>,
    peaks: Vec<Peaks>,
    excluded: Excluded,
    baseline: Option<Baseline>,
}

impl Kept {
    fn learn(&mut self, now: Minute) {
        let learnt = Baseline::from_hours(KIND, &self.hours, now, &self.excluded);
        self.baseline = learnt.or(self.baseline.take());
    }

    fn summarise(&mut self, series: &Series, day: Minute) {
        for hour in (0..24).map(|hour| day.plus(60 * hour)) {
            if let Some((summary, peaks)) = summarise(KIND, self.baseline.as_ref(), series, hour) {
                self.hours.push(summary);
                self.peaks.push(peaks);
            }
        }
    }
}

/// Statement time enough that "worth it" is always true: it is not what is measured here.
fn facts(_: Minute) -> Facts {
    Facts {
        load_share: Some(0.1),
        ..Facts::default()
    }
}

/// Whether a step that begins with the minute `at` opens an anomaly in that many minutes.
fn is_found(watch: &Watch<'_>, series: &Series, at: Minute, step: f64, within: i64) -> bool {
    let from = at.plus(-45);
    let value = |minute: i64| {
        let then = from.plus(minute);
        let factor = if then >= at { step.exp() } else { 1.0 };
        series.value(then).map(|value| value * factor)
    };
    let with_step = Series::new(from, (0..45 + within).map(value));
    let (events, _) = watch.detect_past(&with_step, at, facts, None);
    !events.is_empty()
}

/// Injects steps at `times`, one after the other, and counts those that are found.
fn inject(tally: &mut Tally, watch: &Watch<'_>, series: &Series, times: &[Minute]) {
    for at in times {
        let minute_scale = watch
            .baseline
            .usual(*at)
            .map_or(0.0, |usual| usual.minute_scale);
        let double = 2.0_f64.ln();
        let four = double.max(4.0 * minute_scale);
        let sizes = [(double, 10), (3.0_f64.ln(), 10), (four, 10), (four, 11)];
        tally.steps += 1.0;
        for (found, (step, within)) in tally.found.iter_mut().zip(sizes) {
            *found += f64::from(u8::from(is_found(watch, series, *at, step, within)));
        }
    }
}

/// Looks at each minute of a day, as a leader does.
fn look(
    watch: &Watch<'_>,
    series: &Series,
    day: Minute,
    open: &mut Option<Open>,
) -> (f64, Vec<(Minute, Minute)>) {
    let mut false_alarms = 0.0;
    let mut over = Vec::new();
    for minute in (0..DAY).map(|minute| day.plus(minute)) {
        let started = open.as_ref().map(|open| open.started);
        let step = watch.detect(series, minute, &facts(minute), open.take());
        *open = step.open;
        match (step.event, started) {
            (Some(Event::Opened(_)), _) => false_alarms += 1.0,
            (Some(Event::Ended { at, .. }), Some(from)) => over.push((from, at)),
            _ => {}
        }
    }
    (false_alarms, over)
}

/// Learns and judges one series.
fn judge(random: &mut Random, sigma: f64, has_job: bool, has_holidays: bool) -> Tally {
    let levels = levels(random, sigma, has_job, has_holidays);
    let begin = Minute::new(BEGIN);
    let series = Series::new(begin, levels.iter().map(|level| Some(level.exp())));
    let judged = WEEKS.0 * 7 * DAY;
    let times = (0..STEPS).map(|_| judged + random.below(WEEKS.1 * 7 * DAY - 20));
    let times: Vec<Minute> = times.map(|time| begin.plus(time)).collect();
    let mut tally = Tally {
        weeks: 2.0,
        ..Tally::default()
    };
    let mut kept = Kept::default();
    let mut open = None;
    for day in 0..(WEEKS.0 + WEEKS.1) * 7 {
        let now = begin.plus(day * DAY);
        kept.learn(now);
        let baseline = kept.baseline.clone().filter(|_| day >= WEEKS.0 * 7);
        if let Some(baseline) = baseline {
            let seen = SeenBefore::from_peaks(&kept.peaks, now);
            let watch = Watch {
                kind: KIND,
                name: "simulated",
                baseline: &baseline,
                seen_before: Some(&seen),
            };
            let of_day = |time: &&Minute| (0..DAY).contains(&time.since(now));
            let times: Vec<Minute> = times.iter().filter(of_day).copied().collect();
            inject(&mut tally, &watch, &series, &times);
            let (false_alarms, over) = look(&watch, &series, now, &mut open);
            tally.false_alarms += false_alarms;
            over.into_iter()
                .for_each(|(from, to)| kept.excluded.add(from, to));
        }
        kept.summarise(&series, now);
    }
    tally
}

/// Judges so many series; the figures by σ.
pub(crate) fn run(series: usize, seed: u64, has_holidays: bool) -> [Tally; 3] {
    let mut tallies = [Tally::default(); 3];
    let mut random = Random(seed);
    for number in 0..series {
        let place = number % SIGMAS.len();
        let has_job = (number / SIGMAS.len()).is_multiple_of(2);
        if let (Some(sigma), Some(tally)) = (SIGMAS.get(place), tallies.get_mut(place)) {
            tally.add(&judge(&mut random, *sigma, has_job, has_holidays));
        }
    }
    tallies
}

/// The sum of all.
pub(crate) fn total(tallies: &[Tally]) -> Tally {
    let mut sum = Tally::default();
    tallies.iter().for_each(|tally| sum.add(tally));
    sum
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let number = |place: usize, default: u64| {
        let text = arguments.get(place);
        text.and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let series = usize::try_from(number(0, 150)).unwrap_or(150);
    let seed = number(1, 1);
    let has_holidays = !arguments.iter().any(|text| text == "no-holidays");
    let tallies = run(series, seed, has_holidays);
    let all = total(&tallies);
    let mut out = io::stdout().lock();
    writeln!(out, "{series} series, seed {seed}, holidays {has_holidays}")?;
    writeln!(
        out,
        "| σ | series-weeks | false alarms a week | steps | 2 × | 3 × | max(2 ×, 4 s₁) | in 11 min |"
    )?;
    let names = ["0.1", "0.2", "0.3", "all"];
    for (name, tally) in names.iter().zip(tallies.iter().chain([&all])) {
        let [two, three, four, later] = tally.found.map(|found| found / tally.steps);
        let alarms = tally.false_alarms / tally.weeks;
        let (weeks, steps) = (tally.weeks, tally.steps);
        writeln!(
            out,
            "| {name} | {weeks} | {alarms:.3} | {steps} | {two:.3} | {three:.3} | {four:.3} | {later:.3} |"
        )?;
    }
    Ok(())
}
