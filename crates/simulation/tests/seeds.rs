//! Seeds: whatever goes wrong, counts are what the rules have them to be.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::ops::Range;

use tallylight_simulation::run;

/// How many seeds are run in all; `SEEDS` asks for more.
fn seeds() -> u64 {
    std::env::var("SEEDS").map_or(200, |seeds| seeds.parse().unwrap())
}

fn go_well(part: Range<u64>) {
    let share = seeds() / 4;
    for seed in part.start * share..part.end * share {
        let verdict = run(seed).unwrap();
        assert!(verdict.failure.is_none(), "{verdict}");
    }
}

#[test]
fn the_first_quarter_of_the_seeds_goes_well() {
    go_well(0..1);
}

#[test]
fn the_second_quarter_of_the_seeds_goes_well() {
    go_well(1..2);
}

#[test]
fn the_third_quarter_of_the_seeds_goes_well() {
    go_well(2..3);
}

#[test]
fn the_last_quarter_of_the_seeds_goes_well() {
    go_well(3..4);
}

/// That of `SIMULATION_SEED`, every line of it.
#[test]
fn one_seed() {
    let seed = std::env::var("SIMULATION_SEED").map_or(1, |seed| seed.parse().unwrap());
    let verdict = run(seed).unwrap();
    verdict.trace.iter().for_each(|line| println!("{line}"));
    assert!(verdict.failure.is_none(), "{verdict}");
}

#[test]
fn a_seed_runs_the_same_each_time_line_by_line() {
    for seed in 1_000_000..1_000_008 {
        let (first, second) = (run(seed).unwrap().trace, run(seed).unwrap().trace);
        let differs = first.iter().zip(&second).find(|(first, second)| first != second);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(first.len(), second.len(), "seed {seed}");
    }
}
