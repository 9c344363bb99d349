//! Requests about many items: `BatchGetItem` and `BatchWriteItem`.

use std::collections::HashMap;

use rusoto_dynamodb::{
    AttributeValue, BatchGetItemInput, BatchGetItemOutput, BatchWriteItemOutput, DeleteRequest,
    KeysAndAttributes, PutRequest, WriteRequest,
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::answer::{Cause, Failure};
use super::exchanges::{Answer, Request};
use super::wire::{item_from_rusoto, item_to_rusoto, to_rusoto};
use crate::codec::Value;
use crate::codec::envelope::Item;

/// The most keys that one `BatchGetItem` takes.
pub(crate) const MOST_READ: usize = 100;
/// The most puts and deletes that one `BatchWriteItem` takes.
pub(crate) const MOST_WRITTEN: usize = 25;
/// The most bytes that they may have, as they are sent: 16 MB for the whole request, of which a
/// little is left for what surrounds them.
pub(crate) const MOST_BYTES: usize = 16 * 1024 * 1024 - 64 * 1024;

/// Of what a `BatchGetItem` asks, the attributes that it wants.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted<'a> {
    Everything,
    /// The key and this one.
    Only(&'a str),
}

/// What a `BatchGetItem` came to.
pub(crate) struct Read {
    /// The items that were found; `None` for one of a type that is newer than this crate.
    pub(crate) items: Vec<(String, Option<Item>)>,
    /// The keys that are to be asked for again.
    pub(crate) unprocessed: Vec<String>,
}

/// A `BatchGetItem` of these keys.
pub(crate) fn read<'k>(
    table: &str,
    key_name: &str,
    keys: impl Iterator<Item = &'k str>,
    consistent: bool,
    wanted: Wanted<'_>,
) -> Request {
    let mut asked = KeysAndAttributes {
        consistent_read: Some(consistent),
        keys: keys.map(|key| key_of(key_name, key)).collect(),
        ..KeysAndAttributes::default()
    };
    if let Wanted::Only(attribute) = wanted {
        asked.projection_expression = Some("#k, #a".to_owned());
        asked.expression_attribute_names = Some(HashMap::from([
            ("#k".to_owned(), key_name.to_owned()),
            ("#a".to_owned(), attribute.to_owned()),
        ]));
    }
    let input = BatchGetItemInput {
        request_items: HashMap::from([(table.to_owned(), asked)]),
        ..BatchGetItemInput::default()
    };
    request("BatchGetItem", &input)
}

/// What the answer to a [`read`] says.
pub(crate) fn read_answered(table: &str, key_name: &str, answer: Answer) -> Result<Read, Failure> {
    let BatchGetItemOutput { responses, unprocessed_keys, .. } = answer.read()?;
    let found = responses.and_then(|mut tables| tables.remove(table)).unwrap_or_default();
    let left = unprocessed_keys.and_then(|mut tables| tables.remove(table));
    let text = |key: &AttributeValueMap| text_of(key, key_name).ok_or_else(|| keyless("item"));
    let items = found
        .into_iter()
        .map(|item| Ok((text(&item)?, item_from_rusoto(item))))
        .collect::<Result<_, Failure>>()?;
    let unprocessed = left.map(|left| left.keys).unwrap_or_default();
    let unprocessed = unprocessed.iter().map(text).collect::<Result<_, _>>()?;
    Ok(Read { items, unprocessed })
}

/// One put or delete of a batch, as it is sent.
#[derive(Debug)]
pub(crate) struct Written(Box<RawValue>);

impl Written {
    /// A put of this whole item.
    pub(crate) fn put(item: Item) -> Result<Self, Failure> {
        let put_request = Some(PutRequest { item: item_to_rusoto(item) });
        Self::new(&WriteRequest { put_request, ..WriteRequest::default() })
    }

    /// A delete of whatever is under this key.
    pub(crate) fn delete(key_name: &str, key: &str) -> Result<Self, Failure> {
        let delete_request = Some(DeleteRequest { key: key_of(key_name, key) });
        Self::new(&WriteRequest { delete_request, ..WriteRequest::default() })
    }

    fn new(request: &WriteRequest) -> Result<Self, Failure> {
        serde_json::value::to_raw_value(request).map(Self).map_err(|error| unwritable(&error))
    }

    /// Its bytes in the request.
    pub(crate) fn size(&self) -> usize {
        self.0.get().len()
    }
}

/// A `BatchWriteItem` of these, of which no two may be of one key.
pub(crate) fn write<'w>(table: &str, written: impl Iterator<Item = &'w Written>) -> Request {
    #[derive(Serialize)]
    struct Input<'a> {
        #[serde(rename = "RequestItems")]
        request_items: HashMap<&'a str, Vec<&'a RawValue>>,
    }
    let written = written.map(|Written(raw)| &**raw).collect();
    request("BatchWriteItem", &Input { request_items: HashMap::from([(table, written)]) })
}

/// The keys that are to be sent again, by the answer to a [`write`].
pub(crate) fn write_answered(
    table: &str,
    key_name: &str,
    answer: Answer,
) -> Result<Vec<String>, Failure> {
    let BatchWriteItemOutput { unprocessed_items, .. } = answer.read()?;
    let left = unprocessed_items.and_then(|mut tables| tables.remove(table)).unwrap_or_default();
    left.into_iter()
        .map(|WriteRequest { put_request, delete_request }| {
            let key = put_request.map(|put| put.item).or(delete_request.map(|delete| delete.key));
            key.and_then(|key| text_of(&key, key_name)).ok_or_else(|| keyless("unprocessed item"))
        })
        .collect()
}

pub(super) type AttributeValueMap = HashMap<String, AttributeValue>;

pub(super) fn key_of(key_name: &str, key: &str) -> AttributeValueMap {
    HashMap::from([(key_name.to_owned(), to_rusoto(Value::S(key.to_owned())))])
}

pub(super) fn text_of(item: &AttributeValueMap, key_name: &str) -> Option<String> {
    item.get(key_name)?.s.clone()
}

pub(super) fn request(operation: &'static str, input: &impl Serialize) -> Request {
    Request { operation, body: serde_json::to_vec(input).map_err(|error| unwritable(&error)) }
}

fn unwritable(error: &serde_json::Error) -> Failure {
    Failure::Final(Cause::of_transport(format!("cannot write the request: {error}")))
}

pub(super) fn keyless(what: &str) -> Failure {
    Failure::InDoubt(Cause::of_transport(format!(
        "an answer of status 200 with an {what} without a key"
    )))
}
