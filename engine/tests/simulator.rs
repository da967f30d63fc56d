//! The dispatcher against a simulated world: clock, log, workers and clients, from one seed, with crashes of anything
//! at any step. It runs the very machine that the supervisor runs.
//!
//! A failure prints its seed; `DECKLOG_SEED=n cargo test -p decklog-engine simulat` plays that one again, and
//! `DECKLOG_SEEDS=n` runs so many fresh ones.

mod checks;
mod random;
mod world;

use random::Random;
use world::World;

const SEEDS: u64 = 300;
const STEPS: u32 = 400;

fn play(seed: u64) {
    let mut random = Random::new(seed);
    let mut world = World::new();
    world.start_supervisor(&mut random);
    for step in 0..STEPS {
        world.act(&mut random);
        if step % 16 == 0 {
            world.check();
        }
    }
    world.let_everything_end(&mut random);
    world.check();
    world.check_the_end();
}

#[test]
fn the_simulated_fleet_keeps_its_promises() {
    let number = |name| std::env::var(name).ok().and_then(|value: String| value.parse::<u64>().ok());
    let seeds = match (number("DECKLOG_SEED"), number("DECKLOG_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        // The process number makes each soak another one; what failed is printed, and can be played again.
        (None, Some(count)) => {
            let first = u64::from(std::process::id()) << 32;
            first..first + count
        }
        (None, None) => 0..SEEDS,
    };
    for seed in seeds {
        let played = std::panic::catch_unwind(|| play(seed));
        if let Err(panic) = played {
            eprintln!("DECKLOG_SEED={seed} fails");
            std::panic::resume_unwind(panic);
        }
    }
}
