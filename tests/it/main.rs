//! Integration tests, one binary.

mod cli;
mod config;
mod explain;
mod layers;
mod replay;
mod robust;
mod schemas;
mod torture;
