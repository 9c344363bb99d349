//! Trouble that lasts: servers that never answer, always throttle, hang up or do not tell.

use super::*;

pub(super) fn never_answers() {
    let server = Server::new(|seen| match seen.operation {
        "GetItem" | "PutItem" if seen.number > 8 => Fault::Hang,
        _ => Fault::None,
    });
    let table = server.table(|builder| {
        builder
            .retry(quick().timeout(Duration::from_millis(500)))
            .request_timeout(Duration::from_millis(150))
    });
    while server.requests() <= 8 {
        table.put_item("n", 1).unwrap();
    }
    let started = Instant::now();
    let error = table.find_item::<u32>("n").unwrap_err();
    assert!(matches!(&error, Error::Timeout { .. }), "{error}");
    let options = SwapOptions::new().timeout(Duration::from_millis(500));
    let error = table.atom::<u32>("n").with_options(options).swap(|_| 1).unwrap_err();
    assert!(matches!(&error, Error::Timeout { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5));

    let server = Server::new(|seen| match seen.operation {
        "PutItem" => Fault::Hang,
        _ => Fault::None,
    });
    let options = SwapOptions::new().timeout(Duration::from_millis(500));
    let error = counter(&server).with_options(options).swap(|_| 1).unwrap_err();
    assert!(matches!(&error, Error::Indeterminate { .. }), "{error}");
    // Carried out at once; only the answers never came.
    assert_eq!(outcome(&open(&server), error), Outcome::Applied);
}

pub(super) fn always_throttled() {
    let server = Server::new(|seen| match seen.operation {
        "PutItem" => THROTTLED,
        _ => Fault::None,
    });
    let error = counter(&server).swap(|_| 1).unwrap_err();
    assert!(matches!(&error, Error::Throttled { attempts: 8, .. }), "{error}");
}

pub(super) fn refused_after_doubt() {
    const DENIED: Fault =
        Fault::Answer(400, r#"{"__type":"x#AccessDeniedException","message":"no longer"}"#);
    let server = Server::new(scripted("PutItem", [Fault::LoseReply, DENIED]));
    let error = counter(&server).swap(|_| 1).unwrap_err();
    assert!(matches!(&error, Error::Indeterminate { .. }), "{error}");
    let server = Server::new(scripted("PutItem", [DENIED]));
    let error = counter(&server).swap(|_| 1).unwrap_err();
    assert!(
        matches!(&error, Error::Service { code, request_id: Some(id), .. }
            if code == "AccessDeniedException" && id == "TEST"),
        "{error}"
    );
}

/// The server closes connections after 200 ms; a call every 300 ms finds each of them closed.
pub(super) fn idle_connections() {
    let engine = dynoxide::Database::memory().unwrap();
    let server =
        Server::start(Backend::Engine(engine), Duration::from_millis(200), |_| Fault::None);
    // A single attempt: nothing is hidden by sending again.
    let table = server.table(|builder| builder.retry(RetryPolicy::new().max_attempts(1)));
    let before = server.connections();
    for n in 0..50_u32 {
        table.put_item("n", n).unwrap();
        assert_eq!(table.find_item::<u32>("n").unwrap(), Some(n));
        std::thread::sleep(Duration::from_millis(300));
    }
    let used = server.connections() - before;
    assert!((45..=60).contains(&used), "{used} connections: they should have been closed");
}

/// A server that ignores the request for the old item, as some emulators do.
pub(super) fn untold() {
    const REFUSED: Fault = Fault::Answer(
        400,
        r#"{"__type":"x#ConditionalCheckFailedException","message":"The conditional request failed"}"#,
    );
    let engine = dynoxide::Database::memory().unwrap();
    let idle = Duration::from_secs(60);
    let straight = Server::start(Backend::Engine(engine.clone()), idle, |_| Fault::None);
    let other = open(&straight);
    other.put_item("n", 1).unwrap();
    let interfering = other.clone();
    let hook = scripted("PutItem", [REFUSED]);
    let server = Server::start(Backend::Engine(engine), idle, move |seen| {
        let fault = hook(seen);
        if fault == REFUSED {
            interfering.put_item("n", 30).unwrap();
        }
        fault
    });
    let (n, receipt) =
        open(&server).atom::<u32>("n").swap_with_receipt(|n| n.unwrap() + 1).unwrap();
    assert_eq!((n, receipt.conflicts, receipt.requests), (31, 1, 4));
}

pub(super) fn many_faults() {
    let server = Server::new(|seen| match (seen.operation, seen.number % 23) {
        ("GetItem" | "PutItem", 3 | 11) => Fault::LoseReply,
        ("GetItem" | "PutItem", 5) => Fault::LoseRequest,
        ("GetItem" | "PutItem", 7) => UNAVAILABLE,
        ("GetItem" | "PutItem", 13) => THROTTLED,
        ("GetItem" | "PutItem", 17) => Fault::Garbage,
        ("GetItem" | "PutItem", 19) => Fault::CutBody,
        _ => Fault::None,
    });
    let list: ItemAtom<Vec<u32>> = open(&server).atom("list");
    list.reset(vec![]).unwrap();
    crate::support::on_threads(6, |thread| {
        for n in 0..20 {
            let token = thread as u32 * 1000 + n;
            list.swap(|list| [list.unwrap(), vec![token]].concat()).unwrap();
        }
    });
    let mut all = list.get().unwrap().unwrap();
    all.sort_unstable();
    let expected: Vec<u32> =
        (0..6).flat_map(|thread| (0..20).map(move |n| thread * 1000 + n)).collect();
    assert_eq!(all, expected, "each token once");
}

pub(super) fn lost_table_replies() {
    let hook = scripted("CreateTable", [Fault::LoseReply]);
    let dropping = scripted("DeleteTable", [Fault::LoseReply]);
    let server = Server::new(move |seen| match hook(seen) {
        Fault::None => dropping(seen),
        fault => fault,
    });
    let table = open(&server);
    table.put_item("k", 1).unwrap();
    table.drop_table().unwrap();
    assert!(matches!(table.find_item::<u8>("k"), Err(Error::TableNotFound { .. })));
}
