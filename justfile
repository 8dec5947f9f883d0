# Thin recipes over cargo; `just` alone lists them.

_list:
    @just --list

# Format, lint, document: what has to be clean before a merge
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy -p fapo-sdk -p quickstart -p hotpotqa -p six-step -p standard-scorer -p guest-hostile --target wasm32-wasip2 -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Run all tests
test:
    cargo test --workspace

# Feed any bytes to BM25 for ten minutes: tokenizer, index_reader, damaged_index or queries
fuzz target:
    cd host/crates/core && cargo +nightly fuzz run {{target}} -- -max_total_time=600

# Take the profile that release builds are made with
profile:
    host/pgo/take

# Run the quickstart
run:
    cargo run --release -- run examples/quickstart

# Write out the contract
wit dir:
    cargo run --release -- wit {{dir}}
