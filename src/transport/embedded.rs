//! The embedded engine: DynamoDB's operations on a SQLite file or in memory, answered in place.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use dynoxide::Database;
use dynoxide::errors::DynoxideError;
use rusoto_core::ByteStream;
use rusoto_core::request::{
    DispatchSignedRequest, DispatchSignedRequestFuture, HttpDispatchError, HttpResponse,
};
use rusoto_core::signature::{SignedRequest, SignedRequestPayload};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// An engine, and the transport to it. Clones share the engine.
#[derive(Clone)]
pub(crate) struct Embedded {
    engine: Arc<Engine>,
}

struct Engine {
    /// The file; `None` for a database in memory.
    file: Option<String>,
    database: RwLock<Database>,
}

impl Embedded {
    /// A new, empty database that lives as long as its handles.
    pub(crate) fn in_memory() -> Result<Self, String> {
        let database = Database::memory().map_err(|error| error.to_string())?;
        Ok(Self { engine: Arc::new(Engine { file: None, database: RwLock::new(database) }) })
    }

    /// The database in this file, which is made when it is missing.
    ///
    /// All handles of one process to one file share one engine: SQLite's lock between engines is
    /// polled, the one within an engine is handed over at once.
    pub(crate) fn file(path: &Path) -> Result<Self, String> {
        static OPEN: OnceLock<Mutex<HashMap<PathBuf, Weak<Engine>>>> = OnceLock::new();
        let name = path.to_str().ok_or("the path is not valid UTF-8")?;
        let mut open =
            OPEN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, engine| engine.strong_count() > 0);
        if let Some(engine) =
            path.canonicalize().ok().and_then(|path| open.get(&path)).and_then(Weak::upgrade)
        {
            return Ok(Self { engine });
        }
        let database = Database::new(name).map_err(|error| error.to_string())?;
        // Only now does the file exist, and has one name whatever way leads to it. The full name
        // is kept, for the program may change its directory.
        let full = path.canonicalize().map_err(|error| error.to_string())?;
        let file = full.to_str().unwrap_or(name).to_owned();
        let engine = Arc::new(Engine { file: Some(file), database: RwLock::new(database) });
        open.insert(full, Arc::downgrade(&engine));
        Ok(Self { engine })
    }
}

impl Embedded {
    /// Tells this engine from every other that is alive.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.engine) as usize
    }
}

