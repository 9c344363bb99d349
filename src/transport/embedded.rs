//! The embedded engine: DynamoDB's operations on a SQLite file or in memory, answered in place.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use dynoxide::Database;
use dynoxide::errors::DynoxideError;
use rusoto_core::ByteStream;
use rusoto_core::request::{
    DispatchSignedRequest, DispatchSignedRequestFuture, HttpDispatchError, HttpResponse,
};
use rusoto_core::signature::{SignedRequest, SignedRequestPayload};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An engine, and the transport to it. Clones share the engine.
#[derive(Clone)]
pub(crate) struct Embedded {
    engine: Arc<Database>,
}

impl Embedded {
    /// A new, empty database that lives as long as its handles.
    pub(crate) fn in_memory() -> Result<Self, String> {
        let engine = Database::memory().map_err(|error| error.to_string())?;
        Ok(Self { engine: Arc::new(engine) })
    }

    /// The database in this file, which is made when it is missing.
    ///
    /// All handles of one process to one file share one engine: SQLite's lock between engines is
    /// polled, the one within an engine is handed over at once.
    pub(crate) fn file(path: &Path) -> Result<Self, String> {
        static OPEN: OnceLock<Mutex<HashMap<PathBuf, Weak<Database>>>> = OnceLock::new();
        let name = path.to_str().ok_or("the path is not valid UTF-8")?;
        let mut open =
            OPEN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, engine| engine.strong_count() > 0);
        if let Some(engine) =
            path.canonicalize().ok().and_then(|path| open.get(&path)).and_then(Weak::upgrade)
        {
            return Ok(Self { engine });
        }
        let engine = Arc::new(Database::new(name).map_err(|error| error.to_string())?);
        // Only now does the file exist, and has one name whatever way leads to it.
        if let Ok(path) = path.canonicalize() {
            open.insert(path, Arc::downgrade(&engine));
        }
        Ok(Self { engine })
    }

    fn answer(&self, operation: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let db = &*self.engine;
        match operation {
            "GetItem" => run(body, |request| db.get_item(request)),
            "PutItem" => run(body, |request| db.put_item(request)),
            "DeleteItem" => run(body, |request| db.delete_item(request)),
            "UpdateItem" => run(body, |request| db.update_item(request)),
            "BatchGetItem" => run(body, |request| db.batch_get_item(request)),
            "BatchWriteItem" => run(body, |request| db.batch_write_item(request)),
            "TransactWriteItems" => run(body, |request| db.transact_write_items(request)),
            "TransactGetItems" => run(body, |request| db.transact_get_items(request)),
            "Query" => run(body, |request| db.query(request)),
            "Scan" => run(body, |request| db.scan(request)),
            "CreateTable" => run(body, |request| db.create_table(request)),
            "DescribeTable" => run(body, |request| db.describe_table(request)),
            "DeleteTable" => run(body, |request| db.delete_table(request)),
            "DescribeTimeToLive" => run(body, |request| db.describe_time_to_live(request)),
            "UpdateTimeToLive" => run(body, |request| db.update_time_to_live(request)),
            other => refusal("UnknownOperationException", &format!("the embedded engine has no {other}")),
        }
    }
}

fn run<I, O>(
    body: &[u8],
    operation: impl FnOnce(I) -> Result<O, DynoxideError>,
) -> (u16, Vec<u8>)
where
    I: DeserializeOwned,
    O: Serialize,
{
    let request = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return refusal("ValidationException", &unmarked(&error.to_string())),
    };
    match operation(request) {
        Ok(output) => match serde_json::to_vec(&output) {
            Ok(body) => (200, body),
            Err(error) => (500, error.to_string().into_bytes()),
        },
        // What the engine says when another handle dropped the table behind its back.
        Err(error) if error.to_string().contains("no such table") => refusal(
            "ResourceNotFoundException",
            "Cannot do operations on a non-existent table",
        ),
        Err(error) => (error.status_code(), error.to_json().into_bytes()),
    }
}

fn refusal(code: &str, message: &str) -> (u16, Vec<u8>) {
    let body = serde_json::json!({ "__type": code, "message": message });
    (400, body.to_string().into_bytes())
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
        let engine = self.clone();
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
                _ => Default::default(),
            };
            let (status, body) = engine.answer(operation, &body);
            let status = status
                .try_into()
                .map_err(|_| HttpDispatchError::new(format!("impossible status {status}")))?;
            Ok(HttpResponse { status, body: ByteStream::from(body), headers: Default::default() })
        })
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Embedded")
    }
}
