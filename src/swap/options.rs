//! How a swap behaves: its time, its tries, and what it lets through.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::retry::Backoff;

type Validator<T> = Arc<dyn Fn(&T) -> anyhow::Result<()> + Send + Sync>;

/// How the swaps of one [`ItemAtom`](crate::ItemAtom) behave; set with
/// [`with_options`](crate::ItemAtom::with_options).
///
/// ```
/// use std::time::Duration;
/// use faraday_atom::{Atom, Error, SwapOptions, Table};
///
/// # fn main() -> faraday_atom::Result<()> {
/// # #[cfg(feature = "embedded")] {
/// # let table = Table::builder("my-atoms").embedded_in_memory().open()?;
/// # table.ensure()?;
/// let options = SwapOptions::new()
///     .timeout(Duration::from_secs(5))
///     .validator(|stock: &i64| *stock >= 0);
/// let stock = table.atom::<i64>("stock").with_options(options);
/// stock.reset(3)?;
/// assert!(matches!(stock.swap(|n| n.unwrap_or(0) - 4), Err(Error::Rejected { .. })));
/// assert_eq!(stock.get()?, Some(3));
/// # }
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
pub struct SwapOptions<T> {
    /// The time for a whole swap: the closure, the network and the waits. 30 seconds by default.
    pub timeout: Duration,
    /// How often other writers may win before the swap ends in
    /// [`Contention`](crate::Error::Contention). No limit by default.
    pub max_attempts: Option<u32>,
    /// Waits of a swap that has lost to writers of other processes many times in a row: up to
    /// 2 ms at first, doubling, up to 250 ms at most.
    ///
    /// The first 64 times it tries again at once, on what the refusal showed: it is those who
    /// have just won who make way, for a few round trips, so that every process has its turn.
    pub backoff: Backoff,
    /// Whether a swap whose new value is stored as the old one is writes nothing. On by default.
    pub discard_no_op: bool,
    /// How long what is written lives. What is there keeps its lifetime by default.
    pub lifetime: Lifetime,
    validator: Option<Validator<T>>,
}

/// How long a value lives that a swap, a `reset` or a `compare_and_set` writes; part of
/// [`SwapOptions`].
///
/// A value that has expired is as if removed, for every reader and writer, from the second in
/// which it does; DynamoDB deletes the item some time later. See
/// [the chapter](crate::docs::encoding#lifetimes).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lifetime {
    /// As long as the value that it takes the place of, until the same moment; for ever where
    /// there is none, or it has expired. The default.
    #[default]
    Keep,
    /// This long from now, rounded up to the next whole second. Each write begins anew.
    Renew(Duration),
    /// For ever: a lifetime that the value before had is taken off.
    Forever,
}

impl Lifetime {
    /// When what is written `now` expires, where what is there expires at `kept`.
    pub(crate) fn expires(self, kept: Option<u64>, now: Duration) -> Option<u64> {
        match self {
            Self::Keep => kept,
            Self::Renew(lifetime) => {
                let end = now.saturating_add(lifetime);
                Some(end.as_secs().saturating_add(u64::from(end.subsec_nanos() > 0)))
            }
            Self::Forever => None,
        }
    }
}