impl Engine {
    /// Answers a request, and notices when another process dropped or replaced a table.
    ///
    /// An engine remembers what tables there are and learns of no other's changes. Two signs are
    /// taken for such a change: the table that it remembers is not in the file, and, at each
    /// `DescribeTable`, a fresh look at the file that tells another story. Then the file is opened
    /// anew.
    fn answer(&self, operation: &str, body: &[u8]) -> Answer {
        if operation == "TransactGetItems"
            && self.file.is_some()
            && let Some(answer) = snapshot(&self.database(), body)
        {
            return answer;
        }
        let answer = answer(&self.database(), operation, body);
        let stale = answer.no_such_table || operation == "DescribeTable";
        let Some(file) = self.file.as_deref().filter(|_| stale) else { return answer };
        let Ok(fresh) = Database::new(file) else { return answer };
        let second = self::answer(&fresh, operation, body);
        if second.body != answer.body {
            *self.database.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
        second
    }

    fn database(&self) -> Database {
        self.database.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Answer {
    status: u16,
    body: Vec<u8>,
    /// The engine stumbled over a table that another engine dropped.
    no_such_table: bool,
}

impl Answer {
    fn new(status: u16, body: Vec<u8>) -> Self {
        Self { status, body, no_such_table: false }
    }

    fn refusal(code: &str, message: &str) -> Self {
        let body = serde_json::json!({ "__type": code, "message": message });
        Self::new(400, body.to_string().into_bytes())
    }
}

fn answer(db: &Database, operation: &str, body: &[u8]) -> Answer {
    match operation {
        "GetItem" => run(body, |request| db.get_item(request)),
        "PutItem" => run(body, |request| db.put_item(request)),
        "DeleteItem" => run(body, |request| db.delete_item(request)),
        "UpdateItem" => run(body, |request| db.update_item(request)),
        "BatchGetItem" => run(body, |request| db.batch_get_item(request)),
        "BatchWriteItem" => run(body, |request| db.batch_write_item(request)),
        "TransactGetItems" => run(body, |request| db.transact_get_items(request)),
        "TransactWriteItems" => run(body, |request| db.transact_write_items(request)),
        "Scan" => run(body, |request| db.scan(request)),
        "CreateTable" => run(body, |request| db.create_table(request)),
        "DescribeTable" => run(body, |request| db.describe_table(request)),
        "DeleteTable" => run(body, |request| db.delete_table(request)),
        "DescribeTimeToLive" => run(body, |request| db.describe_time_to_live(request)),
        "UpdateTimeToLive" => run(body, |request| db.update_time_to_live(request)),
        other => Answer::refusal(
            "UnknownOperationException",
            &format!("the embedded engine has no {other}"),
        ),
    }
}

/// `TransactGetItems` on a file that other processes may write to. `None` when it is not answered.
///
/// The engine reads one item after the other, and holds up nobody but its own process meanwhile: no
/// snapshot. Its transactions that write do hold SQLite's lock from beginning to end. So the items
/// are asked for by one that only checks, and checks what no item fulfils: that it is not there. The
/// refusal brings them all.
fn snapshot(db: &Database, body: &[u8]) -> Option<Answer> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "PascalCase")]
    struct Reason {
        code: String,
        item: Option<Json>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "PascalCase")]
    struct Refusal {
        cancellation_reasons: Vec<Reason>,
    }

    let request: Json = serde_json::from_slice(body).ok()?;
    let gets = request["TransactItems"].as_array()?.iter().map(|item| &item["Get"]);
    let check = |get: &Json| {
        let key_name = get["Key"].as_object()?.keys().next()?;
        Some(json!({ "ConditionCheck": {
            "TableName": get["TableName"],
            "Key": get["Key"],
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": { "#key": key_name },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        } }))
    };
    let checks: Vec<Json> = gets.map(check).collect::<Option<_>>()?;
    let count = checks.len();
    let write = json!({ "TransactItems": checks }).to_string();
    let answer = answer(db, "TransactWriteItems", write.as_bytes());
    let mut reasons = match answer.status {
        200 => Vec::new(),
        _ => serde_json::from_slice::<Refusal>(&answer.body).ok()?.cancellation_reasons,
    };
    let told = |reason: &Reason| match reason.code.as_str() {
        "None" => true,
        "ConditionalCheckFailed" => reason.item.is_some(),
        _ => false,
    };
    // Anything else is an error, for which the engine has its own words.
    if answer.status != 200 && (reasons.len() != count || !reasons.iter().all(told)) {
        return None;
    }
    reasons.resize_with(count, Reason::default);
    let response = |Reason { item, .. }| match item {
        Some(item) => json!({ "Item": item }),
        None => json!({}),
    };
    let responses: Vec<Json> = reasons.into_iter().map(response).collect();
    Some(Answer::new(200, json!({ "Responses": responses }).to_string().into_bytes()))
}

fn run<I, O>(body: &[u8], operation: impl FnOnce(I) -> Result<O, DynoxideError>) -> Answer
where
    I: DeserializeOwned,
    O: Serialize,
{
    let request = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => {
            return Answer::refusal("ValidationException", &unmarked(&error.to_string()));
        }
    };
    match operation(request) {
        Ok(output) => match serde_json::to_vec(&output) {
            Ok(body) => Answer::new(200, body),
            Err(error) => Answer::new(500, error.to_string().into_bytes()),
        },
        Err(error) if error.to_string().contains("no such table") => Answer {
            no_such_table: true,
            ..Answer::refusal(
                "ResourceNotFoundException",
                "Cannot do operations on a non-existent table",
            )
        },
        Err(error) => Answer::new(error.status_code(), error.to_json().into_bytes()),
    }
}

/// The engine marks some of its messages for its own server, which takes the marks off.
fn unmarked(message: &str) -> String {
    ["VALIDATION_REQUEST:", "VALIDATION_AS_READ:", "VALIDATION:", "SERIALIZATION:"]
        .iter()
        .find_map(|mark| message.split_once(mark).map(|(_, rest)| rest))
        .unwrap_or(message)
        .to_owned()
}

impl DispatchSignedRequest for Embedded {
    fn dispatch(&self, request: SignedRequest, _: Option<Duration>) -> DispatchSignedRequestFuture {
        let engine = self.engine.clone();
        // Nothing here waits on a socket or a timer: the future is ready at its first poll.
        Box::pin(async move {
            let target = request
                .headers
                .get("x-amz-target")
                .and_then(|values| values.first())
                .map(|value| String::from_utf8_lossy(value).into_owned())
                .unwrap_or_default();
            let operation = target.rsplit('.').next().unwrap_or_default();
            let body = match &request.payload {
                Some(SignedRequestPayload::Buffer(body)) => body.clone(),
                _ => Bytes::new(),
            };
            let Answer { status, body, .. } = engine.answer(operation, &body);
            let status = status
                .try_into()
                .map_err(|_| HttpDispatchError::new(format!("impossible status {status}")))?;
            // The headers' type is of an `http` older than ours, and needs no name here.
            #[allow(clippy::default_trait_access)]
            let headers = Default::default();
            Ok(HttpResponse { status, body: ByteStream::from(body), headers })
        })
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Embedded")
    }
}
