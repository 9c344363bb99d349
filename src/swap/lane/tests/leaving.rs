//! Callers who leave before their swap is done.

use super::*;

/// A caller whose time is up while the put that carries it is under way.
#[test]
fn who_leaves_a_flight_under_way_is_told_that_it_is_unknown() {
    let (engine, other) = engine();
    let lane = Arc::new(Lane::new(KEY));
    let leaving = Arc::new(Mutex::new(None));
    let told = Arc::new(Mutex::new(None));
    let own = {
        let (lane, leaving, told) = (lane.clone(), leaving.clone(), told.clone());
        let (env, policy) = (Fake::seeded(3).env(), RetryPolicy::new());
        process(&engine, lane.clone(), Fake::seeded(1).env(), move |operation| {
            if operation == "PutItem"
                && let Some(ticket) = leaving.lock().unwrap().take()
            {
                let over = Effort::new(&env, &policy, Duration::ZERO, &Backoff::none());
                *told.lock().unwrap() = Some(lane.news(ticket, &over));
            }
            Fate::Served
        })
    };
    let (a, b) = (own.join("a"), own.join("b"));
    *leaving.lock().unwrap() = Some(b);
    own.leads(a, LONG);
    let News::Done(done) = own.news(a) else { panic!("a") };
    let Some(News::Unknown { write, .. }) = told.lock().unwrap().take() else { panic!("b") };
    assert_eq!(done.write, Some(write));
    assert_eq!(other.stored(), "ab");
    assert!(own.is_at_rest());
}

/// A caller whose time is up when its write is ready and not sent yet: it is told that nothing
/// was written, so nothing may be.
#[test]
fn who_leaves_before_the_first_send_is_not_written() {
    let (engine, other) = engine();
    let lane = Arc::new(Lane::new(KEY));
    let leaving = Arc::new(Mutex::new(None));
    let told = Arc::new(Mutex::new(None));
    // The put's id is drawn between the last joining and the first send.
    let fake = {
        let (lane, leaving, told) = (lane.clone(), leaving.clone(), told.clone());
        let (env, policy) = (Fake::seeded(3).env(), RetryPolicy::new());
        let mut bits = 0;
        Fake::with_random(move || {
            if let Some(ticket) = leaving.lock().unwrap().take() {
                let over = Effort::new(&env, &policy, Duration::ZERO, &Backoff::none());
                *told.lock().unwrap() = Some(lane.news(ticket, &over));
            }
            bits += 1;
            bits
        })
    };
    let own = process(&engine, lane, fake.env(), |_| Fate::Served);
    let (a, b) = (own.join("a"), own.join("b"));
    *leaving.lock().unwrap() = Some(b);
    own.leads(a, LONG);
    assert!(matches!(told.lock().unwrap().take(), Some(News::OutOfTime)));
    assert!(matches!(own.news(a), News::Again { conflict: false, .. }));
    assert_eq!(other.stored(), "");
    own.swap("a");
    assert_eq!(other.stored(), "a");
    assert!(own.is_at_rest());
}

/// Who was named leader and has not begun, and is sent to run again by another that leaves.
#[test]
fn a_leadership_is_not_lost_with_a_batch() {
    let (engine, other) = engine();
    let own = troubled(&engine, &[]);
    let (a, b) = (own.join("a"), own.join("b"));
    assert!(matches!(own.news(b), News::OutOfTime));
    assert!(matches!(own.news(a), News::Again { .. }));
    own.swap("a");
    assert_eq!(other.stored(), "a");
    assert!(own.is_at_rest());
}
