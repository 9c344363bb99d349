//! The loop that is usually written with the official SDK: consistent read, closure, put on the
//! condition of the version that was read, and at once again after a conflict.
//!
//! It takes its task and prints its times as the workers of `benches/support/worker.rs` do. A
//! thread there is a task here, which is how the SDK is used.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig};
use aws_sdk_dynamodb::types::AttributeValue;
use tokio::sync::Barrier;

const TABLE: &str = "bench";

fn main() {
    let task = std::env::var("FARADAY_BENCH_TASK").expect("started by the bench of contention");
    let words: Vec<&str> = task.split('|').collect();
    if let ["find", url, count] = words[..] {
        return find_all(url, count.parse().unwrap());
    }
    let [_, url, prefix, keys, tasks, millis] = words[..] else { panic!("no task: {task}") };
    let keys: Vec<String> =
        (0..keys.parse::<usize>().unwrap()).map(|i| format!("{prefix}-{i}")).collect();
    let tasks: usize = tasks.parse().unwrap();
    let time = Duration::from_millis(millis.parse().unwrap());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let samples = runtime.block_on(work(client(url), keys, tasks, time));
    std::io::stdout().write_all(samples.as_bytes()).unwrap();
}

fn client(url: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(url)
        .region(Region::new("local"))
        .credentials_provider(Credentials::new("local", "local", None, None, "bench"))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    Client::from_conf(config)
}

/// Reads so many items in chunks of 100, one after the other, and prints the microseconds that it
/// took the second time.
fn find_all(url: &str, count: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = client(url);
    let find = async || {
        let mut found = 0;
        for begin in (0..count).step_by(100) {
            let mut keys = aws_sdk_dynamodb::types::KeysAndAttributes::builder().consistent_read(true);
            for n in begin..(begin + 100).min(count) {
                let key = AttributeValue::S(format!("job/{n}"));
                keys = keys.keys(std::collections::HashMap::from([("atom/id".to_owned(), key)]));
            }
            let mut left = Some(std::collections::HashMap::from([(
                TABLE.to_owned(),
                keys.build().unwrap(),
            )]));
            while let Some(asked) = left.take().filter(|asked| !asked.is_empty()) {
                let answer =
                    client.batch_get_item().set_request_items(Some(asked)).send().await.unwrap();
                found += answer.responses.unwrap_or_default().remove(TABLE).map_or(0, |i| i.len());
                left = answer.unprocessed_keys;
            }
        }
        assert_eq!(found, count);
    };
    runtime.block_on(find());
    let begun = Instant::now();
    runtime.block_on(find());
    println!("{}", begun.elapsed().as_micros());
}

async fn work(client: Client, keys: Vec<String>, tasks: usize, time: Duration) -> String {
    println!("ready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let (keys, barrier) = (Arc::new(keys), Arc::new(Barrier::new(tasks)));
    let begun = Instant::now();
    let running: Vec<_> = (0..tasks)
        .map(|_| {
            let (client, keys, barrier) = (client.clone(), keys.clone(), barrier.clone());
            tokio::spawn(async move {
                let mut samples = String::new();
                barrier.wait().await;
                while begun.elapsed() < time {
                    let started = Instant::now();
                    swap(&client, &keys[rand::random_range(0..keys.len())]).await;
                    let (at, took) = (begun.elapsed(), started.elapsed());
                    write!(samples, "{}:{} ", at.as_micros(), took.as_micros()).unwrap();
                }
                samples
            })
        })
        .collect();
    let mut all = String::new();
    for task in running {
        all.push_str(&task.await.unwrap());
        all.push('\n');
    }
    all
}

async fn swap(client: &Client, key: &str) {
    loop {
        let found = client
            .get_item()
            .table_name(TABLE)
            .key("atom/id", AttributeValue::S(key.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .unwrap()
            .item;
        let number = |name: &str| {
            let value = found.as_ref().and_then(|item| item.get(name));
            value.map(|value| value.as_n().unwrap().parse::<u64>().unwrap())
        };
        let version = number("atom/version");
        let put = client
            .put_item()
            .table_name(TABLE)
            .item("atom/id", AttributeValue::S(key.to_owned()))
            .item("atom/value", n(number("atom/value").unwrap_or(0) + 1))
            .item("atom/version", n(version.unwrap_or(0) + 1))
            .expression_attribute_names("#0", "atom/version");
        let put = match version {
            Some(version) => put
                .condition_expression("#0 = :0")
                .expression_attribute_values(":0", n(version)),
            None => put.condition_expression("attribute_not_exists(#0)"),
        };
        match put.send().await {
            Ok(_) => return,
            Err(error) => {
                let error = error.into_service_error();
                assert!(error.is_conditional_check_failed_exception(), "{error:?}");
            }
        }
    }
}

fn n(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
