//! Requests about a whole table, and what they say of it.

use std::time::{Duration, Instant};

use rusoto_dynamodb::{
    AttributeDefinition, CreateTableInput, DeleteTableInput, DescribeTableInput,
    DescribeTimeToLiveInput, DescribeTimeToLiveOutput, KeySchemaElement, ProvisionedThroughput,
    TableDescription, TimeToLiveSpecification, UpdateTimeToLiveInput, UpdateTimeToLiveOutput,
};
use serde::{Deserialize, Serialize};

use super::Dynamo;
use super::answer::Failure;

/// How a table's capacity is paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Billing {
    /// By request, at any rate. The default.
    #[default]
    OnDemand,
    /// By the hour, for so many reads and writes a second at most.
    Provisioned {
        /// Read capacity units.
        read_units: u32,
        /// Write capacity units.
        write_units: u32,
    },
}

impl Billing {
    /// Provisioned with 8 read and 8 write units, as the Clojure library does.
    #[must_use]
    pub const fn provisioned() -> Self {
        Self::Provisioned { read_units: 8, write_units: 8 }
    }
}

/// What a table's storage costs against what its requests cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableClass {
    /// For tables whose requests cost more than their storage. The default.
    #[default]
    Standard,
    /// Cheaper storage and dearer requests: for large tables seldom touched.
    InfrequentAccess,
}

impl TableClass {
    fn wire(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::InfrequentAccess => "STANDARD_INFREQUENT_ACCESS",
        }
    }
}

/// How a table is made by [`Table::create_with`](crate::Table::create_with) and
/// [`Table::ensure_with`](crate::Table::ensure_with).
///
/// ```
/// use faraday_atom::{Billing, TableOptions};
///
/// let options = TableOptions::new().billing(Billing::provisioned()).deletion_protection(true);
/// assert_eq!(options.billing, Billing::Provisioned { read_units: 8, write_units: 8 });
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TableOptions {
    /// On demand by default.
    pub billing: Billing,
    /// Standard by default.
    pub class: TableClass,
    /// Whether the table refuses to be dropped until this is switched off. Off by default.
    pub deletion_protection: bool,
    /// How long to wait until the table is usable. Five minutes by default.
    pub wait: Duration,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self {
            billing: Billing::default(),
            class: TableClass::default(),
            deletion_protection: false,
            wait: Duration::from_secs(300),
        }
    }
}

impl TableOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`billing`](Self::billing).
    #[must_use]
    pub fn billing(mut self, billing: Billing) -> Self {
        self.billing = billing;
        self
    }

    /// Sets [`class`](Self::class).
    #[must_use]
    pub fn class(mut self, class: TableClass) -> Self {
        self.class = class;
        self
    }

    /// Sets [`deletion_protection`](Self::deletion_protection).
    #[must_use]
    pub fn deletion_protection(mut self, on: bool) -> Self {
        self.deletion_protection = on;
        self
    }

    /// Sets [`wait`](Self::wait).
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }
}

/// What DynamoDB says of a table.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TableInfo {
    /// The table's name.
    pub name: String,
    /// `ACTIVE`, `CREATING`, `UPDATING`, `DELETING`, …
    pub status: String,
    /// The name of the partition key, and its type: `S`, `N` or `B`.
    pub key: (String, String),
    /// The name of the sort key, if it has one (then this crate cannot use the table).
    pub sort_key: Option<String>,
    /// How its capacity is paid for.
    pub billing: Billing,
    /// Its class.
    pub class: TableClass,
    /// Whether it refuses to be dropped.
    pub deletion_protection: bool,
    /// About how many items it holds; DynamoDB counts every six hours.
    pub items: u64,
    /// About how many bytes it holds; DynamoDB counts every six hours.
    pub bytes: u64,
    /// Its Amazon resource name; empty where the server gives none.
    pub arn: String,
}

