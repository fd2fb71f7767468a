//! Runs a fuzz target: replays the committed corpus, then a bounded number of its mutations.
//!
//! The same seed makes the same run. Inputs with an outcome that no input had before are mutated
//! further, so that a run gets deeper than one change. Each execution is also bounded in the memory
//! it has at once. Variables:
//!
//! | Variable | Means |
//! | --- | --- |
//! | `PGANALYTICS_FUZZ_ITERATIONS` | mutations of each target, in place of its own number |
//! | `PGANALYTICS_FUZZ_SEED` | another run |
//! | `PGANALYTICS_FUZZ_BLESS` | writes the generated part of the corpus anew |
//!
//! An input that breaks a target is kept in the temporary directory; once it is in the corpus it
//! stays tested.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

/// Longest input.
const MAX_INPUT: usize = 64 << 10;
/// Most inputs that are mutated further.
const MAX_POOL: usize = 2_000;
const SEED: u64 = 20_260_921;

/// A small generator of choices.
pub(crate) struct Dice(u64);

impl Dice {
    /// A number below `n`, or 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }

    /// One of `choices`.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// True once in `n` times.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// One target with its corpus.
pub(crate) struct Campaign {
    /// Directory of the corpus: `tests/corpus/<name>` of the crate.
    pub(crate) corpus: PathBuf,
    /// Mutations unless the environment says otherwise.
    pub(crate) iterations: u64,
    /// Makes a mutation pass the first checks: lengths and checksums.
    pub(crate) repair: fn(&mut Vec<u8>, &mut Dice),
    /// Most memory an execution may have at once for this input, in bytes.
    pub(crate) memory: fn(&[u8]) -> u64,
    /// Checks one input; answers what came out, as a number.
    pub(crate) target: fn(&[u8]) -> u64,
}

impl Campaign {
    /// Replays the corpus with `seeds` (the generated part) in it, then runs mutations.
    pub(crate) fn run(&self, seeds: Vec<(&str, Vec<u8>)>) {
        if std::env::var_os("PGANALYTICS_FUZZ_BLESS").is_some() {
            fs::create_dir_all(&self.corpus).unwrap();
            for (name, bytes) in seeds {
                fs::write(self.corpus.join(name), bytes).unwrap();
            }
        }
        let mut pool: Vec<Vec<u8>> = self.files().into_values().collect();
        let begun = pga_runtime::now();
        let mut seen: BTreeSet<u64> = pool.iter().map(|input| self.execute(input)).collect();
        let seed = number("PGANALYTICS_FUZZ_SEED").unwrap_or(SEED);
        let iterations = number("PGANALYTICS_FUZZ_ITERATIONS").unwrap_or(self.iterations);
        eprintln!("{}: seed {seed}", self.corpus.display());
        let (mut dice, replayed) = (Dice(seed), pool.len());
        for _ in 0..iterations {
            let mut input = pool[dice.below(pool.len())].clone();
            let other = dice.below(pool.len());
            mutate(&mut input, &pool[other], &mut dice);
            if !dice.once_in(4) {
                (self.repair)(&mut input, &mut dice);
            }
            input.truncate(MAX_INPUT);
            if seen.insert(self.execute(&input)) && pool.len() < MAX_POOL {
                pool.push(input);
            }
        }
        let executions = iterations + replayed as u64;
        let rate = executions as f64 / begun.elapsed().as_secs_f64();
        eprintln!(
            "{executions} executions, {rate:.0} per second, {} outcomes",
            seen.len()
        );
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let listed = fs::read_dir(&self.corpus).unwrap();
        let files = listed.map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        });
        let files: BTreeMap<String, Vec<u8>> = files.collect();
        assert!(!files.is_empty(), "no corpus in {}", self.corpus.display());
        files
    }

    fn execute(&self, input: &[u8]) -> u64 {
        let most = (self.memory)(input);
        let mut outcome = 0;
        let run = catch_unwind(AssertUnwindSafe(|| {
            let used = allocation_counter::measure(|| outcome = (self.target)(input));
            assert!(
                used.bytes_max <= most,
                "{} bytes at once, {most} are allowed",
                used.bytes_max
            );
        }));
        if let Err(panic) = run {
            let name = self.corpus.file_name().unwrap().to_string_lossy();
            let kept = std::env::temp_dir().join(format!("{name}-{:016x}", hash(&input)));
            fs::write(&kept, input).unwrap();
            eprintln!(
                "the input is kept: cp {} {}",
                kept.display(),
                self.corpus.display()
            );
            resume_unwind(panic);
        }
        outcome
    }
}

/// The corpus of `target` in the crate at `manifest`.
pub(crate) fn corpus(manifest: &str, target: &str) -> PathBuf {
    Path::new(manifest).join("tests/corpus").join(target)
}

/// An outcome as a number.
pub(crate) fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {text}")),
    )
}

/// Changes `input` in one to four places; `other` lends bytes.
pub(crate) fn mutate(input: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    for _ in 0..=dice.below(4) {
        change(input, other, dice);
    }
}

fn change(input: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let at = dice.below(input.len() + 1);
    let most = dice.pick(&[4, 32, 512]);
    let end = (at + 1 + dice.below(most)).min(input.len());
    match dice.below(9) {
        0 if at < input.len() => input[at] ^= 1 << dice.below(8),
        1 if at < input.len() => {
            let random = dice.below(256) as u8;
            input[at] = dice.pick(&[0, 0xff, 0x7f, 0x80, random]);
        }
        2 => integer(input, at, dice),
        3 => input.truncate(at),
        4 => drop(input.drain(at..end)),
        5 => {
            let block = input[at..end].repeat(dice.pick(&[1, 2, 16, 200]));
            drop(input.splice(at..at, block));
        }
        6 => {
            let from = dice.below(other.len() + 1);
            let upto = (from + dice.below(256)).min(other.len());
            drop(input.splice(at..at, other[from..upto].iter().copied()));
        }
        7 => {
            let from = dice.below(other.len() + 1);
            drop(input.splice(at.., other[from..].iter().copied()));
        }
        _ => {
            let random: Vec<u8> = (0..=dice.below(8)).map(|_| dice.below(256) as u8).collect();
            drop(input.splice(at..at, random));
        }
    }
}

/// Overwrites an integer with one at the edge of something, or moves it by a little.
fn integer(input: &mut [u8], at: usize, dice: &mut Dice) {
    let size = dice.pick(&[1, 2, 4, 8]);
    let Some(place) = input.get_mut(at..at + size) else {
        return;
    };
    let mut bytes = [0; 8];
    bytes[..size].copy_from_slice(place);
    let big = dice.once_in(2);
    if big {
        bytes[..size].reverse();
    }
    let old = u64::from_le_bytes(bytes);
    let new = match dice.below(8) {
        0 => 0,
        1 => u64::MAX,
        2 => i64::MAX as u64,
        3 => 1 << dice.below(64),
        4 => (1 << dice.below(64)) - 1,
        5 => u64::MAX - dice.below(64) as u64,
        6 => old.wrapping_add(1 + dice.below(16) as u64),
        _ => old.wrapping_sub(1 + dice.below(16) as u64),
    };
    bytes = new.to_le_bytes();
    if big {
        bytes[..size].reverse();
    }
    place.copy_from_slice(&bytes[..size]);
}
