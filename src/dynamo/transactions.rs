//! Requests about several items at once, all or none.

use std::time::Instant;

use rusoto_dynamodb::{
    ConditionCheck, Delete, Get, Put, TransactGetItem, TransactGetItemsInput,
    TransactGetItemsOutput, TransactWriteItem, TransactWriteItemsInput, TransactWriteItemsOutput,
};

use super::answer::{Cause, Failure};
use super::items::{Address, Condition, WireCondition, readable};
use super::wire::item_to_rusoto;
use super::{Dynamo, to_body};
use crate::codec::envelope::Item;

/// What a transaction does with one item whose condition holds.
#[derive(Debug)]
pub(crate) enum Action {
    Put(Item),
    Delete,
    /// Nothing: it only has to be as it was.
    Check,
}

/// One item of a transaction.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) at: Address<'a>,
    pub(crate) action: Action,
    pub(crate) condition: Condition,
}

/// A transaction as it is sent: the same bytes every time, for its token stands for them.
#[derive(Debug)]
pub(crate) struct TransactWrite {
    body: Vec<u8>,
}

impl TransactWrite {
    /// The token is at most 36 bytes, and new for each transaction.
    pub(crate) fn new(token: String, parts: Vec<Part<'_>>) -> Result<Self, Failure> {
        let input = TransactWriteItemsInput {
            client_request_token: Some(token),
            transact_items: parts.into_iter().map(to_wire).collect(),
            ..TransactWriteItemsInput::default()
        };
        Ok(Self { body: to_body(&input)? })
    }
}

fn to_wire(Part { at, action, condition }: Part<'_>) -> TransactWriteItem {
    let (expression, expression_attribute_names, expression_attribute_values): WireCondition =
        condition.into_rusoto();
    let table_name = at.table.to_owned();
    let return_values_on_condition_check_failure = Some("ALL_OLD".to_owned());
    let mut wire = TransactWriteItem::default();
    match action {
        Action::Put(item) => {
            wire.put = Some(Put {
                table_name,
                item: item_to_rusoto(item),
                condition_expression: expression,
                expression_attribute_names,
                expression_attribute_values,
                return_values_on_condition_check_failure,
            });
        }
        Action::Delete => {
            wire.delete = Some(Delete {
                table_name,
                key: at.key(),
                condition_expression: expression,
                expression_attribute_names,
                expression_attribute_values,
                return_values_on_condition_check_failure,
            });
        }
        Action::Check => {
            wire.condition_check = Some(ConditionCheck {
                table_name,
                key: at.key(),
                condition_expression: expression.unwrap_or_default(),
                expression_attribute_names,
                expression_attribute_values,
                return_values_on_condition_check_failure,
            });
        }
    }
    wire
}

impl Dynamo {
    /// `TransactWriteItems`: all of it, or nothing and the [reasons](Failure::Canceled).
    pub(crate) fn transact_write(
        &self,
        write: &TransactWrite,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let _: TransactWriteItemsOutput =
            self.call_with("TransactWriteItems", write.body.clone(), deadline)?;
        Ok(())
    }

    /// `TransactGetItems`: these items as they were together at one moment, in this order.
    pub(crate) fn transact_get(
        &self,
        items: &[Address<'_>],
        deadline: Instant,
    ) -> Result<Vec<Option<Item>>, Failure> {
        let get = |at: &Address<'_>| TransactGetItem {
            get: Get { table_name: at.table.to_owned(), key: at.key(), ..Get::default() },
        };
        let input = TransactGetItemsInput {
            transact_items: items.iter().map(get).collect(),
            ..TransactGetItemsInput::default()
        };
        let output: TransactGetItemsOutput = self.call("TransactGetItems", &input, deadline)?;
        let answers = output.responses.unwrap_or_default();
        if answers.len() != items.len() {
            return Err(Failure::InDoubt(Cause::of_transport(format!(
                "{} items were asked for, and {} were answered",
                items.len(),
                answers.len()
            ))));
        }
        answers.into_iter().map(|answer| answer.item.map(readable).transpose()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Value;
    use crate::codec::envelope::{Encoding, Fence, Layout};

    #[test]
    fn each_part_carries_its_condition_and_asks_for_the_item() {
        let layout = Layout::new(Encoding::Native, "id");
        let part = |key, action, fence: &Fence| Part {
            at: Address { table: "t", key_name: "id", key },
            action,
            condition: Condition::of_fence(&layout, fence),
        };
        let item = Item::from([("id".to_owned(), Value::S("a".to_owned()))]);
        let fence = Fence::Is(Value::B(vec![7; 8]));
        let parts = vec![
            part("a", Action::Put(item), &Fence::Missing),
            part("b", Action::Check, &fence),
            part("c", Action::Delete, &fence),
        ];
        let write = TransactWrite::new("token".to_owned(), parts).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&write.body).unwrap();
        assert_eq!(json["ClientRequestToken"], "token");
        let parts = &json["TransactItems"];
        for (n, name) in ["Put", "ConditionCheck", "Delete"].into_iter().enumerate() {
            let part = &parts[n][name];
            assert_eq!(part["TableName"], "t");
            assert_eq!(part["ReturnValuesOnConditionCheckFailure"], "ALL_OLD");
            assert!(part["ConditionExpression"].is_string());
            assert_eq!(parts[n].as_object().unwrap().len(), 1);
        }
        assert_eq!(parts[0]["Put"]["Item"]["id"]["S"], "a");
        assert_eq!(parts[1]["ConditionCheck"]["Key"]["id"]["S"], "b");
        assert_eq!(parts[2]["Delete"]["ConditionExpression"], "#0 = :0");
    }
}
