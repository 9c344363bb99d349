//! The check sees what it is there for.

use std::collections::HashSet;

use super::log::link;
use super::*;
use crate::support::PlainTest;

pub(crate) const TESTS: &[PlainTest] = &[
    PlainTest { name: "ledger::a_sound_history_passes", run: sound },
    PlainTest { name: "ledger::every_wrong_is_seen", run: wrongs },
    PlainTest { name: "ledger::a_gap_is_explained_by_those_in_doubt", run: gap },
    PlainTest { name: "ledger::every_wrong_is_seen_around_a_gap", run: wrongs_around_a_gap },
];

fn done(log: &Log) -> Report {
    Report::Done { key: key(0), log: log.clone(), cost: Cost::default() }
}

fn failed(token: u64) -> Report {
    Report::Failed { token, kind: "Timeout".into() }
}

fn unknown(token: u64, outcome: &str) -> Report {
    let (write, reason) = ("w".into(), String::new());
    Report::Unknown { key: key(0), token, write, reason, outcome: outcome.into() }
}

/// A log of the tokens 1 to n.
fn upto(n: u64) -> Log {
    (1..=n).fold(Log::default(), Log::with)
}

fn check(reports: impl IntoIterator<Item = Report>, end: Log) -> Verdict {
    let mut check = Check::default();
    reports.into_iter().for_each(|report| check.take(report));
    check.finish(&[(key(0), end)])
}

fn sound() {
    let verdict = check((1..=100).map(|n| done(&upto(n))), upto(100));
    verdict.assert_sound();
    assert_eq!((verdict.done, verdict.failed()), (100, 0));
    // Sixteen in a row of which nobody was told, seen in the report after them.
    let reports = (1..=5).map(|n| done(&upto(n))).chain([done(&upto(21)), failed(300)]);
    let reports = reports.chain((6..=20).map(|n| unknown(n, "Unknown")));
    let verdict = check(reports.chain([unknown(99, "NotApplied")]), upto(21));
    verdict.assert_sound();
    assert_eq!(verdict.indeterminate(), 16);
    // Under way when their process was killed: applied, and not.
    let mut killed = Check::default();
    let task = Task { writer: 0, threads: 2, swaps: 10, keys: 1, manner: Manner::Plain };
    let other = token(0, 1, 0);
    let log = Log::default().with(0);
    killed.take(done(&log));
    killed.killed(task);
    let verdict = killed.finish(&[(key(0), log.clone().with(other))]);
    verdict.assert_sound();
    assert_eq!((verdict.under_way, verdict.under_way_applied), (2, 1));
}

fn wrongs() {
    let two = || upto(2);
    let cases: Vec<(&str, Vec<Report>, Log)> = vec![
        ("lost", vec![done(&upto(1)), done(&two()), done(&upto(3))], two()),
        ("a write was lost", vec![done(&upto(1)), done(&upto(0).with(2))], upto(1)),
        ("applied 2 times", vec![done(&upto(1)), done(&two())], two().with(1)),
        ("ended in Timeout, and was applied", vec![done(&upto(1)), failed(2)], two()),
        ("and nobody swapped it", vec![done(&upto(1))], two()),
        ("NotApplied, and it was applied", vec![done(&upto(1)), unknown(2, "NotApplied")], two()),
        ("Applied, and it is not there", vec![done(&upto(1)), unknown(2, "Applied")], upto(1)),
        ("nobody knows what stands from 1 to 4", vec![], upto(20)),
        ("was torn", vec![done(&upto(1))], Log { chain: 7, ..upto(1) }),
        ("was torn", vec![done(&upto(1))], Log { count: 3, ..upto(1) }),
        (
            "the chain is broken",
            vec![done(&Log { root: 7, chain: link(7, 1), ..upto(1) })],
            upto(1),
        ),
        ("reported twice", vec![done(&upto(1)), failed(1)], upto(1)),
        ("it was me", vec![done(&upto(1)), Report::Wrong("it was me".into())], upto(1)),
    ];
    for (expected, reports, end) in cases {
        let verdict = check(reports, end);
        let wrong = &verdict.wrong;
        assert!(wrong.iter().any(|text| text.contains(expected)), "{expected}: {wrong:?}");
    }
}

/// A history of these tokens, one after the other: acknowledged up to position 5 and from 81 on,
/// in doubt between them unless `acked` names their position too, and failed if `failed` names
/// them.
fn history(tokens: &[u64], acked: &[u64], failures: &[u64]) -> (Vec<Report>, Log) {
    let (mut reports, mut log, mut told) = (Vec::new(), Log::default(), HashSet::new());
    for (position, token) in (1..).zip(tokens.iter().copied()) {
        log = log.with(token);
        if !told.insert(token) {
            continue;
        }
        reports.push(if failures.contains(&token) {
            failed(token)
        } else if position <= 5 || position > 80 || acked.contains(&position) {
            done(&log)
        } else {
            unknown(token, "Unknown")
        });
    }
    // Some that never came in.
    reports.extend((500..540).map(|token| unknown(token, "Unknown")));
    (reports, log)
}

