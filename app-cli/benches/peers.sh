#!/usr/bin/env bash
# Measures autoproc side by side with the tools people would use instead, and prints Markdown tables on standard output.
#
# Usage: app-cli/benches/peers.sh [quick] [--before BINARY] [--rounds N]
#
#   quick             a hundredth of the jobs, two rounds: shows that the script works, not how fast anything is
#   --before BINARY   measures a second autoproc, say of the commit before, in the same rounds
#   --rounds N        rounds of each scenario, 4 by default
#
# Each round visits every tool once, in an order that changes from round to round, each in a fresh folder on the disk that
# holds target/. A ratio is the median of the ratios within the rounds, so that a slow spell of the machine affects both
# sides of it. Tools that are not installed are left out, except hyperfine, rustc and GNU time, which are required.
set -euo pipefail
cd "$(dirname "$0")/../.."

divisor=1 rounds=4 before=
while [ $# -gt 0 ]; do
    case $1 in
        quick) divisor=100 rounds=2 ;;
        --before) before=$(realpath "$2") && shift ;;
        --rounds) rounds=$2 && shift ;;
        *) sed -n '4,8s/^# \?//p' "$0" >&2 && exit 2 ;;
    esac
    shift
done

has() { command -v "$1" >/dev/null; }
say() { printf '%s\n' "$*" >&2; }
for tool in hyperfine rustc /usr/bin/time; do
    has "$tool" && continue
    say "$tool is missing: apt-get install hyperfine make moreutils parallel task-spooler time; rustc: https://rustup.rs"
    exit 69
done

cargo build --release --quiet --package autoproc-cli
target=$(realpath "${CARGO_TARGET_DIR:-target}")
mkdir -p "$target/tmp"
root=$(mktemp -d "$target/tmp/peers-XXXX")
trap 'rm -rf "$root"' EXIT
declare -A binary=([autoproc]=$target/release/autoproc [before]=$before)
ours=(autoproc ${before:+before})

# Debian renames one program if both are installed. GNU parallel takes `-- argument` for a part of the command.
moreutils=
for program in parallel.moreutils parallel; do
    if has $program && ! $program -j 1 false -- argument </dev/null 2>/dev/null; then moreutils=$program && break; fi
done
peers=(xargs)
if has make; then peers+=(make); fi
if [ -n "$moreutils" ]; then peers+=(moreutils); fi
if has parallel && [ "$moreutils" != parallel ]; then peers+=(gnu-parallel); fi
if has tsp; then peers+=(task-spooler); fi
if has pueued; then peers+=(pueue); fi

