//! From settings to a table that can be used.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::aws::{self, Credentials, Place};
use crate::clock::Env;
use crate::codec::envelope::{Encoding, Layout};
#[cfg(feature = "embedded")]
use crate::dynamo::Database;
use crate::dynamo::Dynamo;
use crate::error::{Error, Result};
use crate::retry::RetryPolicy;
use crate::runtime::Runtime;
use crate::store::{Lanes, Store};
use crate::table::Table;
use crate::transport::{HttpOptions, HttpTransport};

/// The settings of a [`Table`], from [`Table::builder`].
///
/// Where the table lies:
///
/// - [`embedded`](Self::embedded) or [`embedded_in_memory`](Self::embedded_in_memory): in this
///   program, without a server;
/// - [`endpoint_url`](Self::endpoint_url): a server such as DynamoDB Local;
/// - none of them: AWS, in the given [`region`](Self::region).
///
/// What is not set comes from the environment: `AWS_REGION`, then `AWS_DEFAULT_REGION`;
/// `AWS_ENDPOINT_URL_DYNAMODB`, then `AWS_ENDPOINT_URL`; `AWS_ACCESS_KEY_ID` with
/// `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`. A region that is set nowhere is an error, never
/// a default: the wrong region is the wrong database. An endpoint on this machine (`localhost`,
/// `127.0.0.1`, `[::1]`) needs neither region nor credentials.
///
/// ```no_run
/// use std::time::Duration;
/// use faraday_atom::Table;
///
/// let local = Table::builder("my-atoms").endpoint_url("http://localhost:8000").open()?;
/// let aws = Table::builder("my-atoms")
///     .region("eu-west-1")
///     .request_timeout(Duration::from_secs(2))
///     .open()?;
/// # Ok::<(), faraday_atom::Error>(())
/// ```
#[must_use = "a builder does nothing until open()"]
#[derive(Clone)]
pub struct TableBuilder {
    name: String,
    key_name: String,
    place: Where,
    region: Option<String>,
    endpoint: Option<String>,
    credentials: Option<Credentials>,
    encoding: Encoding,
    retry: RetryPolicy,
    request_timeout: Duration,
}

#[derive(Clone, Debug)]
enum Where {
    Server,
    #[cfg_attr(not(feature = "embedded"), allow(dead_code))]
    File(PathBuf),
    #[cfg_attr(not(feature = "embedded"), allow(dead_code))]
    Memory,
}

