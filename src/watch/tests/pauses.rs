//! When a watch looks, when it ends, and what it survives.

use super::*;

/// The pauses of a watch whose random numbers are all these bits, while nothing changes.
fn pauses(bits: u64, options: &WatchOptions, looks: usize) -> Vec<Duration> {
    let clock = Fake::with_random(move || bits);
    let state = put(&gone(), "a");
    let mut script = vec![(Consistent, Ok(state.clone()))];
    script.extend((0..looks).map(|_| (Eventual, Ok(state.clone()))));
    let mut course = course(&clock, options, script);
    assert!(course.next().unwrap().is_ok());
    assert!(course.next().unwrap().is_err());
    clock.slept()
}

#[test]
fn pauses_grow_between_their_bounds() {
    let options = WatchOptions::new().min_pause(40 * MS).max_pause(300 * MS);
    assert_eq!(
        pauses(0, &options, 6),
        [40, 60, 90, 135, 202, 300, 300].map(|ms| match ms {
            202 => Duration::from_micros(202_500),
            ms => ms * MS,
        })
    );
    let shortest = pauses(u64::MAX, &options, 6);
    for (pause, least) in shortest.iter().zip([40, 40, 45, 67, 101, 150, 150]) {
        assert!((least * MS..=(least + 1) * MS).contains(pause), "{shortest:?}");
    }
    // No pause at all is a millisecond, and the longest is no shorter than the shortest.
    let none = WatchOptions::new().min_pause(Duration::ZERO).max_pause(Duration::ZERO);
    assert_eq!(pauses(0, &none, 3), [MS; 4]);
    let endless = WatchOptions::new().min_pause(Duration::MAX).max_pause(Duration::MAX);
    assert!(pauses(7, &endless, 1).iter().all(|pause| pause.as_secs() > 300 * 24 * 3600));
}

#[test]
fn after_a_change_the_next_look_is_soon() {
    let clock = Fake::with_random(|| 0);
    let options = WatchOptions::new().min_pause(10 * MS).max_pause(1000 * MS);
    let (a, b) = (put(&gone(), "a"), put(&put(&gone(), "x"), "b"));
    let b = Snapshot { writes: [b.writes[..1].to_vec(), a.writes.clone()].concat(), ..b };
    let looks = [&a, &a, &a, &b, &b].map(|state| (Eventual, Ok(state.clone())));
    let script = std::iter::once((Consistent, Ok(a.clone()))).chain(looks).collect();
    let mut course = course(&clock, &options, script);
    assert!(course.next().unwrap().is_ok());
    // Whoever takes longer than the pause does not wait at all.
    clock.pass(500 * MS);
    assert!(course.next().unwrap().is_ok());
    assert!(course.next().unwrap().is_err());
    let expected = [15_000, 22_500, 33_750, 10_000, 15_000].map(Duration::from_micros);
    assert_eq!(clock.slept(), expected);
}

#[test]
fn it_ends_at_its_deadline() {
    let clock = Fake::seeded(3);
    let state = put(&gone(), "a");
    let mut script = vec![(Consistent, Ok(state.clone()))];
    script.extend((0..1000).map(|_| (Eventual, Ok(state.clone()))));
    let options = WatchOptions::new().timeout(10_000 * MS);
    let begun = clock.env().now();
    let mut course = course(&clock, &options, script);
    assert!(course.next().unwrap().is_ok());
    assert!(course.next().is_none() && course.next().is_none());
    assert_eq!(clock.env().now() - begun, 10_000 * MS);
    let looked = 1001 - course.source().looks.lock().unwrap().len();
    assert!((8..30).contains(&looked), "{looked} looks");
    // No time at all: not even the first look.
    let mut course = self::course(&clock, &WatchOptions::new().timeout(Duration::ZERO), vec![]);
    assert!(course.next().is_none());
    // More time than a clock can count is no end.
    let script = vec![(Consistent, Ok(state.clone())), (Eventual, Ok(put(&state, "b")))];
    let mut course = self::course(&clock, &WatchOptions::new().timeout(Duration::MAX), script);
    assert!(course.next().unwrap().is_ok() && course.next().unwrap().is_ok());
}

fn unanswered() -> Error {
    Error::Timeout {
        table: "t".into(),
        key: None,
        operation: "GetItem",
        attempts: 8,
        elapsed: MS,
        last: String::new(),
    }
}

#[test]
fn it_goes_on_after_what_may_pass() {
    let (clock, state) = (Fake::seeded(3), put(&gone(), "a"));
    let later = puts(&state, 20);
    let script = vec![
        (Consistent, Err(unanswered())),
        (Consistent, Err(unanswered())),
        (Consistent, Ok(state.clone())),
        (Eventual, Err(unanswered())),
        (Eventual, Ok(later.clone())),
        (Consistent, Err(unanswered())),
        (Eventual, Ok(later.clone())),
        (Consistent, Ok(later.clone())),
    ];
    let mut course = course(&clock, &WatchOptions::new(), script);
    let mut told = Vec::new();
    for _ in 0..6 {
        told.push(course.next().unwrap().ok().map(|news| (news.first, news.skipped)));
    }
    let expected = [None, None, Some((true, None)), None, None, Some((false, Some(19)))];
    assert_eq!(told, expected);
    assert!(clock.slept().len() >= 5, "a pause before each look");

    let refused = Error::Service {
        table: "t".into(),
        key: None,
        operation: "GetItem",
        code: "AccessDeniedException".into(),
        message: String::new(),
        request_id: None,
    };
    let mut course = self::course(&clock, &WatchOptions::new(), vec![(Consistent, Err(refused))]);
    assert!(course.next().unwrap().is_err());
    assert!(course.next().is_none());
}

#[test]
fn a_look_that_its_end_cuts_short_is_no_error() {
    let (clock, state) = (Fake::seeded(3), put(&gone(), "a"));
    let script = vec![(Consistent, Ok(state.clone())), (Eventual, Err(unanswered()))];
    let script = Script { looks: Mutex::new(script.into()), clock: clock.clone(), trip: 80 * MS };
    let options = WatchOptions::new().timeout(200 * MS);
    let mut course = Course::begin(script, clock.env(), &options);
    assert!(course.next().unwrap().is_ok());
    assert!(course.next().is_none());
}