# visit ROUND FUNCTION TOOL...: calls FUNCTION TOOL ROUND for each tool, in an order of the round's own.
visit() {
    local round=$1 call=$2 i
    shift 2
    local step=$((round % 2 ? $# - 1 : 1))
    for ((i = 0; i < $#; i++)); do "$call" "${@:$(((round + i * step) % $# + 1)):1}" "$round"; done
}

fresh() { mktemp -d "$root/place-XXXX"; }

# paths COUNT WORD: a file with that many paths of 60 bytes.
paths() {
    local list=$root/$2-$1.list
    [ -e "$list" ] || seq -f "/srv/archive/recordings/2026/$2-%012.0f/audio.wav" "$1" >"$list"
    echo "$list"
}

middle() { sort -g | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }

# seconds COMMAND [RUNS]: the median time of a command line. With RUNS there is no shell, and {run} counts them.
seconds() {
    local options=(--shell none --parameter-scan run 1 "${2:-1}")
    if [ -z "${2:-}" ]; then options=(--command-name x); fi
    hyperfine --style none --runs 1 "${options[@]}" --export-json "$root/times" "$1" >/dev/null 2>"$root/errors" || {
        cat "$root/errors" >&2
        return 1
    }
    sed -n 's/^ *"median": \([^,]*\),$/\1/p' "$root/times" | middle
}

# sample SCENARIO TOOL ROUND SECONDS [JOBS]: records the time of one job.
sample() {
    awk -v s="$4" -v jobs="${5:-1}" -v key="$1|$2|$3" 'BEGIN { printf "%s|%.9f\n", key, s / jobs }' >>"$root/samples"
    say "$1, round $3: $2 $4 s"
}

# fill TOOL FOLDER LIST: queues the paths in a file.
fill() { "${binary[$1]}" --project-dir "$2" queue add --from-file "$3" >/dev/null 2>&1; }

# prepare TOOL FOLDER: makes $line, which runs $work on the paths in $list, $at_once at a time; $after ends a server.
prepare() {
    local path pueue="pueue -c $2/pueue.yml"
    after=:
    case $1 in
        autoproc | before)
            fill "$1" "$2" "$list"
            line="${binary[$1]} --project-dir $2 run -q --no-wait -j $at_once -- $work" ;;
        xargs) line="xargs -P $at_once -n 1 $work <$list" ;;
        make)
            awk -v work="$work" '{ all = all " j" NR; rules = rules "j" NR ":\n\t@" work " " $0 "\n" }
                END { print "all:" all; print rules }' "$list" >"$2/Makefile"
            line="make --silent -j $at_once -f $2/Makefile" ;;
        moreutils) line="$moreutils -j $at_once $work -- \$(cat $list)" ;;
        gnu-parallel)
            line="parallel --will-cite --joblog $2/log --retries 3 --timeout 300 -j $at_once -a $list $work {}"
            line="PARALLEL_HOME=$2 $line" ;;
        task-spooler)
            export TS_SOCKET=$2/socket TMPDIR=$2 TS_SLOTS=1
            tsp -n sh -c "until [ -e $2/gate ]; do sleep 0.01; done" >/dev/null
            while read -r path; do tsp -n $work "$path"; done <"$list" >/dev/null
            line="tsp -S $at_once; touch $2/gate; tsp -w" after="tsp -K" ;;
        pueue)
            printf '%s\n' "client: {}" "daemon: {}" "shared:" "  pueue_directory: $2" "  runtime_directory: $2" \
                "  use_unix_socket: true" "  unix_socket_path: $2/socket" >"$2/pueue.yml"
            pueued -c "$2/pueue.yml" >/dev/null 2>&1 &
            until $pueue status >/dev/null 2>&1; do sleep 0.1; done
            { $pueue pause && $pueue parallel "$at_once"; } >/dev/null
            while read -r path; do $pueue add -- "$work $path"; done <"$list" >/dev/null
            line="$pueue start && $pueue wait --all --quiet" after="$pueue shutdown" ;;
    esac
}

# timed SCENARIO TOOL ROUND JOBS
timed() {
    local folder
    folder=$(fresh)
    prepare "$2" "$folder"
    sync
    sample "$1" "$2" "$3" "$(seconds "$line")" "$4"
    $after >/dev/null
    unset TS_SOCKET TMPDIR
    rm -rf "$folder"
}

# drain TOOL ROUND: jobs that do nothing. Tools that take minutes, or cannot hold more, get fewer.
drain() {
    local jobs=$((10000 / divisor)) most
    case $1 in gnu-parallel) most=5000 ;; task-spooler) most=900 ;; pueue) most=200 ;; *) most=$jobs ;; esac
    if [ "$jobs" -gt "$most" ]; then jobs=$most; fi
    list=$(paths "$jobs" drain) work=/bin/true
    timed "/bin/true, $at_once at a time" "$1" "$2" "$jobs"
}

