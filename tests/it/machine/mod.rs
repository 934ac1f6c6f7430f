//! Made-up sequences of what customers, operators, card holders and the calendar do, on the real store of both databases at once.
//!
//! After every step the rules that a model knows ([`model`]) and the invariants ([`laws`]) must hold, a refused command must have
//! changed nothing, and both databases must hold the same; every few steps `check` must find nothing. Sequences are the same on
//! every machine. More or others are tried by `PROPTEST_CASES=500 PROPTEST_RNG_SEED=7 cargo nextest run -E 'test(machine)'`.

mod acts;
mod laws;
mod model;
mod twins;

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use acts::{Act, Plot};
use futures::FutureExt;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use proptest_state_machine::ReferenceStateMachine;
use twins::Twins;

use crate::world::{on_postgres, on_sqlite};

/// Sequences, where `PROPTEST_CASES` does not say otherwise.
const CASES: u32 = 5;
/// Steps of a sequence.
const STEPS: std::ops::Range<usize> = 24..48;
/// Where the made-up sequences begin, where `PROPTEST_RNG_SEED` does not say otherwise.
const SEED: u64 = 20_261_129;
/// How long a failing sequence is shortened.
const SHRINK_MILLISECONDS: u32 = 180_000;

fn config() -> Config {
    let said = |name: &str| std::env::var_os(name).is_some();
    let default =
        Config { failure_persistence: None, max_shrink_iters: u32::MAX, max_shrink_time: SHRINK_MILLISECONDS, ..Config::default() };
    let cases = if said("PROPTEST_CASES") { default.cases } else { CASES };
    let rng_seed = if said("PROPTEST_RNG_SEED") { default.rng_seed } else { RngSeed::Fixed(SEED) };
    Config { cases, rng_seed, ..default }
}

/// Lives through a sequence on both databases at once. The databases are given back also where it fails, for there may be many.
async fn live(acts: &[Act], taken: Option<&AtomicUsize>) {
    let mut failed = None;
    on_sqlite(async |sqlite| {
        on_postgres(async |postgres| {
            let living = async {
                let mut twins = Twins::move_in([&sqlite, &postgres]).await;
                for act in acts {
                    if let Some(taken) = taken {
                        taken.fetch_add(1, Ordering::SeqCst);
                    }
                    twins.step(act).await;
                }
                twins.rest().await;
            };
            failed = AssertUnwindSafe(living).catch_unwind().await.err();
        })
        .await;
    })
    .await;
    if let Some(panic) = failed {
        resume_unwind(panic);
    }
}

#[test]
fn the_rules_hold_whatever_people_do() {
    let config = config();
    let RngSeed::Fixed(seed) = config.rng_seed else { panic!("a seed is given") };
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&Plot::sequential_strategy(STEPS), |(_, acts, taken)| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(live(&acts, taken.as_deref()));
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("with PROPTEST_RNG_SEED={seed}: {failure}");
    }
}
