//! Making, describing and dropping a table.

use std::time::Duration;

use super::Table;
use crate::dynamo::answer::Failure;
use crate::dynamo::{TableInfo, TableOptions};
use crate::error::{Error, Result};
use crate::events::TARGET;
use crate::retry::{Backoff, Effort, Pause, persist};
use crate::store::Store;

/// Between two looks at a table that is being made: DynamoDB takes seconds, an emulator none.
const POLL: Backoff = Backoff::new(Duration::from_millis(50), 1.5, Duration::from_secs(2));

impl Table {
    /// Creates the table, on demand, and waits until it is usable. It must not exist.
    ///
    /// # Errors
    /// [`Service`](Error::Service) with the code `ResourceInUseException` when it exists; those of
    /// [`ensure`](Table::ensure).
    pub fn create(&self) -> Result<()> {
        self.create_with(&TableOptions::default())
    }

    /// As [`create`](Table::create), with other [options](TableOptions).
    ///
    /// # Errors
    /// As [`create`](Table::create).
    pub fn create_with(&self, options: &TableOptions) -> Result<()> {
        let mut effort = self.long_effort(options.wait);
        self.send_create(options, &mut effort)?;
        self.wait_until_active(&mut effort)?;
        self.switch_on_time_to_live(&mut effort);
        Ok(())
    }

    /// Makes sure that the table exists and is usable: creates it, on demand, if it is missing,
    /// waits until it is active, and switches on time-to-live, for the tombstones of removed atoms
    /// and for what has [expired](crate::docs::encoding#lifetimes), where that is allowed and no other attribute has it. Cheap to call at every start: two
    /// requests when all is well.
    ///
    /// # Errors
    /// [`Config`](Error::Config) when a table of that name exists whose key does not fit,
    /// [`Timeout`](Error::Timeout) when it is not usable within
    /// [`wait`](TableOptions::wait), [`Service`](Error::Service) when it may not be created.
    pub fn ensure(&self) -> Result<()> {
        self.ensure_with(&TableOptions::default())
    }

    /// As [`ensure`](Table::ensure), with other [options](TableOptions) for a table that has to be
    /// created. A table that exists is left as it is.
    ///
    /// # Errors
    /// As [`ensure`](Table::ensure).
    pub fn ensure_with(&self, options: &TableOptions) -> Result<()> {
        let mut effort = self.long_effort(options.wait);
        let info = match self.describe_within(&mut effort) {
            Ok(info) if info.is_active() => info,
            Ok(_) => self.wait_until_active(&mut effort)?,
            Err(Error::TableNotFound { .. }) => {
                match self.send_create(options, &mut effort) {
                    // Somebody else was as quick.
                    Err(Error::Service { code, .. }) if code == "ResourceInUseException" => {}
                    other => other?,
                }
                self.wait_until_active(&mut effort)?
            }
            Err(error) => return Err(error),
        };
        self.check_key(&info)?;
        self.switch_on_time_to_live(&mut effort);
        Ok(())
    }

    /// What DynamoDB says of the table. One request.
    ///
    /// # Errors
    /// [`TableNotFound`](Error::TableNotFound), and what any request can meet.
    pub fn describe(&self) -> Result<TableInfo> {
        self.describe_within(&mut self.store.effort())
    }

    /// Deletes the table with everything in it, and waits until it is gone.
    ///
    /// # Errors
    /// [`TableNotFound`](Error::TableNotFound) when there is none, [`Service`](Error::Service)
    /// when it is protected from deletion, [`Timeout`](Error::Timeout) when it is not gone within
    /// five minutes.
    pub fn drop_table(&self) -> Result<()> {
        let mut effort = self.long_effort(TableOptions::default().wait);
        let mut sent = 0;
        let dropped = self.persist("DeleteTable", &mut effort, |deadline| {
            sent += 1;
            self.store.dynamo.delete_table(&self.store.table, deadline)
        });
        match dropped {
            // An earlier send of ours did it, and its reply was lost.
            Err(Error::TableNotFound { .. }) if sent > 1 => return Ok(()),
            other => other?,
        }
        loop {
            match self.describe_within(&mut effort) {
                Err(Error::TableNotFound { .. }) => return Ok(()),
                Ok(info) => self.pause("DeleteTable", &info.status, &mut effort)?,
                Err(error) => return Err(error),
            }
        }
    }

