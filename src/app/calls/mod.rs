//! How a call runs: a read is admitted, what is asked of WhatsApp is asked once, and a command is carried out at most
//! once for each request id.

mod believed;
mod context;
mod join;
mod members;
mod mutate;
mod prepared;
mod reads;
pub(super) mod reservations;
mod single_flight;

use mutate::CallsInFlight;
pub use mutate::Mutation;
pub(super) use mutate::perform;
use reservations::Abandoned;
pub use single_flight::Known;
pub(super) use single_flight::SingleFlightCache;

/// What runs now, and what of it may have left a trace.
#[derive(Debug, Default)]
pub(super) struct Calls {
    in_flight: CallsInFlight,
    abandoned: Abandoned,
}
