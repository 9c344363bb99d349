//! What ours is measured against: rusoto's own client, one operation a call, nothing around it.
//!
//! It sends through the same kind of connection as the crate: the crate's own transport, which
//! the benches compile in by path so that nothing of it has to be public. What is compared, then,
//! is what the crate adds to the request that it has to send. rusoto over its own HTTP client,
//! which is what others use, is there as well.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use rusoto_core::credential::StaticProvider;
use rusoto_core::{Client, Region, RusotoError};
use rusoto_dynamodb::{
    AttributeDefinition, AttributeValue, CreateTableInput, DynamoDb as _, DynamoDbClient,
    GetItemInput, KeySchemaElement, PutItemError, PutItemInput,
};

use super::TABLE;
use crate::runtime::Runtime;
use crate::transport::{Embedded, HttpOptions, HttpTransport};

pub(crate) type Item = HashMap<String, AttributeValue>;

/// rusoto's client on some connection.
pub(crate) struct Bare {
    client: DynamoDbClient,
    way: Way,
}

enum Way {
    InPlace,
    /// The crate's runtime and transport.
    Ours(Runtime),
    /// tokio as anybody would set it up for rusoto.
    Tokio(tokio::runtime::Runtime),
}

impl Bare {
    pub(crate) fn embedded(engine: Embedded) -> Self {
        let client = Client::new_not_signing(engine);
        let region = Region::Custom { name: "embedded".into(), endpoint: "http://embedded".into() };
        let bare =
            Self { client: DynamoDbClient::new_with_client(client, region), way: Way::InPlace };
        let key = "atom/id".to_owned();
        let create = CreateTableInput {
            table_name: TABLE.to_owned(),
            billing_mode: Some("PAY_PER_REQUEST".to_owned()),
            attribute_definitions: vec![AttributeDefinition {
                attribute_name: key.clone(),
                attribute_type: "S".to_owned(),
            }],
            key_schema: vec![KeySchemaElement { attribute_name: key, key_type: "HASH".to_owned() }],
            ..CreateTableInput::default()
        };
        let client = bare.client.clone();
        bare.run(async move { client.create_table(create).await }).unwrap();
        bare
    }

    /// Over the crate's transport.
    pub(crate) fn over_ours(url: &str) -> Self {
        let transport = HttpTransport::new(HttpOptions::from_env());
        let client = Client::new_with(provider(), transport);
        Self {
            client: DynamoDbClient::new_with_client(client, region(url)),
            way: Way::Ours(Runtime::start().unwrap()),
        }
    }

    /// Over rusoto's own HTTP client.
    pub(crate) fn over_rusotos(url: &str) -> Self {
        let client = rusoto_core::HttpClient::new().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self {
            client: DynamoDbClient::new_with(client, provider(), region(url)),
            way: Way::Tokio(runtime.unwrap()),
        }
    }

    fn run<F>(&self, work: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match &self.way {
            Way::InPlace => match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(output) => output,
                Poll::Pending => unreachable!("the engine answers in place"),
            },
            Way::Ours(runtime) => runtime.run(None, work).unwrap(),
            Way::Tokio(runtime) => runtime.block_on(work),
        }
    }

    /// One consistent `GetItem`.
    pub(crate) fn get(&self, key: &str) -> Option<Item> {
        let input = GetItemInput {
            table_name: TABLE.to_owned(),
            key: HashMap::from([("atom/id".to_owned(), s(key))]),
            consistent_read: Some(true),
            ..GetItemInput::default()
        };
        let client = self.client.clone();
        self.run(async move { client.get_item(input).await }).unwrap().item
    }

    /// One `PutItem` on the condition that `attribute` is `expected`, or is not there. Whether it
    /// held.
    pub(crate) fn put(
        &self,
        item: Item,
        attribute: &str,
        expected: Option<AttributeValue>,
    ) -> bool {
        let condition = if expected.is_some() { "#0 = :0" } else { "attribute_not_exists(#0)" };
        let input = PutItemInput {
            table_name: TABLE.to_owned(),
            item,
            condition_expression: Some(condition.to_owned()),
            expression_attribute_names: Some(HashMap::from([(
                "#0".to_owned(),
                attribute.to_owned(),
            )])),
            expression_attribute_values: expected
                .map(|old| HashMap::from([(":0".to_owned(), old)])),
            ..PutItemInput::default()
        };
        let client = self.client.clone();
        match self.run(async move { client.put_item(input).await }) {
            Ok(_) => true,
            Err(RusotoError::Service(PutItemError::ConditionalCheckFailed(_))) => false,
            Err(error) => panic!("{error}"),
        }
    }
}

fn region(url: &str) -> Region {
    Region::Custom { name: "local".to_owned(), endpoint: url.to_owned() }
}

fn provider() -> StaticProvider {
    StaticProvider::new_minimal("local".to_owned(), "local".to_owned())
}

pub(crate) fn s(text: &str) -> AttributeValue {
    AttributeValue { s: Some(text.to_owned()), ..AttributeValue::default() }
}

pub(crate) fn n(number: u64) -> AttributeValue {
    AttributeValue { n: Some(number.to_string()), ..AttributeValue::default() }
}

fn b(bytes: &[u8]) -> AttributeValue {
    AttributeValue { b: Some(bytes.to_vec().into()), ..AttributeValue::default() }
}

/// A counter stored as an atom is, written by nothing but conditional puts: the same item and the
/// same condition as a swap's.
pub(crate) struct BareAtom<'a> {
    bare: &'a Bare,
    key: String,
    count: u64,
    writes: Vec<u8>,
}

impl<'a> BareAtom<'a> {
    pub(crate) fn new(bare: &'a Bare, key: &str) -> Self {
        let key = format!("{key}-{:016x}", rand::random::<u64>());
        Self { bare, key, count: 0, writes: Vec::new() }
    }

    pub(crate) fn put(&mut self) {
        let old = (!self.writes.is_empty()).then(|| b(&self.writes));
        self.count += 1;
        let mut writes = rand::random::<u64>().to_be_bytes().to_vec();
        writes.extend(self.writes.iter().take(15 * 8));
        self.writes = writes;
        let item = HashMap::from([
            ("atom/id".to_owned(), s(&self.key)),
            ("atom/value".to_owned(), n(self.count)),
            ("atom/version".to_owned(), n(self.count)),
            ("atom/writes".to_owned(), b(&self.writes)),
        ]);
        assert!(self.bare.put(item, "atom/writes", old), "nobody else writes this item");
    }

    pub(crate) fn get(&self) {
        assert!(self.bare.get(&self.key).is_some());
    }
}
