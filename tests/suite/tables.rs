//! Tables: made, found, refused and dropped.

use faraday_atom::{Billing, Error, TableClass, TableOptions};
use serde_json::json;

use crate::support::{EVERYWHERE, Ground, Kind, SHARED, StoreTest, on_threads};

pub(crate) const TESTS: &[StoreTest] = &[
    StoreTest { name: "create_describe_drop", on: EVERYWHERE, run: create_describe_drop },
    StoreTest { name: "provisioned_and_protected", on: EVERYWHERE, run: provisioned },
    StoreTest { name: "ensure_is_idempotent", on: EVERYWHERE, run: ensure_twice },
    StoreTest { name: "many_ensure_at_once", on: EVERYWHERE, run: ensure_at_once },
    StoreTest { name: "a_key_that_does_not_fit", on: SHARED, run: other_key },
    StoreTest { name: "another_key_name", on: SHARED, run: key_name },
    StoreTest { name: "time_to_live_is_on", on: SHARED, run: time_to_live },
    StoreTest { name: "a_missing_table", on: EVERYWHERE, run: missing },
    StoreTest { name: "dropped_by_another_connection", on: SHARED, run: dropped_elsewhere },
    StoreTest { name: "several_tables_in_one_store", on: SHARED, run: several },
];

fn create_describe_drop(ground: &Ground) {
    let table = ground.unmade();
    table.create().unwrap();
    let info = table.describe().unwrap();
    assert_eq!(info.name, table.name());
    assert!(info.is_active(), "{info:?}");
    assert_eq!(info.key, ("atom/id".to_owned(), "S".to_owned()));
    assert_eq!(info.billing, Billing::OnDemand);
    assert_eq!(info.sort_key, None);
    let again = table.create().unwrap_err();
    assert!(
        matches!(&again, Error::Service { code, .. } if code == "ResourceInUseException"),
        "{again}"
    );
    table.drop_table().unwrap();
    assert!(matches!(table.describe(), Err(Error::TableNotFound { .. })));
    assert!(matches!(table.drop_table(), Err(Error::TableNotFound { .. })));
}

fn provisioned(ground: &Ground) {
    let table = ground.unmade();
    let options = TableOptions::new()
        .billing(Billing::provisioned())
        .class(TableClass::InfrequentAccess)
        .deletion_protection(true);
    table.create_with(&options).unwrap();
    let info = table.describe().unwrap();
    assert_eq!(info.billing, Billing::Provisioned { read_units: 8, write_units: 8 });
    // DynamoDB Local 1.25 knows neither class nor protection and says so by leaving them out.
    if ground.kind != Kind::Live {
        assert_eq!(info.class, TableClass::InfrequentAccess);
        assert!(info.deletion_protection);
        let refused = table.drop_table().unwrap_err();
        assert!(matches!(&refused, Error::Service { code, .. } if code == "ValidationException"));
    }
}

fn ensure_twice(ground: &Ground) {
    let table = ground.table();
    table.put_item("k", 1).unwrap();
    table.ensure().unwrap();
    table.ensure_with(&TableOptions::new().billing(Billing::provisioned())).unwrap();
    assert_eq!(table.find_item::<u8>("k").unwrap(), Some(1));
    assert_eq!(table.describe().unwrap().billing, Billing::OnDemand, "left as it was");
}

fn ensure_at_once(ground: &Ground) {
    let table = ground.unmade();
    on_threads(8, |_| table.ensure().unwrap());
    assert!(table.describe().unwrap().is_active());
}

fn other_key(ground: &Ground) {
    for (kind, range) in [("N", false), ("S", true)] {
        let table = ground.unmade();
        let mut schema = vec![json!({ "AttributeName": "atom/id", "KeyType": "HASH" })];
        let mut attributes = vec![json!({ "AttributeName": "atom/id", "AttributeType": kind })];
        if range {
            schema.push(json!({ "AttributeName": "at", "KeyType": "RANGE" }));
            attributes.push(json!({ "AttributeName": "at", "AttributeType": "S" }));
        }
        ground.raw(
            "CreateTable",
            &json!({
                "TableName": table.name(), "KeySchema": schema, "AttributeDefinitions": attributes,
                "BillingMode": "PAY_PER_REQUEST",
            }),
        );
        let refused = table.ensure().unwrap_err();
        let Error::Config { message, .. } = &refused else { panic!("{refused}") };
        assert!(message.contains("\"atom/id\" of type"), "{message}");
    }
    let table = ground.table();
    let other = ground.builder(table.name()).key_name("id").open().unwrap();
    let refused = other.ensure().unwrap_err().to_string();
    assert!(refused.contains("\"atom/id\"") && refused.contains("\"id\""), "{refused}");
}

fn key_name(ground: &Ground) {
    let name = ground.unmade().name().to_owned();
    let table = ground.builder(&name).key_name("id").open().unwrap();
    table.ensure().unwrap();
    assert_eq!(table.describe().unwrap().key.0, "id");
    // A field of the same name as the key moves under atom/value, and comes back.
    let value = json!({ "id": "mine", "n": 1 });
    table.put_item("k", &value).unwrap();
    let found: serde_json::Value = table.find_item("k").unwrap().unwrap();
    assert_eq!(found["id"], "mine");
}

fn time_to_live(ground: &Ground) {
    let table = ground.table();
    let answer = ground.raw("DescribeTimeToLive", &json!({ "TableName": table.name() }));
    let description = &answer["TimeToLiveDescription"];
    assert_eq!(description["AttributeName"], "atom/expires", "{answer}");
    assert!(["ENABLED", "ENABLING"].contains(&description["TimeToLiveStatus"].as_str().unwrap()));
}

fn missing(ground: &Ground) {
    use faraday_atom::Atom;
    let table = ground.unmade();
    for error in [
        table.find_item::<u8>("k").unwrap_err(),
        table.put_item("k", 1).unwrap_err(),
        table.delete_item("k").unwrap_err(),
        table.atom::<u8>("k").swap(|_| 1).unwrap_err(),
        table.describe().unwrap_err(),
    ] {
        assert!(matches!(&error, Error::TableNotFound { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains(table.name()) && message.contains("ensure()"), "{message}");
    }
}

fn dropped_elsewhere(ground: &Ground) {
    let table = ground.table();
    table.put_item("k", 1).unwrap();
    ground.raw("DeleteTable", &json!({ "TableName": table.name() }));
    assert!(matches!(table.find_item::<u8>("k"), Err(Error::TableNotFound { .. })));
    assert!(matches!(table.put_item("k", 1), Err(Error::TableNotFound { .. })));
    table.ensure().unwrap();
    assert_eq!(table.find_item::<u8>("k").unwrap(), None);
}

fn several(ground: &Ground) {
    let (one, two) = (ground.table(), ground.table());
    one.put_item("k", 1).unwrap();
    two.put_item("k", 2).unwrap();
    assert_eq!(one.find_item::<u8>("k").unwrap(), Some(1));
    assert_eq!(ground.named(two.name()).find_item::<u8>("k").unwrap(), Some(2));
}