impl TableInfo {
    /// Whether items can be read and written.
    #[must_use]
    pub fn is_active(&self) -> bool {
        // While UPDATING, a table serves requests as before.
        matches!(self.status.as_str(), "ACTIVE" | "UPDATING")
    }
}

/// `CreateTable` with the fields that are newer than rusoto.
#[derive(Serialize)]
struct Create {
    #[serde(flatten)]
    base: CreateTableInput,
    // Left out at their defaults: an old server refuses fields that it does not know.
    #[serde(rename = "TableClass", skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
    #[serde(rename = "DeletionProtectionEnabled", skip_serializing_if = "Option::is_none")]
    deletion_protection: Option<bool>,
}

/// `TableDescription` with the fields that are newer than rusoto.
#[derive(Deserialize)]
struct Description {
    #[serde(flatten)]
    base: TableDescription,
    #[serde(rename = "TableClassSummary")]
    class: Option<ClassSummary>,
    #[serde(rename = "DeletionProtectionEnabled")]
    deletion_protection: Option<bool>,
}

#[derive(Deserialize)]
struct ClassSummary {
    #[serde(rename = "TableClass")]
    class: Option<String>,
}

#[derive(Deserialize)]
struct Described {
    #[serde(rename = "Table")]
    table: Description,
}

/// The answers of `CreateTable` and `DeleteTable`; what they describe is asked for separately.
#[derive(Deserialize)]
struct Accepted {}

impl From<Description> for TableInfo {
    fn from(description: Description) -> Self {
        let Description { base, class, deletion_protection } = description;
        let schema = base.key_schema.unwrap_or_default();
        let named = |kind: &str| {
            schema.iter().find(|key| key.key_type == kind).map(|key| key.attribute_name.clone())
        };
        let key_name = named("HASH").unwrap_or_default();
        let key_type = base
            .attribute_definitions
            .unwrap_or_default()
            .into_iter()
            .find(|attribute| attribute.attribute_name == key_name)
            .map(|attribute| attribute.attribute_type)
            .unwrap_or_default();
        let on_demand = base
            .billing_mode_summary
            .and_then(|summary| summary.billing_mode)
            .is_some_and(|mode| mode == "PAY_PER_REQUEST");
        let units = |units: Option<i64>| units.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        let billing = match base.provisioned_throughput {
            Some(throughput) if !on_demand => Billing::Provisioned {
                read_units: units(throughput.read_capacity_units),
                write_units: units(throughput.write_capacity_units),
            },
            _ => Billing::OnDemand,
        };
        let infrequent = class
            .and_then(|summary| summary.class)
            .is_some_and(|class| class == TableClass::InfrequentAccess.wire());
        let count = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        Self {
            name: base.table_name.unwrap_or_default(),
            status: base.table_status.unwrap_or_default(),
            sort_key: named("RANGE"),
            key: (key_name, key_type),
            billing,
            class: if infrequent { TableClass::InfrequentAccess } else { TableClass::Standard },
            deletion_protection: deletion_protection.unwrap_or(false),
            items: count(base.item_count),
            bytes: count(base.table_size_bytes),
            arn: base.table_arn.unwrap_or_default(),
        }
    }
}

impl Dynamo {
    /// `CreateTable` with a string partition key and no sort key.
    pub(crate) fn create_table(
        &self,
        table: &str,
        key_name: &str,
        options: &TableOptions,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let (mode, throughput) = match options.billing {
            Billing::OnDemand => ("PAY_PER_REQUEST", None),
            Billing::Provisioned { read_units, write_units } => (
                "PROVISIONED",
                Some(ProvisionedThroughput {
                    read_capacity_units: read_units.into(),
                    write_capacity_units: write_units.into(),
                }),
            ),
        };
        let input = Create {
            base: CreateTableInput {
                table_name: table.to_owned(),
                attribute_definitions: vec![AttributeDefinition {
                    attribute_name: key_name.to_owned(),
                    attribute_type: "S".to_owned(),
                }],
                key_schema: vec![KeySchemaElement {
                    attribute_name: key_name.to_owned(),
                    key_type: "HASH".to_owned(),
                }],
                billing_mode: Some(mode.to_owned()),
                provisioned_throughput: throughput,
                ..CreateTableInput::default()
            },
            class: Some(options.class)
                .filter(|class| *class != TableClass::default())
                .map(TableClass::wire),
            deletion_protection: options.deletion_protection.then_some(true),
        };
        let Accepted {} = self.call("CreateTable", &input, deadline)?;
        Ok(())
    }

