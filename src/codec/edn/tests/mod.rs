//! Tests of the EDN room.
#![allow(
    clippy::needless_pass_by_value,
    clippy::items_after_statements,
    clippy::option_option,
    reason = "reads better in tests"
)]
#![allow(clippy::cast_precision_loss, reason = "any float will do")]

mod bridge;
mod equality;
mod formats;
mod items;
mod oracle;
#[cfg(feature = "embedded")]
mod served;
mod strategy;
mod text;
mod wire;
