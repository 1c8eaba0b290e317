mod crash;
mod harness;
mod service;
