//! The runs: the protocol as it is, and spoiled.

use std::collections::BTreeMap;
use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use super::{Action, EVENTS, Mutant, Protocol, THREE, TWO};

/// For each property that does not hold, how it comes to that.
type Found = BTreeMap<&'static str, Vec<Action>>;

/// Explores until everything is seen, or until `enough` is found; prints what it took. The third
/// result says how often each interesting place was passed.
fn explore(model: Protocol, what: &str, enough: HasDiscoveries) -> (Found, usize, Vec<usize>) {
    let begun = Instant::now();
    let checker = model.checker().threads(2).finish_when(enough).spawn_bfs().join();
    assert!(checker.is_done());
    let states = checker.unique_state_count();
    println!(
        "{what}: {states} states, {} steps between them, {:.1} s",
        checker.state_count(),
        begun.elapsed().as_secs_f64()
    );
    let found = checker.discoveries().into_iter();
    let found = found.map(|(property, path)| (property, path.into_actions())).collect();
    let passed = EVENTS.iter().map(|event| checker.model().noted(*event)).collect();
    (found, states, passed)
}

#[test]
fn three_clients_with_two_writes_each() {
    let model = Protocol::new(THREE, 2, None);
    let what = "3 clients × 2 writes, 2 ids remembered";
    let (found, states, passed) = explore(model, what, HasDiscoveries::All);
    assert!(found.is_empty(), "{found:#?}");
    assert!(states > 100_000, "{states} states: the model has lost most of its behaviour");
    for (event, times) in EVENTS.iter().zip(passed) {
        println!("  {event:?}: {times} times");
        assert!(times > 0, "never seen: {event:?}");
    }
}

#[test]
fn every_spoiled_row_is_found_out() {
    for mutant in [
        Mutant::OwnIdUnseen,
        Mutant::BaseUnseen,
        Mutant::NeitherIsConflict,
        Mutant::LostIsNotApplied,
        Mutant::LostIsFailure,
        Mutant::ThrottledClearsDoubt,
        Mutant::HopelessClearsDoubt,
        Mutant::FreshIdOnResend,
        Mutant::GivenUpIsFailure,
        Mutant::TombstoneForgets,
        Mutant::NoFence,
    ] {
        found_out(mutant);
    }
}

#[test]
fn each_assumption_is_needed() {
    for mutant in [Mutant::ThrottledCopy, Mutant::SecondCopyAnswers] {
        found_out(mutant);
    }
}

fn found_out(mutant: Mutant) {
    let model = Protocol::new(THREE, 2, Some(mutant));
    let (found, ..) = explore(model, &format!("{mutant:?}"), HasDiscoveries::AnyFailures);
    assert!(!found.is_empty(), "{mutant:?} was not found out");
    for (property, path) in found {
        println!("  not so: {property}\n  {path:?}");
    }
}

/// Two clients, with everything kept: what holds and what is broken, is so in the same cases.
#[test]
fn what_is_left_out_hides_nothing() {
    for mutant in [
        None,
        Some(Mutant::OwnIdUnseen),
        Some(Mutant::NeitherIsConflict),
        Some(Mutant::LostIsNotApplied),
        Some(Mutant::FreshIdOnResend),
        Some(Mutant::GivenUpIsFailure),
    ] {
        let settled = Protocol::new(TWO, 2, mutant);
        let whole = Protocol { everything: true, ..Protocol::new(TWO, 2, mutant) };
        let enough = HasDiscoveries::AnyFailures;
        let (found, fewer, _) = explore(settled, &format!("settled, {mutant:?}"), enough.clone());
        let (all, states, _) = explore(whole, &format!("everything, {mutant:?}"), enough);
        assert_eq!((found.is_empty(), all.is_empty()), (mutant.is_none(), mutant.is_none()));
        assert!(mutant.is_some() || fewer < states);
    }
}
