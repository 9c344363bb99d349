//! The events that the crate emits through `tracing`: what happened, and never a value or a secret.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use faraday_atom::{Atom, Backoff, RetryPolicy};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::support::PlainTest;
use crate::support::server::{Backend, Fault, Server, THROTTLED};

pub(crate) const TESTS: &[PlainTest] = &[
    PlainTest { name: "events::tell_of_a_conflict_and_a_lost_reply", run: tell },
    PlainTest { name: "events::tell_of_a_transaction", run: tell_of_a_transaction },
    PlainTest { name: "events::cost_nothing_when_nobody_listens", run: silent },
];

/// Keeps the events of every target as text.
#[derive(Clone)]
struct Listener {
    most: Option<Level>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    fn new(most: Option<Level>) -> Self {
        Self { most, heard: Arc::default() }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.most.is_some_and(|most| *metadata.level() <= most)
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut text = Text(format!("{} {}", metadata.level(), metadata.target()));
        event.record(&mut text);
        self.heard.lock().unwrap().push(text.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

const SECRETS: [&str; 4] = ["VALUE-OF-MINE", "VALUE-OF-ANOTHER", "SECRET-KEY", "SESSION-TOKEN"];

/// A conflict, a lost reply and a throttled read, with a value and credentials that are secret.
fn scripted(listener: &Listener) {
    const REFUSED: Fault = Fault::Answer(
        400,
        r#"{"__type":"x#ValidationException","message":"The value VALUE-OF-MINE is not to our taste"}"#,
    );
    let engine = dynoxide::Database::memory().unwrap();
    let idle = Duration::from_secs(60);
    let straight = Server::start(Backend::Engine(engine.clone()), idle, |_| Fault::None);
    let other = straight.table(|builder| builder);
    other.put_item("note", "VALUE-OF-ANOTHER 1").unwrap();
    let puts = Mutex::new(0);
    let gets = Mutex::new(0);
    let server = Server::start(Backend::Engine(engine), idle, move |seen| {
        let count = |counter: &Mutex<u32>| {
            let mut counter = counter.lock().unwrap();
            *counter += 1;
            *counter
        };
        match seen.operation {
            "GetItem" if count(&gets) == 1 => THROTTLED,
            "PutItem" => match count(&puts) {
                1 => {
                    other.put_item("note", "VALUE-OF-ANOTHER 2").unwrap();
                    Fault::None
                }
                2 => Fault::LoseReply,
                4 => REFUSED,
                _ => Fault::None,
            },
            _ => Fault::None,
        }
    });
    let ms = Duration::from_millis;
    let quick = RetryPolicy::new().throttle(Backoff::new(ms(20), 1.0, ms(20)));
    let table = server
        .builder("faulty")
        .credentials("ACCESS-KEY", "SECRET-KEY", Some("SESSION-TOKEN"))
        .retry(quick)
        .open()
        .unwrap();
    let note = table.atom::<String>("note");
    // While there is only one subscriber, tracing asks that of the thread that comes to an event
    // first, which may be another test's and have none, and keeps the answer for all. With two, it
    // asks both.
    let _second = tracing::Dispatch::new(Listener::new(None));
    tracing::subscriber::with_default(listener.clone(), || {
        let (_, receipt) =
            note.swap_with_receipt(|note| format!("VALUE-OF-MINE, {}", note.unwrap())).unwrap();
        assert_eq!((receipt.conflicts, receipt.recovered), (1, true));
        note.swap(|_| "VALUE-OF-MINE again".to_owned()).unwrap_err();
    });
}

fn tell() {
    let listener = Listener::new(Some(Level::TRACE));
    scripted(&listener);
    let heard = listener.heard();
    let all = heard.join("\n");
    for secret in SECRETS {
        assert!(!all.contains(secret), "{secret} in\n{all}");
    }
    let expected = [
        ("DEBUG", "request failed", &["GetItem", "class=\"throttled\"", "ThrottlingException"][..]),
        ("TRACE", "closure runs", &["attempt=1", "version=1"]),
        ("TRACE", "gathered", &["riders=1"]),
        ("TRACE", "put", &["attempt=1", "base_version=1", "write="]),
        ("DEBUG", "conflict", &["base_version=1", "found_version=2"]),
        ("TRACE", "closure runs", &["attempt=2", "version=2"]),
        ("DEBUG", "request failed", &["PutItem", "class=\"in doubt\""]),
        ("TRACE", "put", &["attempt=2", "base_version=2"]),
        ("DEBUG", "recovered", &["base_version=2", "found_version=3"]),
        ("DEBUG", "swapped", &["new_version=3", "conflicts=1", "recovered=true", "elapsed="]),
        ("DEBUG", "request failed", &["class=\"final\"", "ValidationException"]),
    ];
    let mut rest = heard.iter();
    for (level, message, fields) in expected {
        let found = rest.any(|line| {
            line.starts_with(&format!("{level} faraday_atom "))
                && line.contains(&format!("message={message}"))
                && line.contains("table=\"faulty\"")
                && line.contains("key=\"note\"")
                && fields.iter().all(|field| line.contains(field))
        });
        assert!(found, "no {message:?} with {fields:?}, in this order, in\n{all}");
    }
    // At debug level, less.
    let listener = Listener::new(Some(Level::DEBUG));
    scripted(&listener);
    let fewer = listener.heard();
    assert!(!fewer.is_empty() && fewer.len() < heard.len());
    assert!(fewer.iter().all(|line| line.starts_with("DEBUG ")));
}

/// A conflict, a lost reply that the token does not make up for, and a refusal that quotes a value.
fn tell_of_a_transaction() {
    const REFUSED: Fault = Fault::Answer(
        400,
        r#"{"__type":"x#TransactionCanceledException","Message":"[None, ValidationError]",
            "CancellationReasons":[{"Code":"None"},{"Code":"ValidationError",
            "Message":"The value VALUE-OF-MINE is not to our taste"}]}"#,
    );
    let engine = dynoxide::Database::memory().unwrap();
    let idle = Duration::from_secs(60);
    let straight = Server::start(Backend::Engine(engine.clone()), idle, |_| Fault::None);
    let other = straight.table(|builder| builder);
    other.put_item("note", "VALUE-OF-ANOTHER 1").unwrap();
    let sent = Mutex::new(0);
    let server = Server::start(Backend::Engine(engine), idle, move |seen| {
        let mut sent = sent.lock().unwrap();
        *sent += u32::from(seen.operation == "TransactWriteItems");
        match (seen.operation, *sent) {
            ("TransactWriteItems", 1) => {
                other.put_item("note", "VALUE-OF-ANOTHER 2").unwrap();
                Fault::None
            }
            ("TransactWriteItems", 2) => Fault::LoseReply,
            ("TransactWriteItems", 4) => REFUSED,
            _ => Fault::None,
        }
    });
    server.forget_tokens(1);
    let table = server
        .table(|builder| builder.credentials("ACCESS-KEY", "SECRET-KEY", Some("SESSION-TOKEN")));
    let listener = Listener::new(Some(Level::TRACE));
    let _second = tracing::Dispatch::new(Listener::new(None));
    tracing::subscriber::with_default(listener.clone(), || {
        let change = || {
            table.transact(|tx| {
                let note: String = tx.get("note")?.unwrap();
                tx.set("note", format!("VALUE-OF-MINE, {note}"))?;
                Ok(tx.set("beside", "VALUE-OF-MINE")?)
            })
        };
        change().unwrap();
        change().unwrap_err();
    });
    let heard = listener.heard();
    let all = heard.join("\n");
    for secret in SECRETS {
        assert!(!all.contains(secret), "{secret} in\n{all}");
    }
    let expected = [
        ("TRACE", "transaction runs", &["attempt=1"][..]),
        ("TRACE", "transaction sent", &["items=2", "writes=2", "attempt=1"]),
        ("DEBUG", "request failed", &["class=\"canceled\"", "TransactionCanceledException"]),
        ("DEBUG", "conflict", &["keys=\"note\""]),
        ("TRACE", "transaction runs", &["attempt=2"]),
        ("DEBUG", "request failed", &["TransactWriteItems", "class=\"in doubt\""]),
        ("DEBUG", "recovered", &["keys=\"note, beside\"", "attempt=2"]),
        ("DEBUG", "transacted", &["written=2", "attempts=2", "conflicts=1", "recovered=true"]),
        ("DEBUG", "request failed", &["class=\"canceled\""]),
    ];
    let mut rest = heard.iter();
    for (level, message, fields) in expected {
        let found = rest.any(|line| {
            line.starts_with(&format!("{level} faraday_atom "))
                && line.contains(&format!("message={message}"))
                && line.contains("table=\"faulty\"")
                && fields.iter().all(|field| line.contains(field))
        });
        assert!(found, "no {message:?} with {fields:?}, in this order, in\n{all}");
    }
}

fn silent() {
    let listener = Listener::new(None);
    scripted(&listener);
    assert!(listener.heard().is_empty());
}
