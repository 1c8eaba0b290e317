//! Sessions that WAHA servers carry, through the whole service: a client of gRPC on one side, stand-ins for
//! WAHA servers on the other.

mod calls;
mod encrypted;
mod failures;
mod kills;
mod linking;
mod many;
mod passing;
mod placing;
mod registration;
mod scene;
mod storm;
mod stream;
mod verdicts;