    fn long_effort(&self, wait: Duration) -> Effort<'_> {
        let policy = &self.store.policy;
        Effort::new(&self.store.env, policy, wait, &POLL)
    }

    fn persist<R>(
        &self,
        operation: &'static str,
        effort: &mut Effort<'_>,
        send: impl FnMut(std::time::Instant) -> Result<R, Failure>,
    ) -> Result<R> {
        persist(self.store.subject(None), operation, &self.store.policy, effort, send)
    }

    fn describe_within(&self, effort: &mut Effort<'_>) -> Result<TableInfo> {
        self.persist("DescribeTable", effort, |deadline| {
            self.store.dynamo.describe_table(&self.store.table, deadline)
        })
    }

    fn send_create(&self, options: &TableOptions, effort: &mut Effort<'_>) -> Result<()> {
        let Store { dynamo, table, layout, .. } = &*self.store;
        let mut sent = 0;
        self.persist("CreateTable", effort, |deadline| {
            sent += 1;
            match dynamo.create_table(table, layout.key_attribute(), options, deadline) {
                // An earlier send of ours did it, and its reply was lost.
                Err(Failure::TableInUse(_)) if sent > 1 => Ok(()),
                other => other,
            }
        })
    }

    fn wait_until_active(&self, effort: &mut Effort<'_>) -> Result<TableInfo> {
        loop {
            match self.describe_within(effort) {
                Ok(info) if info.is_active() => return Ok(info),
                Ok(info) => self.pause("CreateTable", &info.status, effort)?,
                // Descriptions are eventually consistent: the new table may not show at once.
                Err(Error::TableNotFound { .. }) => self.pause("CreateTable", "absent", effort)?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits between two looks at a table that changes.
    fn pause(&self, operation: &'static str, status: &str, effort: &mut Effort<'_>) -> Result<()> {
        let table = &self.store.table;
        tracing::debug!(target: TARGET, table, operation, status, "the table is not there yet");
        if effort.pause(Pause::Conflict, self.store.subject(None)) {
            return Ok(());
        }
        Err(Error::Timeout {
            table: self.store.table.clone(),
            key: None,
            operation,
            attempts: effort.requests,
            elapsed: effort.elapsed(),
            last: format!("the table is still {status}"),
        })
    }

    fn check_key(&self, info: &TableInfo) -> Result<()> {
        let (name, kind) = (&*info.key.0, &*info.key.1);
        let sort_key = info.sort_key.as_deref();
        if name == self.store.layout.key_attribute() && kind == "S" && sort_key.is_none() {
            return Ok(());
        }
        let found = match sort_key {
            Some(sort_key) => format!("{name:?} of type {kind} and a sort key {sort_key:?}"),
            None => format!("{name:?} of type {kind}"),
        };
        Err(Error::Config {
            table: self.store.table.clone(),
            message: format!(
                "the table exists with the key {found}, where atoms need {:?} of type S and no \
                 sort key: use another table, or set TableBuilder::key_name",
                self.store.layout.key_attribute()
            ),
        })
    }

    /// Switches on time-to-live for tombstones. Without it they stay, hidden and harmless; so
    /// whoever may not do this, or uses another attribute, is left in peace.
    fn switch_on_time_to_live(&self, effort: &mut Effort<'_>) {
        let Store { dynamo, table, layout, .. } = &*self.store;
        let Some(expires) = layout.expires() else { return };
        let on = self.persist("DescribeTimeToLive", effort, |deadline| {
            dynamo.has_time_to_live(table, deadline)
        });
        if matches!(on, Ok(false)) {
            let _left_off = self.persist("UpdateTimeToLive", effort, |deadline| {
                dynamo.enable_time_to_live(table, expires, deadline)
            });
        }
    }
}