impl TableBuilder {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            key_name: "atom/id".to_owned(),
            place: Where::Server,
            region: None,
            endpoint: None,
            credentials: None,
            encoding: Encoding::default(),
            retry: RetryPolicy::default(),
            request_timeout: Duration::from_secs(5),
        }
    }

    /// The name of the table's partition key. `atom/id` by default.
    pub fn key_name(mut self, key_name: impl Into<String>) -> Self {
        self.key_name = key_name.into();
        self
    }

    /// Keeps the table in a file of this machine, which is made when it is missing. Several
    /// processes may share it.
    #[cfg(feature = "embedded")]
    pub fn embedded(mut self, path: impl Into<PathBuf>) -> Self {
        self.place = Where::File(path.into());
        self
    }

    /// Keeps the table in this process's memory, for as long as a clone of the [`Table`] lives.
    /// Every `open` makes a new, empty database.
    #[cfg(feature = "embedded")]
    pub fn embedded_in_memory(mut self) -> Self {
        self.place = Where::Memory;
        self
    }

    /// The server to talk to: scheme, host and port, such as `http://localhost:8000`.
    pub fn endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// The AWS region, such as `eu-west-1`.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// The access key to sign with, its secret, and the session token if it has one.
    pub fn credentials<S: Into<String>>(
        mut self,
        access_key: impl Into<String>,
        secret_key: impl Into<String>,
        session_token: Option<S>,
    ) -> Self {
        self.credentials = Some(Credentials {
            access_key: access_key.into(),
            secret_key: secret_key.into(),
            session_token: session_token.map(Into::into),
        });
        self
    }

    /// How values and keys lie in the items. [`Encoding::Native`] by default. Whoever shares a
    /// table must agree on it.
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// What requests do when they get no answer, or are throttled.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// The time for one request and its answer, from the first byte to the last. 5 seconds by
    /// default; a request without an answer by then is sent again as [`retry`](Self::retry) says.
    /// The embedded engine answers at once and knows no such limit.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Opens the table. Sends no request: whether the table exists shows at the first use, or at
    /// [`Table::ensure`].
    ///
    /// # Errors
    /// [`Config`](Error::Config) for a setting that is missing or makes no sense, or a file that
    /// cannot be opened; [`Credentials`](Error::Credentials) when there are none.
    pub fn open(self) -> Result<Table> {
        let table = self.name.clone();
        let config = |message| Error::Config { table: table.clone(), message };
        self.check().map_err(config)?;
        let dynamo = match &self.place {
            Where::Server => self.connect()?,
            #[cfg(feature = "embedded")]
            Where::File(path) => {
                let engine = crate::transport::Embedded::file(path).map_err(|error| {
                    config(format!("cannot open the database file {}: {error}", path.display()))
                })?;
                let database = Database::Engine(engine.address());
                Dynamo::in_place(engine, format!("file {}", path.display()), database)
            }
            #[cfg(feature = "embedded")]
            Where::Memory => {
                let engine = crate::transport::Embedded::in_memory().map_err(|error| {
                    config(format!("cannot make a database in memory: {error}"))
                })?;
                let database = Database::Engine(engine.address());
                Dynamo::in_place(engine, "memory".to_owned(), database)
            }
            #[cfg(not(feature = "embedded"))]
            Where::File(_) | Where::Memory => {
                return Err(config(
                    "the crate was built without its feature \"embedded\"".to_owned(),
                ));
            }
        };
        let layout = self.layout();
        Ok(Table::from_store(Store {
            dynamo,
            env: Env::real(),
            policy: self.retry,
            table: self.name,
            layout,
            lanes: Lanes::default(),
        }))
    }

    fn connect(&self) -> Result<Dynamo> {
        let table = || self.name.clone();
        let place = Place::resolve(self.region.clone(), self.endpoint.clone(), &aws::environment)
            .map_err(|message| Error::Config { table: table(), message })?;
        let credentials = match &self.credentials {
            Some(given) => given.clone(),
            None => Credentials::from_environment(&aws::environment, place.on_loopback)
                .map_err(|message| Error::Credentials { table: table(), message })?,
        };
        let runtime = Runtime::start().map_err(|error| Error::Config {
            table: table(),
            message: format!("cannot start the thread that owns the connections: {error}"),
        })?;
        let transport = HttpTransport::new(HttpOptions {
            request_timeout: self.request_timeout,
            ..HttpOptions::from_env()
        });
        Ok(Dynamo::over(transport, runtime, &place, &credentials, self.request_timeout))
    }

    fn layout(&self) -> Layout {
        Layout::new(self.encoding, &self.key_name)
    }

    fn check(&self) -> Result<(), String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if !(3..=255).contains(&self.name.len()) || !self.name.bytes().all(plain) {
            return Err(format!(
                "{:?} is no table name: give 3 to 255 letters, digits, '_', '-' or '.'",
                self.name
            ));
        }
        if !(1..=255).contains(&self.key_name.len()) {
            return Err(format!(
                "the key name is {} bytes long: give 1 to 255",
                self.key_name.len()
            ));
        }
        let layout = self.layout();
        if layout.reserved().contains(&layout.key_attribute()) {
            return Err(format!("the key name {:?} is used for another attribute", self.key_name));
        }
        if self.request_timeout.is_zero() {
            return Err("the request timeout is zero: give some time".to_owned());
        }
        Ok(())
    }
}

/// Shows no secrets.
impl fmt::Debug for TableBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableBuilder")
            .field("name", &self.name)
            .field("key_name", &self.key_name)
            .field("place", &self.place)
            .field("region", &self.region)
            .field("endpoint", &self.endpoint.as_ref().map(|url| aws::without_password(url)))
            .field("credentials", &self.credentials)
            .field("encoding", &self.encoding)
            .field("retry", &self.retry)
            .field("request_timeout", &self.request_timeout)
            .finish()
    }
}
