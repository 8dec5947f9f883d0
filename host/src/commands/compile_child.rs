//! The process that compiles: this program, started by itself with an
//! argument that no person types.

use std::io;
use std::process::ExitCode;

use fapo_sandbox::compile;

/// Compiles, if that is what this process was started for.
pub(crate) fn run_if_asked() -> Option<ExitCode> {
    let mut args = std::env::args().skip(1);
    if args.next()? != compile::CHILD_ARGUMENT {
        return None;
    }
    let mut number = || args.next()?.parse().ok();
    let (cpu_s, address_bytes) = (number()?, number()?);
    match compile::child(
        cpu_s,
        address_bytes,
        io::stdin().lock(),
        io::stdout().lock(),
    ) {
        Ok(code) => Some(code.into()),
        Err(error) => {
            crate::report::note(&format!("the compiler's pipes broke: {error}"));
            Some(ExitCode::FAILURE)
        }
    }
}
