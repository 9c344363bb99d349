//! For tests: values of every shape go through a real table and come back.
//!
//! In the embedded engine always; in DynamoDB Local where `FARADAY_TEST_ENDPOINT` names one.

use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::shapes::{Any, anything, json};
use crate::{Atom, Table};

fn check(table: &Table, cases: u32) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let values = (anything(3), json());
    TestRunner::new(config)
        .run(&values, |(value, json)| {
            let atom = table.atom::<Any>("value");
            atom.reset(value.clone()).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let back = atom.get().map_err(|error| TestCaseError::fail(error.to_string()))?;
            // By their words, for no NaN equals another and -0.0 is not 0.0.
            prop_assert_eq!(format!("{back:?}"), format!("{:?}", Some(value)));
            let atom = table.atom::<serde_json::Value>("json");
            atom.reset(json.clone()).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let back = atom.get().map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(back, Some(json));
            Ok(())
        })
        .unwrap();
}

#[test]
fn everything_comes_back_from_the_embedded_engine() {
    let table = Table::builder("served").embedded_in_memory().open().unwrap();
    table.ensure().unwrap();
    check(&table, 1500);
}

#[test]
fn everything_comes_back_from_dynamodb_local() {
    static TOLD: OnceLock<()> = OnceLock::new();
    let Some(endpoint) = std::env::var("FARADAY_TEST_ENDPOINT").ok().filter(|url| !url.is_empty())
    else {
        TOLD.get_or_init(|| {
            eprintln!("*** NOT RUN: FARADAY_TEST_ENDPOINT names no DynamoDB Local");
        });
        return;
    };
    let name = format!("served-{}", std::process::id());
    let table = Table::builder(name).endpoint_url(endpoint).open().unwrap();
    table.ensure().unwrap();
    check(&table, 300);
    table.drop_table().unwrap();
}
