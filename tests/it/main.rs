//! Integration tests, one binary.

mod cli;
mod config;
mod explain;
mod layers;
mod learn;
mod limits;
mod operate;
mod profile_keys;
mod profiles;
mod replay;
mod restart;
mod robust;
mod schemas;
mod store;
mod tape;
mod torture;
