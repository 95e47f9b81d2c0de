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

# Build a static binary, target/dist/autoproc; needs rustup (which adds the target) and a C compiler as the linker
dist target=(arch() + "-unknown-linux-musl"):
    rustup target add {{target}}
    RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked -p autoproc-cli --target {{target}}
    install -D target/{{target}}/release/autoproc target/dist/autoproc

# Make the pictures in docs/pictures again, from real runs; needs python3 with venv, and installs the package pyte in target/pictures
terminal-pictures:
    cargo build --release -p autoproc-cli
    test -x target/pictures/bin/python || python3 -m venv target/pictures
    target/pictures/bin/python -m pip install --quiet pyte==0.8.2
    target/pictures/bin/python app-cli/pictures/draw.py target/release/autoproc docs/pictures

# Measure the store and the guards alone, then autoproc side by side with the tools installed; `quick` only shows that it works
bench mode="full":
    cargo bench -p autoproc-json-store --bench store -- {{ if mode == "quick" { "--max-time 0.1" } else { "" } }}
    cargo bench -p autoproc-subprocess --bench guard
    cargo bench -p autoproc-postgres-store --bench exchange -- {{ if mode == "quick" { "2000" } else { "" } }}
    app-cli/benches/peers.sh {{ if mode == "quick" { "quick" } else { "" } }}

# Measure the PostgreSQL store beside other queues on the same server (needs node, npm, python3, and the programs of PostgreSQL)
bench-queues files="100000":
    mkdir -p target/peers && cp adapters/postgres-store/benches/peers/* target/peers/
    npm install --silent --prefix target/peers graphile-worker@0.17 pg-boss@10
    python3 -m venv target/peers/venv && target/peers/venv/bin/pip install --quiet 'procrastinate==3.*' 'psycopg[binary]==3.*'
    AUTOPROC_PEERS="$PWD/target/peers" cargo bench -p autoproc-postgres-store --bench exchange -- {{files}}

# Score forecasts on a trace of durations (see docs/benchmarks.md); without one, only measure their cost
forecast trace="":
    cargo bench -p autoproc-domain --bench forecast -- {{ if trace == "" { "" } else { quote(absolute_path(trace)) } }}

# Record the durations of six real programs on 260 files, score the forecasts on them, and plant ten files that hang (about four minutes; needs xz, zstd, file and strings)
forecast-trace folder="target/forecast-trace":
    cargo build --release -p autoproc-cli
    app-cli/benches/forecast/record.py target/release/autoproc {{quote(folder)}}
    just forecast {{quote(folder / "trace.csv")}}

# Run real programs that fail in 145 ways, and measure how well `failures` groups them (minutes; docs/benchmarks.md names the packages)
failures-corpus folder="target/failures-corpus":
    cargo build --release -p autoproc-cli
    app-cli/benches/failures/measure.py target/release/autoproc {{quote(folder)}}
    cargo bench -p autoproc-domain --bench signature -- {{quote(absolute_path(folder) / "failures.tsv")}}

# Crash the stores in longer simulated histories, then for real: kills, power cuts, failing calls, full disks, killed runs, servers and machines, orphans (up to an hour)
torture length="4" kills="10000" power_cuts="500" rounds="50":
    AUTOPROC_HISTORY={{length}} AUTOPROC_ALL_BYTES=1 cargo test --release -p autoproc-json-store --lib simulation -- --nocapture
    AUTOPROC_TORTURE_KILLS={{kills}} AUTOPROC_TORTURE_POWER_CUTS={{power_cuts}} AUTOPROC_TORTURE_CROWD=400 \
        AUTOPROC_TORTURE_STRIDE=1 AUTOPROC_TORTURE_ROUNDS={{rounds}} AUTOPROC_TORTURE_FILES=1000 \
        AUTOPROC_TORTURE_POSTMASTER_KILLS=100 AUTOPROC_TORTURE_PROMOTIONS=30 AUTOPROC_TORTURE_MACHINES=30 \
        cargo test --release -p autoproc-cli --test torture
    AUTOPROC_ORPHAN_TRIALS=1000 cargo test --release -p autoproc-subprocess --test orphans
    AUTOPROC_MANY_MACHINES_FILES=3000 cargo test --release -p autoproc-cli --test cli many_machines -- --ignored
    just mutants

# Break the decisions of the stores one by one, and see that their tests notice (some minutes; needs the programs of PostgreSQL)
mutants:
    cargo test -p autoproc-json-store --test mutants -- --ignored --nocapture
    cargo test -p autoproc-postgres-store --test mutants -- --ignored --nocapture

# Test the queue in a database on each supported version of the server, from npm (as root, the user nobody must be able to read target/)
postgres-versions versions="14.23.0-beta.17 15.18.0-beta.17 16.14.0-beta.17 17.10.0-beta.17 18.4.0-beta.17":
    #!/usr/bin/env bash
    set -euo pipefail
    package=@embedded-postgres/linux-{{ if arch() == "aarch64" { "arm64" } else { "x64" } }}
    for version in {{versions}}; do
        folder="$PWD/target/postgres/$version"
        npm install --silent --prefix "$folder" "$package@$version"
        export AUTOPROC_REQUIRE_POSTGRES=1 AUTOPROC_TEST_POSTGRES="$folder/node_modules/$package/native/bin"
        cargo test -p autoproc-postgres-store --test store
        cargo test -p autoproc-cli --test cli postgres
    done

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
