//! WAHA's webhooks: what they come to, what they must not do, and that none is lost.

mod busy_day;
mod import;
mod sender;
mod shuffle;
