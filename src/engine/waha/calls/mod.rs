//! The operations, each as calls of WAHA's REST API.

mod attribution;
mod create;
mod echo;
mod invites;
mod lists;
mod names;
mod participants;
mod pictures;
mod reads;
mod requests;
mod sessions;
mod settings;
mod spellings;
mod texts;
