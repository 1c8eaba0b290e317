//! TLS: of every listener, of replicas between each other, and of the command line.

mod authority;
mod calls;
mod cli;
mod identities;
mod refusals;
mod reload;
mod replicas;
mod secured;
mod strangers;
