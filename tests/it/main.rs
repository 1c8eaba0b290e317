mod harness;
mod repository;
