//! WAHA, a server that speaks REST on one side and WhatsApp on the other: what its notifications mean.

pub mod webhook;
