//! Makes the tenant's own data: articles on a world that does not exist, and
//! questions that need two of them. The same bytes each time.
//!
//! ```console
//! $ cargo run -p hotpotqa --example world -- tenants/hotpotqa
//! ```
//!
//! It writes `corpora/wiki.jsonl` and the three splits in `datasets/`. The world
//! has three realms, one for each split: no article that a question of one
//! split needs is needed by a question of another, and each is a distractor to
//! the others.

mod random;
mod realm;
mod text;
mod world;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

fn main() -> std::io::Result<ExitCode> {
    let Some(tenant) = std::env::args_os().nth(1) else {
        writeln!(std::io::stderr(), "usage: world TENANT")?;
        return Ok(ExitCode::from(2));
    };
    for (name, text) in world::files() {
        std::fs::write(Path::new(&tenant).join(name), text)?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests;