    /// `DescribeTable`.
    pub(crate) fn describe_table(
        &self,
        table: &str,
        deadline: Instant,
    ) -> Result<TableInfo, Failure> {
        let input = DescribeTableInput { table_name: table.to_owned() };
        let output: Described = self.call("DescribeTable", &input, deadline)?;
        Ok(output.table.into())
    }

    /// `DeleteTable`.
    pub(crate) fn delete_table(&self, table: &str, deadline: Instant) -> Result<(), Failure> {
        let input = DeleteTableInput { table_name: table.to_owned() };
        let Accepted {} = self.call("DeleteTable", &input, deadline)?;
        Ok(())
    }

    /// `DescribeTimeToLive`: whether any attribute is switched on, or is being switched.
    pub(crate) fn has_time_to_live(&self, table: &str, deadline: Instant) -> Result<bool, Failure> {
        let input = DescribeTimeToLiveInput { table_name: table.to_owned() };
        let output: DescribeTimeToLiveOutput = self.call("DescribeTimeToLive", &input, deadline)?;
        let status = output.time_to_live_description.and_then(|d| d.time_to_live_status);
        Ok(status.is_some_and(|status| status != "DISABLED"))
    }

    /// `UpdateTimeToLive`: items whose `attribute` (epoch seconds) has passed may be deleted.
    pub(crate) fn enable_time_to_live(
        &self,
        table: &str,
        attribute: &str,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let input = UpdateTimeToLiveInput {
            table_name: table.to_owned(),
            time_to_live_specification: TimeToLiveSpecification {
                attribute_name: attribute.to_owned(),
                enabled: true,
            },
        };
        let _: UpdateTimeToLiveOutput = self.call("UpdateTimeToLive", &input, deadline)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_with_fields_newer_than_rusoto() {
        let json = r#"{"Table":{"TableName":"t","TableStatus":"ACTIVE","ItemCount":3,"TableSizeBytes":77,
            "KeySchema":[{"AttributeName":"id","KeyType":"HASH"},{"AttributeName":"at","KeyType":"RANGE"}],
            "AttributeDefinitions":[{"AttributeName":"id","AttributeType":"N"},{"AttributeName":"at","AttributeType":"S"}],
            "ProvisionedThroughput":{"ReadCapacityUnits":8,"WriteCapacityUnits":9,"NumberOfDecreasesToday":0},
            "TableClassSummary":{"TableClass":"STANDARD_INFREQUENT_ACCESS"},
            "DeletionProtectionEnabled":true,"TableArn":"arn:x","SomethingNew":{}}}"#;
        let described: Described = serde_json::from_str(json).unwrap();
        let info = TableInfo::from(described.table);
        assert_eq!(info.key, ("id".to_owned(), "N".to_owned()));
        assert_eq!(info.sort_key.as_deref(), Some("at"));
        assert_eq!(info.billing, Billing::Provisioned { read_units: 8, write_units: 9 });
        assert_eq!(info.class, TableClass::InfrequentAccess);
        assert!(info.deletion_protection && info.is_active());
        assert_eq!((info.items, info.bytes), (3, 77));
    }

    #[test]
    fn defaults_are_left_out_of_create_table() {
        let plain =
            Create { base: CreateTableInput::default(), class: None, deletion_protection: None };
        let json = serde_json::to_value(plain).unwrap();
        assert!(
            json.get("TableClass").is_none() && json.get("DeletionProtectionEnabled").is_none()
        );
    }
}
