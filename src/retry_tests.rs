use super::*;
use crate::clock::testing::Fake;

const MS: Duration = Duration::from_millis(1);
const SUBJECT: Subject<'_> = Subject { table: "t", key: Some("k"), place: "here" };

fn waits(bits: u64, bounds: Backoff, times: usize) -> Vec<Duration> {
    let fake = Fake::with_random(move || bits);
    let env = fake.env();
    let policy = RetryPolicy::new().backoff(bounds);
    let mut effort = Effort::plain(&env, &policy);
    for _ in 0..times {
        assert!(effort.pause(Pause::Trouble, SUBJECT));
    }
    assert_eq!(effort.waited, fake.slept().iter().sum::<Duration>());
    assert_eq!(effort.elapsed(), effort.waited);
    fake.slept()
}

#[test]
fn full_jitter_at_its_smallest_largest_and_middle() {
    let bounds = Backoff::new(10 * MS, 2.0, 50 * MS);
    assert!(waits(0, bounds, 4).is_empty(), "no sleep at all");
    assert_eq!(waits(1 << 63, bounds, 5), [5 * MS, 10 * MS, 20 * MS, 25 * MS, 25 * MS]);
    let largest = waits(u64::MAX, bounds, 5);
    for (wait, bound) in largest.iter().zip([10, 20, 40, 50, 50]) {
        let bound = bound * MS;
        assert!(*wait <= bound && *wait + Duration::from_nanos(2) >= bound, "{wait:?}");
    }
}

#[test]
fn odd_bounds_neither_panic_nor_wait_too_long() {
    for multiplier in [f64::NAN, -1.0, 0.0, f64::INFINITY, 1e300] {
        let bounds = Backoff::new(10 * MS, multiplier, 50 * MS);
        for wait in waits(u64::MAX, bounds, 6) {
            assert!(wait <= 50 * MS, "{multiplier} {wait:?}");
        }
    }
    assert!(waits(u64::MAX, Backoff::none(), 3).is_empty());
    let upside_down = Backoff::new(100 * MS, 2.0, 10 * MS);
    assert!(waits(u64::MAX, upside_down, 3).iter().all(|wait| *wait <= 10 * MS));
}

#[test]
fn no_wait_goes_past_the_deadline() {
    let fake = Fake::with_random(|| 1 << 63);
    let env = fake.env();
    let policy = RetryPolicy::new().timeout(100 * MS).backoff(Backoff::new(80 * MS, 1.0, 80 * MS));
    let mut effort = Effort::plain(&env, &policy);
    assert!(effort.pause(Pause::Trouble, SUBJECT) && effort.pause(Pause::Trouble, SUBJECT));
    assert!(!effort.pause(Pause::Trouble, SUBJECT));
    assert_eq!(effort.waited, 80 * MS);
    assert!(!effort.is_over());
}

fn persisting(answers: Vec<Failure>, max_attempts: u32) -> (Result<u8>, u32) {
    let fake = Fake::seeded(1);
    let env = fake.env();
    let policy = RetryPolicy::new().max_attempts(max_attempts);
    let mut effort = Effort::plain(&env, &policy);
    let mut answers = answers.into_iter();
    let result = persist(SUBJECT, "GetItem", &policy, &mut effort, |_| match answers.next() {
        Some(failure) => Err(failure),
        None => Ok(7),
    });
    (result, effort.requests)
}

#[test]
fn what_may_pass_is_tried_again_and_nothing_else() {
    let cause = || Cause::of_transport("x");
    let passing =
        vec![Failure::NotSent(cause()), Failure::Throttled(cause()), Failure::InDoubt(cause())];
    let (result, requests) = persisting(passing, 8);
    assert_eq!((result.unwrap(), requests), (7, 4));

    let (result, requests) = persisting(vec![Failure::NoTable(cause())], 8);
    assert!(matches!(result, Err(Error::TableNotFound { .. })));
    assert_eq!(requests, 1);
}

#[test]
fn what_does_not_pass_is_told_by_its_kind() {
    let cause = || Cause::of_transport("x");
    let (result, requests) = persisting((0..9).map(|_| Failure::NotSent(cause())).collect(), 3);
    assert!(matches!(result, Err(Error::Transport { .. })));
    assert_eq!(requests, 3);
    let (result, _) = persisting((0..9).map(|_| Failure::Throttled(cause())).collect(), 3);
    assert!(matches!(result, Err(Error::Throttled { attempts: 3, .. })));
    let (result, _) = persisting((0..9).map(|_| Failure::InDoubt(cause())).collect(), 3);
    assert!(matches!(result, Err(Error::Timeout { attempts: 3, .. })));
}