# compress TOOL ROUND: real files. Each is read before, so that no tool is the one that fills the page cache.
compress() {
    rm -f "$root"/texts/*.gz
    cat "$root"/texts/* >/dev/null
    list=$root/texts.list work="gzip -9 -k" at_once=2
    timed "gzip -9, 2 at a time" "$1" "$2" "$(wc -l <"$list")"
}

# texts COUNT: files of 50 to 200 KB, cut from words and numbers in an order that is random and always the same.
texts() {
    local number start length
    mkdir "$root/texts"
    awk 'BEGIN { srand(1); n = split("queue of files the and night harbour letters a under seven quietly to mountain", w, " ")
        while (i++ < 900000) printf "%s ", rand() < 0.2 ? int(rand() * 1000000) : w[int(rand() * n) + 1] }' >"$root/pool"
    awk -v n="$1" 'BEGIN { srand(2); while (i++ < n) print i, int(rand() * 4e6) + 1, int(5e4 + rand() * 15e4) }' |
        while read -r number start length; do
            { tail -c "+$start" "$root/pool" || true; } 2>/dev/null | head -c "$length" >"$root/texts/$number.txt"
            echo "$root/texts/$number.txt"
        done >"$root/texts.list"
}

# add TARGET ROUND: one process for each file. A target is a program, or one of ours and the length of its queue.
add() {
    local folder name length
    folder=$(fresh)
    read -r name length <<<"$1"
    case $name in
        /bin/true) line=/bin/true ;;
        least) line="$root/least $folder/file" ;;
        *)
            mkdir -p "$folder/.claude/mission-control"
            if [ "$length" != 0 ]; then fill "$name" "$folder" "$(paths "$length" long)"; fi
            line="${binary[$name]} --project-dir $folder queue add /srv/archive/recordings/2026/single-{run}/audio.wav" ;;
    esac
    sync
    sample "one add" "$1" "$2" "$(seconds "$line" $((divisor == 1 ? 100 : 10)))"
    rm -rf "$folder"
}

# million TOOL ROUND: a long queue. The run is asked to stop after four seconds.
million() {
    local folder count=$((1000000 / divisor)) ours
    folder=$(fresh) ours="${binary[$1]} --project-dir"
    sync
    sample "$count paths added" "$1" "$2" "$(seconds "$ours $folder queue add --from-file $(paths "$count" long)")"
    sample "queue size of $count" "$1" "$2" "$(seconds "$ours $folder queue size")"
    /usr/bin/time -f "$1 %M" -a -o "$root/peaks" timeout -s INT 4 $ours "$folder" run -q -j 2 -- /bin/true || true
    rm -rf "$folder"
}

# report REFERENCE SCENARIO: medians, and the median of the ratios to the reference's time.
report() {
    printf '\n### %s\n\n| | median | per second | lowest to highest | time ÷ %s |\n| --- | --- | --- | --- | --- |\n' "$2" "$1"
    awk -F'|' -v reference="$1" -v scenario="$2" '
        function median(list,   v, n, i, j, t) {
            n = split(list, v, " ")
            for (i = 2; i <= n; i++)
                for (j = i; j > 1 && v[j] + 0 < v[j - 1] + 0; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
            low = v[1]; high = v[n]
            return (v[int((n + 1) / 2)] + v[int(n / 2) + 1]) / 2
        }
        function span(s) { return s < 1 ? sprintf("%.3f ms", s * 1000) : sprintf("%.2f s", s) }
        $1 == scenario { if (!($2 in all)) tool[++tools] = $2; all[$2] = all[$2] " " $4; at[$2, $3] = $4; rounds = $3 }
        END { for (i = 1; i <= tools; i++) {
            ratios = ""
            for (r = 0; r <= rounds; r++) ratios = ratios " " at[tool[i], r] / at[reference, r]
            ratio = median(ratios); m = median(all[tool[i]])
            printf "| %s | %s | %.0f | %s to %s | %.2f |\n", tool[i], span(m), 1 / m, span(low), span(high), ratio
        } }' "$root/samples"
}

# The least that an adding process can do.
rustc --edition 2024 -O -o "$root/least" - <<'RUST'
fn main() -> std::io::Result<()> {
    let path = std::env::args_os().nth(1).expect("a file");
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
    file.lock()?;
    std::io::Write::write_all(&mut file, &[b'x'; 200])?;
    file.sync_data()
}
RUST
targets=(/bin/true least)
for name in "${ours[@]}"; do
    for length in 0 1000 10000 1000000; do targets+=("$name $((length / divisor))"); done
done
texts $((2000 / divisor))
for ((round = 0; round < rounds; round++)); do
    for at_once in 2 8; do visit "$round" drain "${ours[@]}" "${peers[@]}"; done
    visit "$round" compress "${ours[@]}" xargs
    visit "$round" add "${targets[@]}"
    visit "$round" million "${ours[@]}"
done
echo "Measured on $(date -u +%F): $(nproc) cores, $(uname -sr), $rounds rounds."
report autoproc "/bin/true, 2 at a time"
report autoproc "/bin/true, 8 at a time"
report xargs "gzip -9, 2 at a time"
report least "one add"
cut -d'|' -f1 "$root/samples" | sort -u | grep 0000 | while read -r scenario; do report autoproc "$scenario"; done
printf '\n### Peak memory of a run over %s\n\n' $((1000000 / divisor))
for name in "${ours[@]}"; do printf '%s\n' "- $name: $(sed -n "s/^$name //p" "$root/peaks" | middle) KiB"; done
