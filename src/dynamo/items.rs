//! Requests about one item.

use std::collections::HashMap;
use std::time::Instant;

use rusoto_dynamodb::{
    AttributeValue, DeleteItemInput, DeleteItemOutput, GetItemInput, GetItemOutput, PutItemInput,
    PutItemOutput, UpdateItemInput, UpdateItemOutput,
};
use serde::Serialize;

use super::Dynamo;
use super::answer::{Cause, Failure};
use super::wire::{copied_to_rusoto, item_from_rusoto, item_to_rusoto, to_rusoto};
use crate::codec::Value;
use crate::codec::envelope::{Fence, Item, Layout};

/// Where an item lives: its table, and its key's name and text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address<'a> {
    pub(crate) table: &'a str,
    pub(crate) key_name: &'a str,
    pub(crate) key: &'a str,
}

impl Address<'_> {
    pub(super) fn key(&self) -> HashMap<String, AttributeValue> {
        HashMap::from([(self.key_name.to_owned(), to_rusoto(Value::S(self.key.to_owned())))])
    }
}

/// A request with the field, newer than rusoto, that asks for the item when a condition fails.
#[derive(Serialize)]
struct TellingOld<'a, T> {
    #[serde(flatten)]
    base: &'a T,
    #[serde(rename = "ReturnValuesOnConditionCheckFailure")]
    on_failure: &'static str,
}

impl<'a, T> TellingOld<'a, T> {
    fn new(base: &'a T) -> Self {
        Self { base, on_failure: "ALL_OLD" }
    }
}

/// A condition expression with its names and values.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Condition {
    expression: String,
    names: HashMap<String, String>,
    values: HashMap<String, Value>,
}

/// The expression, its names and its values, as rusoto's requests take them.
pub(super) type WireCondition =
    (Option<String>, Option<HashMap<String, String>>, Option<HashMap<String, AttributeValue>>);

/// DynamoDB allows 300 operators in an expression; a compared attribute takes two (`=`, `AND`).
pub(crate) const MOST_COMPARED: usize = 140;

impl Condition {
    /// Holds while the item is as the fence says.
    ///
    /// A foreign item of more than [`MOST_COMPARED`] attributes does not fit into a condition:
    /// see [`Dynamo::adopt`].
    pub(crate) fn of_fence(layout: &Layout, fence: &Fence) -> Self {
        let (key_name, fence_name) = (layout.key_attribute(), layout.fence_attribute());
        let mut condition = Self::default();
        match fence {
            Fence::Missing => {
                let key = condition.name(key_name);
                condition.expression = format!("attribute_not_exists({key})");
            }
            Fence::Is(value) => {
                let name = condition.name(fence_name);
                let value = condition.value(value.clone());
                condition.expression = format!("{name} = {value}");
            }
            Fence::Foreign(attributes) => {
                let key = condition.name(key_name);
                let mut terms = vec![format!("attribute_exists({key})")];
                if !attributes.contains_key(fence_name) {
                    let writes = condition.name(fence_name);
                    terms.push(format!("attribute_not_exists({writes})"));
                }
                for (name, value) in attributes {
                    let name = condition.name(name);
                    let value = condition.value(value.clone());
                    terms.push(format!("{name} = {value}"));
                }
                condition.expression = terms.join(" AND ");
            }
        }
        condition
    }

    fn name(&mut self, name: &str) -> String {
        let placeholder = format!("#{}", self.names.len());
        self.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }

    fn value(&mut self, value: Value) -> String {
        let placeholder = format!(":{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    pub(super) fn into_rusoto(self) -> WireCondition {
        // DynamoDB refuses empty maps of names and values.
        let values = Some(item_to_rusoto(self.values)).filter(|values| !values.is_empty());
        (Some(self.expression), Some(self.names), values)
    }
}

impl Dynamo {
    /// `GetItem`. `None` when there is no such item.
    pub(crate) fn get_item(
        &self,
        at: Address<'_>,
        consistent: bool,
        deadline: Instant,
    ) -> Result<Option<Item>, Failure> {
        let input = GetItemInput {
            table_name: at.table.to_owned(),
            key: at.key(),
            consistent_read: Some(consistent),
            ..GetItemInput::default()
        };
        let output: GetItemOutput = self.call("GetItem", &input, deadline)?;
        output.item.map(readable).transpose()
    }

