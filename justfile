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

# Measure the store and the guards alone, then autoproc side by side with the tools installed; `quick` only shows that it works
bench mode="full":
    cargo bench -p autoproc-json-store --bench store -- {{ if mode == "quick" { "--max-time 0.1" } else { "" } }}
    cargo bench -p autoproc-subprocess --bench guard
    app-cli/benches/peers.sh {{ if mode == "quick" { "quick" } else { "" } }}

# Crash the store in longer simulated histories, then for real: kills, power cuts, failing calls, full disks, killed runs, orphans (up to an hour)
torture length="4" kills="10000" power_cuts="500" rounds="50":
    AUTOPROC_HISTORY={{length}} AUTOPROC_ALL_BYTES=1 cargo test --release -p autoproc-json-store --lib simulation -- --nocapture
    AUTOPROC_TORTURE_KILLS={{kills}} AUTOPROC_TORTURE_POWER_CUTS={{power_cuts}} AUTOPROC_TORTURE_CROWD=400 \
        AUTOPROC_TORTURE_STRIDE=1 AUTOPROC_TORTURE_ROUNDS={{rounds}} AUTOPROC_TORTURE_FILES=1000 cargo test --release -p autoproc-cli --test torture
    AUTOPROC_ORPHAN_TRIALS=1000 cargo test --release -p autoproc-subprocess --test orphans
    just mutants

# Break the store's decisions one by one, and see that its tests notice (some minutes)
mutants:
    cargo test -p autoproc-json-store --test mutants -- --ignored --nocapture

# Fuzz a file that is read back (adapters/json-store/fuzz/fuzz_targets); needs cargo-fuzz and a nightly toolchain
fuzz target="snapshot" seconds="60":
    cd adapters/json-store && cargo +nightly fuzz run --sanitizer none --target-dir ../../target/fuzz {{target}} -- \
        -max_total_time={{seconds}} -max_len=4096

# Simulate many more runs of the processor than the tests do
simulate seeds="200000":
    AUTOPROC_SIM_SEEDS={{seeds}} cargo test --release -p autoproc-testkit --test testkit simulation

# Open the documentation of the crates
doc:
    cargo doc --workspace --no-deps --open
