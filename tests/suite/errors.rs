//! What errors say, and what they keep to themselves.

use faraday_atom::{Error, Table};

use crate::support::{EVERYWHERE, Ground, Kind, StoreTest};

pub(crate) const TESTS: &[StoreTest] = &[
    StoreTest { name: "settings_that_make_no_sense", on: &[Kind::Memory], run: settings },
    StoreTest { name: "secrets_stay_secret", on: &[Kind::Memory], run: secrets },
    StoreTest { name: "nobody_listens", on: &[Kind::Memory], run: nobody_listens },
    StoreTest { name: "errors_are_usable", on: EVERYWHERE, run: usable },
];

fn settings(ground: &Ground) {
    let message = |builder: faraday_atom::TableBuilder| match builder.open() {
        Err(Error::Config { message, .. }) => message,
        other => panic!("{other:?}"),
    };
    let server = || Table::builder("name").region("eu-west-1");
    assert!(message(ground.builder("ab")).contains("table name"));
    assert!(message(ground.builder("no spaces")).contains("table name"));
    assert!(message(ground.builder("fine").key_name("")).contains("key name"));
    assert!(message(ground.builder("fine").key_name("atom/writes")).contains("atom/writes"));
    assert!(message(server().endpoint_url("localhost:8000")).contains("scheme"));
    assert!(message(server().request_timeout(std::time::Duration::ZERO)).contains("timeout"));
    let directory = tempfile::tempdir().unwrap();
    let unopened = Table::builder("fine").embedded(directory.path());
    assert!(message(unopened).contains("cannot open the database file"));
}

fn secrets(_: &Ground) {
    let builder = Table::builder("name")
        .region("eu-west-1")
        .endpoint_url("https://user:passw0rd@host")
        .credentials("AKID", "s3cr3t", Some("t0ken"));
    let table = Table::builder("name")
        .endpoint_url("http://127.0.0.1:9")
        .region("r")
        .credentials("AKID", "s3cr3t", Some("t0ken"))
        .open()
        .unwrap();
    let atom = table.atom::<u8>("k");
    let refused = builder.clone().open().unwrap_err();
    for shown in [
        format!("{builder:?}"),
        format!("{table:?}"),
        format!("{atom:?}"),
        format!("{refused} {refused:?}"),
    ] {
        for secret in ["s3cr3t", "t0ken", "passw0rd"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

fn nobody_listens(_: &Ground) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let quick = faraday_atom::RetryPolicy::new().max_attempts(3);
    let table = Table::builder("name").endpoint_url(&url).retry(quick).open().unwrap();
    let error = table.put_item("k", 1).unwrap_err();
    let Error::Transport { message, .. } = &error else { panic!("{error}") };
    assert!(message.contains(&url) && message.contains("tried 3 times"), "{message}");
}

fn usable(ground: &Ground) {
    fn sound<E: std::error::Error + Send + Sync + 'static>(_: &E) {}
    let table = ground.unmade();
    let error = table.find_item::<u8>(("user", 7)).unwrap_err();
    sound(&error);
    assert_eq!(error.table(), table.name());
    let any = anyhow::Error::from(error);
    assert!(any.downcast_ref::<Error>().is_some());
}