    /// `PutItem` under a condition; a refusal brings the item that was there.
    pub(crate) fn put_item(
        &self,
        table: &str,
        item: &Item,
        condition: Condition,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let (condition_expression, expression_attribute_names, expression_attribute_values) =
            condition.into_rusoto();
        let input = PutItemInput {
            table_name: table.to_owned(),
            item: copied_to_rusoto(item),
            condition_expression,
            expression_attribute_names,
            expression_attribute_values,
            ..PutItemInput::default()
        };
        let _: PutItemOutput = self.call("PutItem", &TellingOld::new(&input), deadline)?;
        Ok(())
    }

    /// `DeleteItem`: whatever is there, or under a condition; a refusal brings the item.
    pub(crate) fn delete_item(
        &self,
        at: Address<'_>,
        condition: Option<Condition>,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let (condition_expression, expression_attribute_names, expression_attribute_values) =
            condition.map(Condition::into_rusoto).unwrap_or_default();
        let input = DeleteItemInput {
            table_name: at.table.to_owned(),
            key: at.key(),
            condition_expression,
            expression_attribute_names,
            expression_attribute_values,
            ..DeleteItemInput::default()
        };
        let _: DeleteItemOutput = self.call("DeleteItem", &TellingOld::new(&input), deadline)?;
        Ok(())
    }

    /// Gives an item that another tool wrote its first fence, in place, and returns the item.
    ///
    /// Only for items too wide to compare attribute by attribute in a condition.
    pub(crate) fn adopt(
        &self,
        at: Address<'_>,
        layout: &Layout,
        found: &Item,
        mark: Value,
        deadline: Instant,
    ) -> Result<Option<Item>, Failure> {
        let mut condition = Condition::default();
        let key = condition.name(at.key_name);
        let fence = condition.name(layout.fence_attribute());
        let unchanged = match found.get(layout.fence_attribute()) {
            None => format!("attribute_not_exists({fence})"),
            Some(malformed) => {
                let malformed = condition.value(malformed.clone());
                format!("{fence} = {malformed}")
            }
        };
        condition.expression = format!("attribute_exists({key}) AND {unchanged}");
        let mark = condition.value(mark);
        let (condition_expression, expression_attribute_names, expression_attribute_values) =
            condition.into_rusoto();
        let input = UpdateItemInput {
            table_name: at.table.to_owned(),
            key: at.key(),
            update_expression: Some(format!("SET {fence} = {mark}")),
            condition_expression,
            expression_attribute_names,
            expression_attribute_values,
            return_values: Some("ALL_NEW".to_owned()),
            ..UpdateItemInput::default()
        };
        let output: UpdateItemOutput = self.call("UpdateItem", &input, deadline)?;
        output.attributes.map(readable).transpose()
    }
}

pub(super) fn readable(item: HashMap<String, AttributeValue>) -> Result<Item, Failure> {
    item_from_rusoto(item).ok_or_else(|| {
        Failure::Final(Cause::of_transport(
            "the item has an attribute of a type that this version of the crate does not know",
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::envelope::{Encoding, WRITES};

    fn layout(key_name: &str) -> Layout {
        Layout::new(Encoding::Native, key_name)
    }

    #[test]
    fn conditions_of_the_three_fences() {
        let missing = Condition::of_fence(&layout("atom/id"), &Fence::Missing);
        assert_eq!(missing.expression, "attribute_not_exists(#0)");
        assert_eq!(missing.names["#0"], "atom/id");
        assert_eq!(missing.into_rusoto().2, None);

        let ours = Condition::of_fence(&layout("atom/id"), &Fence::Is(Value::B(vec![7; 8])));
        assert_eq!(ours.expression, "#0 = :0");
        assert_eq!(ours.names["#0"], WRITES);
        assert_eq!(ours.values[":0"], Value::B(vec![7; 8]));

        let attributes = Item::from([("a".to_owned(), Value::Null(true))]);
        let foreign = Condition::of_fence(&layout("id"), &Fence::Foreign(attributes));
        assert_eq!(
            foreign.expression,
            "attribute_exists(#0) AND attribute_not_exists(#1) AND #2 = :0"
        );
        assert_eq!(foreign.names["#2"], "a");

        let malformed = Item::from([(WRITES.to_owned(), Value::Null(true))]);
        let malformed = Condition::of_fence(&layout("id"), &Fence::Foreign(malformed));
        assert_eq!(malformed.expression, "attribute_exists(#0) AND #1 = :0");
    }

    #[test]
    fn the_newer_field_lies_beside_rusotos_own() {
        let input = PutItemInput { table_name: "t".into(), ..PutItemInput::default() };
        let json = serde_json::to_value(TellingOld::new(&input)).unwrap();
        assert_eq!(json["TableName"], "t");
        assert_eq!(json["ReturnValuesOnConditionCheckFailure"], "ALL_OLD");
    }
}
