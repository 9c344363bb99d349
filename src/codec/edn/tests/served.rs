//! Values and keys of every shape go through a real table in the layout of the Clojure library and
//! come back.
//!
//! In the embedded engine always; in DynamoDB Local where `FARADAY_TEST_ENDPOINT` names one.

use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::super::layout::key_text;
use super::super::print::canonical;
use super::super::value::Edn;
use super::bridge::{Everything, everything};
use super::strategy::edn;
use crate::codec::limits::MAX_KEY;
use crate::{Atom, Encoding, Error, Table, TableBuilder};

fn failed(error: Error) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

fn check(builder: TableBuilder, cases: u32) {
    let table = builder.encoding(Encoding::Edn).open().unwrap();
    table.ensure().unwrap();
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&(edn(), everything(), edn()), |(value, shape, key)| {
            let atom = table.atom::<Edn>(&Edn::keyword("value"));
            atom.reset(value.clone()).map_err(failed)?;
            let back = atom.get().map_err(failed)?.unwrap();
            prop_assert_eq!(&back, &value);
            // Equal is not enough: -0.0 is 0.0, and 1N is 1. The order of a map's entries alone is
            // not kept.
            prop_assert_eq!(canonical(&back), canonical(&value));

            let atom = table.atom::<Everything>("shape");
            atom.reset(shape.clone()).map_err(failed)?;
            prop_assert_eq!(atom.get().map_err(failed)?, Some(shape));

            if key_text(&key).len() <= MAX_KEY {
                table.put_item(&key, &value).map_err(failed)?;
                let found = table.find_item::<Edn>(&key).map_err(failed)?;
                prop_assert_eq!(found.map(|found| canonical(&found)), Some(canonical(&value)));
                table.delete_item(&key).map_err(failed)?;
            }
            Ok(())
        })
        .unwrap();
    table.drop_table().unwrap();
}

#[test]
fn all_edn_comes_back_from_the_embedded_engine() {
    check(Table::builder("served-edn").embedded_in_memory(), 700);
}

#[test]
fn all_edn_comes_back_from_dynamodb_local() {
    static TOLD: OnceLock<()> = OnceLock::new();
    let Some(endpoint) = std::env::var("FARADAY_TEST_ENDPOINT").ok().filter(|url| !url.is_empty())
    else {
        TOLD.get_or_init(|| {
            eprintln!("*** NOT RUN: FARADAY_TEST_ENDPOINT names no DynamoDB Local");
        });
        return;
    };
    let name = format!("served-edn-{}", std::process::id());
    check(Table::builder(name).endpoint_url(endpoint), 300);
}
