//! Requests that walk through a whole table: `Scan`.

use std::collections::HashMap;

use rusoto_dynamodb::{ScanInput, ScanOutput};

use super::answer::Failure;
use super::batches::{key_of, keyless, request, text_of};
use super::exchanges::{Answer, Request};
use super::wire::{item_from_rusoto, to_rusoto};
use crate::codec::Value;
use crate::codec::envelope::Item;

/// What one request of a scan asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) table: &'a str,
    pub(crate) key_name: &'a str,
    /// Which segment, of how many.
    pub(crate) segment: (usize, usize),
    /// The key, as it is stored, behind which it begins.
    pub(crate) after: Option<&'a str>,
    pub(crate) consistent: bool,
    /// Only keys that begin like this.
    pub(crate) prefix: Option<&'a str>,
    /// Only these attributes, and the key.
    pub(crate) only: Option<&'a [&'a str]>,
    /// How many items are looked at at most.
    pub(crate) most: Option<u32>,
}

/// A page of a scan.
pub(crate) struct Page {
    /// The items; `None` for one of a type that is newer than this crate.
    pub(crate) items: Vec<(String, Option<Item>)>,
    /// Behind which key the next page begins; `None` when there is none.
    pub(crate) next: Option<String>,
}

/// The request for one page.
pub(crate) fn scan(asked: Asked<'_>) -> Request {
    let mut names = HashMap::new();
    let mut input = ScanInput {
        table_name: asked.table.to_owned(),
        consistent_read: Some(asked.consistent),
        exclusive_start_key: asked.after.map(|key| key_of(asked.key_name, key)),
        limit: asked.most.map(i64::from),
        ..ScanInput::default()
    };
    if asked.segment.1 > 1 {
        input.segment = i64::try_from(asked.segment.0).ok();
        input.total_segments = i64::try_from(asked.segment.1).ok();
    }
    if let Some(prefix) = asked.prefix {
        names.insert("#k".to_owned(), asked.key_name.to_owned());
        let prefix = to_rusoto(Value::S(prefix.to_owned()));
        input.expression_attribute_values = Some(HashMap::from([(":p".to_owned(), prefix)]));
        input.filter_expression = Some("begins_with(#k, :p)".to_owned());
    }
    if let Some(only) = asked.only {
        names.insert("#k".to_owned(), asked.key_name.to_owned());
        let mut wanted = vec!["#k".to_owned()];
        for (n, name) in only.iter().enumerate() {
            wanted.push(format!("#a{n}"));
            names.insert(format!("#a{n}"), (*name).to_owned());
        }
        input.projection_expression = Some(wanted.join(", "));
    }
    input.expression_attribute_names = Some(names).filter(|names| !names.is_empty());
    request("Scan", &input)
}

/// What the answer to a [`scan`] says.
pub(crate) fn scanned(key_name: &str, answer: Answer) -> Result<Page, Failure> {
    let ScanOutput { items, last_evaluated_key, .. } = answer.read()?;
    let items = items.unwrap_or_default().into_iter().map(|item| {
        let key = text_of(&item, key_name).ok_or_else(|| keyless("item"))?;
        Ok((key, item_from_rusoto(item)))
    });
    let last = last_evaluated_key.filter(|key| !key.is_empty());
    let next = last.map(|key| text_of(&key, key_name).ok_or_else(|| keyless("last key")));
    Ok(Page { items: items.collect::<Result<_, Failure>>()?, next: next.transpose()? })
}
