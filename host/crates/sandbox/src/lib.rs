//! The sandbox: tenants' components under limits that the host holds.
//!
//! This is the only package that names wasmtime. It compiles a component in a
//! child process, keeps the compiled code for the next start, and runs each
//! case in a fresh instance that can reach nothing but the [`imports`] it was
//! granted. What those do is the business of whoever implements the traits;
//! a provider's wire protocol is not known here.
//!
//! A component passes these modules in their order: [`upload`] reads its
//! structure (a [`refusal`] says what is wrong with it), [`compile`] makes code of it, [`sandbox`] links it, [`tenant`]
//! binds it to grants and imports, and `guest` is one instance at work.

#![warn(missing_docs)]
#![deny(unsafe_code)]

pub mod compile;
pub mod refusal;
pub mod upload;

pub mod engine;
pub mod sandbox;

pub mod imports;
pub mod tenant;

mod bindings;
mod convert;
mod desk;
mod exports;
mod failure;
mod guest;
mod handed;
mod meter;
mod recorder;
mod wasi;

pub use imports::{CallSite, Directive, Imports};
pub use sandbox::Sandbox;
pub use tenant::{Attempt, GuestRun, Tenant};
