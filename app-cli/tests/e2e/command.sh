#!/bin/sh
# Does with a file what its name says, and logs the start and the end:
#
#   sh command.sh LOG GATE MIN_SECONDS FILE
#
# A line of the log has nanoseconds since 1970, event, run, attempt and name, separated by tabs. It is one write to a file
# open for appending, so that lines of concurrent processes do not mix. Each attempt holds a lock on the file, which the
# system releases with its last process; an attempt that finds it held logs an overlap. It first sleeps for MIN_SECONDS, so
# that no attempt is shorter.
log=$1
gate=$2
min_seconds=$3
name=${4##*/}

log_entry() {
    printf '%s\t%s\t%s\t%s\t%s\n' "$(date +%s%N)" "$1" "$AUTOPROC_RUN_ID" "$AUTOPROC_ATTEMPT" "$name" >>"$log"
}

finish() {
    log_entry end
    exit "$1"
}

exec 9<"$4"
flock -n 9 || log_entry overlap
log_entry start
sleep "$min_seconds"

case $name in
*ok-*) finish 0 ;;
*flaky-*) [ "$AUTOPROC_ATTEMPT" -ge 3 ] && finish 0; finish 1 ;;
*bad-*) finish 3 ;;
*denied-*) finish 126 ;;
*absent-*) finish 127 ;;
*hang-*) exec sleep 600 ;;
*stubborn-*) trap '' TERM; exec sleep 600 ;;
*tree-*) (sleep 600 & sleep 600) & sleep 600 ;;
*thicket-*) trap '' TERM; (sleep 600 & sleep 600) & sleep 600 ;;
*held-*) until [ -e "$gate" ]; do sleep 0.02; done; finish 0 ;;
# The parent is the guard, and its parent the runner.
*killer-*) read -r _ _ _ runner _ <"/proc/$PPID/stat"; kill -KILL "$runner" ;;
esac