impl<T> SwapOptions<T> {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            max_attempts: None,
            backoff: Backoff::new(Duration::from_millis(2), 2.0, Duration::from_millis(250)),
            discard_no_op: true,
            lifetime: Lifetime::Keep,
            validator: None,
        }
    }

    /// Sets [`timeout`](Self::timeout).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets [`max_attempts`](Self::max_attempts). At least one.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// Sets [`backoff`](Self::backoff).
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets [`discard_no_op`](Self::discard_no_op).
    #[must_use]
    pub fn discard_no_op(mut self, discard: bool) -> Self {
        self.discard_no_op = discard;
        self
    }

    /// Every value that is written lives this long from then on, and no longer: sets
    /// [`lifetime`](Self::lifetime) to [`Lifetime::Renew`].
    ///
    /// It counts from the moment at which the closure returns, by this machine's clock. A swap
    /// that leaves the value as it is renews it, though
    /// [`discard_no_op`](Self::discard_no_op) is on. In a table with `Encoding::Edn` every write
    /// ends in [`Config`](crate::Error::Config), before anything is sent.
    ///
    /// ```
    /// use std::time::Duration;
    /// use faraday_atom::{Atom, SwapOptions, Table};
    ///
    /// # fn main() -> faraday_atom::Result<()> {
    /// # #[cfg(feature = "embedded")] {
    /// # let table = Table::builder("my-atoms").embedded_in_memory().open()?;
    /// # table.ensure()?;
    /// let session = table
    ///     .atom::<String>(("session", 7))
    ///     .with_options(SwapOptions::new().lifetime(Duration::from_secs(3600)));
    /// session.reset("anna".to_owned())?;
    /// assert!(session.expires()?.is_some());
    /// # }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Lifetime::Renew(lifetime);
        self
    }

    /// What is written lives for ever: sets [`lifetime`](Self::lifetime) to
    /// [`Lifetime::Forever`], which takes off the lifetime that a value has.
    #[must_use]
    pub fn permanent(mut self) -> Self {
        self.lifetime = Lifetime::Forever;
        self
    }

    /// Every new value must pass `validator`, or the swap ends in
    /// [`Rejected`](crate::Error::Rejected) and nothing is written.
    ///
    /// It returns a `bool`, or a `Result` whose error becomes the reason. It sees what `swap`,
    /// `reset` and `compare_and_set` would write, not removals.
    #[must_use]
    pub fn validator<V>(mut self, validator: impl Fn(&T) -> V + Send + Sync + 'static) -> Self
    where
        V: Into<Validity>,
    {
        self.validator = Some(Arc::new(move |value| validator(value).into().0));
        self
    }

    pub(crate) fn validate(&self, value: &T) -> anyhow::Result<()> {
        self.validator.as_ref().map_or(Ok(()), |validator| validator(value))
    }
}

impl<T> Default for SwapOptions<T> {
    fn default() -> Self {
        Self::new()
    }
}

// Not derived: that would ask for `T: Clone` and `T: Debug`.
impl<T> Clone for SwapOptions<T> {
    fn clone(&self) -> Self {
        Self { validator: self.validator.clone(), ..*self }
    }
}

impl<T> fmt::Debug for SwapOptions<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwapOptions")
            .field("timeout", &self.timeout)
            .field("max_attempts", &self.max_attempts)
            .field("backoff", &self.backoff)
            .field("discard_no_op", &self.discard_no_op)
            .field("lifetime", &self.lifetime)
            .field("validator", &self.validator.is_some())
            .finish()
    }
}

/// What a validator says: made from a `bool`, or from a `Result<(), E>`.
#[derive(Debug)]
pub struct Validity(anyhow::Result<()>);

impl From<bool> for Validity {
    fn from(fine: bool) -> Self {
        Self(if fine { Ok(()) } else { Err(anyhow::anyhow!("the validator returned false")) })
    }
}

impl<E: Into<anyhow::Error>> From<Result<(), E>> for Validity {
    fn from(result: Result<(), E>) -> Self {
        Self(result.map_err(Into::into))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_ends_no_sooner_than_asked() {
        let at = |seconds: f64| Duration::from_secs_f64(seconds);
        for (now, lifetime, expires) in [
            (at(100.0), at(10.0), 110),
            (at(100.9), at(10.0), 111),
            (at(100.0), at(0.25), 101),
            (at(100.5), at(0.5), 101),
            (at(100.0), Duration::ZERO, 100),
            (at(100.0), Duration::MAX, u64::MAX),
        ] {
            assert_eq!(Lifetime::Renew(lifetime).expires(Some(7), now), Some(expires), "{now:?}");
        }
        assert_eq!(Lifetime::Keep.expires(Some(7), at(1.0)), Some(7));
        assert_eq!(Lifetime::Keep.expires(None, at(1.0)), None);
        assert_eq!(Lifetime::Forever.expires(Some(7), at(1.0)), None);
    }
}
