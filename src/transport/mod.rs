//! The transport: how a signed request gets to a server and the answer back.
//!
//! [`HttpTransport`] is one of rusoto's `DispatchSignedRequest`s. It sends each request exactly
//! once or not at all, and says which of the two a failure was ([`WireFailure`]): the swap
//! protocol rests on that difference.

mod dial;
#[cfg(feature = "embedded")]
mod embedded;
mod failure;
mod http;
mod pool;
mod proxy;
mod request;
mod tls;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

#[cfg(feature = "embedded")]
pub(crate) use embedded::Embedded;
pub(crate) use failure::{WireFailure, failure_of};
pub(crate) use http::{HttpOptions, HttpTransport};
