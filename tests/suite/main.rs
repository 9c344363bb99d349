//! One suite for every store: each test runs on an embedded file, in embedded memory and on
//! DynamoDB Local; tests of faults run against a server that makes them.
//!
//! `FARADAY_TEST_ENDPOINT=http://localhost:8000` names a DynamoDB Local. Without it the live tests
//! are listed as ignored, and a line on standard error says so; with `FARADAY_TEST_LIVE=only`
//! nothing else runs, and a missing endpoint is a failure.

#![allow(clippy::needless_borrows_for_generic_args)] // keys by reference are what is tested
#![allow(clippy::pedantic)] // of tests only what is wrong matters

mod asynchronous;
mod atoms;
mod bank;
mod batch_faults;
mod batches;
mod clojure;
mod errors;
mod events;
mod faults;
mod histories;
mod items;
mod kills;
mod ledger;
mod lifetimes;
mod options;
mod outcomes;
mod races;
mod scans;
mod soak;
mod support;
mod tables;
mod transaction_faults;
mod transaction_limits;
mod transactions;
mod watch;
mod workers;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    if let Some(code) = workers::work_if_asked() {
        return code;
    }
    let arguments = Arguments::from_args();
    let live = support::Live::from_environment();
    let mut trials: Vec<Trial> = Vec::new();
    for tests in [
        atoms::TESTS,
        items::TESTS,
        tables::TESTS,
        races::TESTS,
        options::TESTS,
        lifetimes::TESTS,
        watch::TESTS,
        errors::TESTS,
        clojure::TESTS,
        outcomes::TESTS,
        soak::TESTS,
        kills::TESTS,
        transactions::TESTS,
        transaction_limits::TESTS,
        bank::TESTS,
        batches::TESTS,
        scans::TESTS,
    ] {
        trials.extend(tests.iter().flat_map(|test| test.trials(&live)));
    }
    for tests in [
        faults::TESTS,
        transaction_faults::TESTS,
        asynchronous::TESTS,
        ledger::tests::TESTS,
        events::TESTS,
        histories::TESTS,
        batch_faults::TESTS,
        scans::FAULTS,
    ] {
        trials.extend(tests.iter().flat_map(|test| test.trial(&live)));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    live.remind();
    conclusion.exit_code()
}
