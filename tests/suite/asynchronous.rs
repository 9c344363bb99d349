//! Inside somebody's async program: calling works, dropping does not panic.

use std::time::{Duration, Instant};

use faraday_atom::{Atom, Table};

use crate::support::PlainTest;
use crate::support::server::{Fault, Server};

pub(crate) const TESTS: &[PlainTest] = &[
    PlainTest { name: "async::current_thread", run: || inside(&current_thread()) },
    PlainTest { name: "async::multi_thread", run: || inside(&multi_thread()) },
    PlainTest { name: "async::dropping_does_not_wait", run: dropping },
    PlainTest { name: "async::threads_do_not_pile_up", run: threads },
];

fn current_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn multi_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn use_it(table: &Table, key: &str) {
    let atom = table.atom::<u32>(key);
    for n in 1..=5 {
        assert_eq!(atom.swap(|n| n.unwrap_or(0) + 1).unwrap(), n);
    }
}

fn inside(runtime: &tokio::runtime::Runtime) {
    let server = Server::new(|_| Fault::None);
    let table = server.table(|builder| builder);
    runtime.block_on(async {
        use_it(&table, "in block_on");
        let moved = table.clone();
        tokio::spawn(async move { use_it(&moved, "in a task") }).await.unwrap();
        let moved = table.clone();
        tokio::task::spawn_blocking(move || use_it(&moved, "in spawn_blocking")).await.unwrap();
        // Opened and dropped in here, the connections with it.
        let own = server.builder("faulty").open().unwrap();
        use_it(&own, "opened inside");
        drop(own);
        let embedded = Table::builder("my-atoms").embedded_in_memory().open().unwrap();
        embedded.ensure().unwrap();
        use_it(&embedded, "embedded");
    });
    // The last handle is dropped in a task.
    runtime.block_on(async move { tokio::spawn(async move { drop(table) }).await.unwrap() });
}

fn dropping() {
    let server =
        Server::new(|seen| if seen.operation == "GetItem" { Fault::Hang } else { Fault::None });
    let table = server.table(|builder| builder.request_timeout(Duration::from_secs(30)));
    let calling = table.clone();
    let call = std::thread::spawn(move || {
        let policy = faraday_atom::SwapOptions::new().timeout(Duration::from_millis(700));
        calling.atom::<u32>("n").with_options(policy).swap(|_| 1).unwrap_err()
    });
    std::thread::sleep(Duration::from_millis(100));
    let started = Instant::now();
    drop(table);
    assert!(started.elapsed() < Duration::from_millis(200), "dropping a handle waits on nothing");
    call.join().unwrap();
    assert!(started.elapsed() < Duration::from_secs(5), "the call ended at its deadline");
}

/// Each table has a thread of its own, which ends with it.
fn threads() {
    let server = Server::new(|_| Fault::None);
    let named = || {
        std::fs::read_dir("/proc/self/task")
            .map(|tasks| {
                tasks
                    .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
                    .filter(|name| name.trim() == "faraday-atom")
                    .count()
            })
            .unwrap_or(0)
    };
    let most = (0..30)
        .map(|_| {
            use_it(&server.table(|builder| builder), &format!("{:?}", Instant::now()));
            named()
        })
        .max();
    // Other tests run beside this one and have theirs.
    assert!(most < Some(20), "{most:?} threads");
}