/// The tokens 1 to 85, but these at these positions.
fn but<const N: usize>(others: [(usize, u64); N]) -> Vec<u64> {
    let mut tokens: Vec<u64> = (1..=85).collect();
    others.iter().for_each(|(position, token)| tokens[position - 1] = *token);
    tokens
}

fn gap() {
    // The first acknowledged one behind it shows 66 and what follows.
    let (reports, end) = history(&but([]), &[], &[]);
    let verdict = check(reports, end);
    verdict.assert_sound();
    assert_eq!((verdict.gaps, verdict.in_gaps), (1, 60));
    let there = |verdict: &Verdict, there| verdict.unknown[&("Unknown".to_owned(), there)];
    assert_eq!((there(&verdict, "applied"), there(&verdict, "not applied")), (75, 40));
    // One in the middle parts it in two.
    let (reports, end) = history(&but([]), &[50], &[]);
    let verdict = check(reports, end);
    verdict.assert_sound();
    assert_eq!((verdict.gaps, verdict.in_gaps), (2, 29 + 15));
}

fn wrongs_around_a_gap() {
    const UNEXPLAINED: &str = "do not explain it";
    type Case = (&'static str, &'static str, Vec<u64>, Vec<u64>, Vec<u64>);
    let cases: Vec<Case> = vec![
        ("twice, before", "2 was applied 2 times", but([(4, 2)]), vec![], vec![]),
        ("twice, before and inside", UNEXPLAINED, but([(30, 2)]), vec![], vec![]),
        ("twice, inside", UNEXPLAINED, but([(30, 20)]), vec![], vec![]),
        ("twice, inside two", UNEXPLAINED, but([(60, 20)]), vec![50], vec![]),
        ("twice, inside and behind", UNEXPLAINED, but([(30, 83)]), vec![], vec![]),
        ("twice, behind", "52 was applied 2 times", but([(83, 82)]), vec![], vec![]),
        ("failed, before", "ended in Timeout, and was applied", but([]), vec![], vec![4]),
        ("failed, inside", UNEXPLAINED, but([]), vec![], vec![30]),
        ("failed, inside one of two", UNEXPLAINED, but([]), vec![50], vec![60]),
        ("failed, behind", "ended in Timeout, and was applied", but([]), vec![], vec![83]),
    ];
    for (case, expected, tokens, acked, failures) in cases {
        let (reports, end) = history(&tokens, &acked, &failures);
        expect(case, expected, check(reports, end));
    }

    // Acknowledged, and not in the log: its writer saw it on top of what stood before.
    let lost = |position: u64| done(&upto(position - 1).with(400));
    let without = |positions: &[u64]| {
        let (mut reports, end) = history(&but([]), &[], &[]);
        reports.retain(
            |report| !matches!(report, Report::Done { log, .. } if positions.contains(&log.count)),
        );
        reports.extend(positions.iter().map(|position| unknown(*position, "Unknown")));
        (reports, end)
    };
    for (case, expected, position, in_doubt) in [
        ("lost, before", "both stand at 3", 3, vec![]),
        ("lost, at the edge, and nobody saw what followed", UNEXPLAINED, 5, vec![5]),
        ("lost, inside", UNEXPLAINED, 40, vec![]),
        ("lost, where the next report begins", "the chain is broken at 65", 65, vec![]),
        ("lost, behind", "both stand at 83", 83, vec![]),
        ("lost, the last one", "190 at 86 was lost", 86, vec![]),
    ] {
        let (mut reports, end) = without(&in_doubt);
        reports.push(lost(position));
        expect(case, expected, check(reports, end));
    }

    // What was said later is held against the gap too.
    for (case, expected, other) in [
        ("not applied, inside", UNEXPLAINED, unknown(30, "NotApplied")),
        ("nobody swapped it", UNEXPLAINED, failed(600)),
        ("applied, and not there", "Applied, and it is not there", unknown(600, "Applied")),
    ] {
        let (mut reports, end) = history(&but([]), &[], &[]);
        if !case.starts_with("applied") {
            reports.retain(|report| !matches!(report, Report::Unknown { token: 30, .. }));
        }
        reports.push(other);
        expect(case, expected, check(reports, end));
    }
}

/// One thing is wrong, and what is behind it is not.
fn expect(case: &str, expected: &str, verdict: Verdict) {
    let wrong = &verdict.wrong;
    assert!(wrong.iter().any(|text| text.contains(expected)), "{case}: {expected}: {wrong:#?}");
    assert!(wrong.len() <= 4, "{case}: {wrong:#?}");
}
