//! `fapo:tenant/log`: lines for people.

use fapo_core::trace::Level;

use crate::bindings::fapo::tenant::log::{Host, Level as WitLevel};
use crate::guest::Guest;

impl Host for Guest {
    async fn write(&mut self, level: WitLevel, text: String) -> wasmtime::Result<()> {
        let level = match level {
            WitLevel::Debug => Level::Debug,
            WitLevel::Info => Level::Info,
            WitLevel::Warn => Level::Warn,
            WitLevel::Error => Level::Error,
        };
        self.recorder.log(level, text);
        Ok(())
    }
}
