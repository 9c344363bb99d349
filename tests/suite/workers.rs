//! Worker processes: this program, started again with a task in its environment.

use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use faraday_atom::{Atom, Table};

use crate::bank;
use crate::histories;
use crate::ledger;
use crate::support::{Ground, Kind};

const TASK: &str = "FARADAY_TEST_TASK";

/// When this process was started as a worker, does the work.
pub(crate) fn work_if_asked() -> Option<ExitCode> {
    let task = std::env::var(TASK).ok()?;
    if let Some(rest) = task.strip_prefix("history|") {
        let [endpoint, table, task] = rest.splitn(3, '|').collect::<Vec<_>>()[..] else {
            panic!("no task: {task}")
        };
        histories::work(table, endpoint, &serde_json::from_str(task).unwrap());
        return Some(ExitCode::SUCCESS);
    }
    let words: Vec<&str> = task.split('|').collect();
    let [kind, address, table, task, times] = words[..] else { panic!("no task: {task}") };
    let builder = Table::builder(table);
    let builder = match kind {
        "Live" => builder
            .endpoint_url(address)
            .region("local")
            .credentials("local", "local", None::<String>)
            .request_timeout(Duration::from_secs(20)),
        _ => builder.embedded(address),
    };
    let table = builder.open().unwrap();
    match task {
        "increment" => {
            let counter = table.atom::<u64>("counter");
            for _ in 0..times.parse().unwrap() {
                counter.swap(|n| n.unwrap_or(0) + 1).unwrap();
            }
        }
        // Keeps two items equal.
        "pair" => {
            for _ in 0..times.parse().unwrap() {
                table
                    .transact(|tx| {
                        let n: u32 = tx.get("x")?.unwrap_or_default();
                        tx.set("y", n + 1)?;
                        Ok(tx.set("x", n + 1)?)
                    })
                    .unwrap();
            }
        }
        "bank" => bank::work(&table, serde_json::from_str(times).unwrap()),
        "ledger" => ledger::work(&table, serde_json::from_str(times).unwrap(), ledger::print),
        other => panic!("no such task: {other}"),
    }
    Some(ExitCode::SUCCESS)
}

/// Starts a worker on the table.
pub(crate) fn start(ground: &Ground, table: &Table, task: &str, times: u32) -> Child {
    let kind = if ground.kind == Kind::Live { "Live" } else { "File" };
    let task = format!("{kind}|{}|{}|{task}|{times}", ground.address(), table.name());
    Command::new(std::env::current_exe().unwrap()).env(TASK, task).spawn().unwrap()
}

/// Starts a writer of the ledger, whose reports are its output, on a table of the place: a kind,
/// and an address of that kind.
pub(crate) fn start_ledger(
    (kind, address): (&str, &str),
    table: &str,
    task: ledger::Task,
) -> Child {
    let task = serde_json::to_string(&task).unwrap();
    let task = format!("{kind}|{address}|{table}|ledger|{task}");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(TASK, task).stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap()
}

/// Starts a worker that makes transfers on a table of this server; its reports are its output.
pub(crate) fn start_bank(endpoint: &str, table: &str, task: &bank::Task) -> Child {
    let task = serde_json::to_string(task).unwrap();
    let task = format!("Live|{endpoint}|{table}|bank|{task}");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(TASK, task).stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap()
}

/// Starts a worker that plays its part in histories on a table of this server.
pub(crate) fn start_history(endpoint: &str, table: &str, task: &histories::Task) -> Child {
    let task = serde_json::to_string(task).unwrap();
    let task = format!("history|{endpoint}|{table}|{task}");
    Command::new(std::env::current_exe().unwrap()).env(TASK, task).spawn().unwrap()
}
