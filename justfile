# Every recipe a person needs. `just` lists them.

_default:
    @just --list

# Run the gate: format, lints, tests, documentation
check:
    .ci/run

# Run the tests
test:
    cargo test --workspace

# Format the sources
fmt:
    cargo fmt --all

# Process the sample inbox, as the README does
demo:
    cargo run --release -- run --show-output docs/inbox -- wc

# Measure the store: add, settle and claim, open, at 1,000 to 1,000,000 items
bench:
    cargo bench -p autoproc-json-store

# Crash the store through longer histories than the tests do (4 takes minutes)
torture length="4":
    AUTOPROC_HISTORY={{length}} cargo test --release -p autoproc-json-store --lib simulation::no_crash -- --nocapture

# Simulate many more runs of the processor than the tests do
simulate seeds="200000":
    AUTOPROC_SIM_SEEDS={{seeds}} cargo test --release -p autoproc-testkit --test simulation

# Open the documentation of the crates
doc:
    cargo doc --workspace --no-deps --open
