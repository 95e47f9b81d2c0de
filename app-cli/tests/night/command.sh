#!/bin/sh
# Decides by a file's name how the work on it goes, and keeps a record of its own:
#
#   sh command.sh RECORD GATE LEAST FILE
#
# A line of the record is nanoseconds since 1970, what happened, run, attempt and name, separated by tabs; it is one
# write to a file open for appending, so that lines of many processes do not mix. Whether another attempt on the file
# still lives is asked of the system: each holds a lock on the file, which goes when the last of its processes has gone.
# Before anything is decided it sleeps for LEAST seconds, so that no attempt is shorter.
record=$1
gate=$2
least=$3
name=${4##*/}

tell() {
    printf '%s\t%s\t%s\t%s\t%s\n' "$(date +%s%N)" "$1" "$AUTOPROC_RUN_ID" "$AUTOPROC_ATTEMPT" "$name" >>"$record"
}

finish() {
    tell end
    exit "$1"
}

exec 9<"$4"
flock -n 9 || tell overlap
tell start
sleep "$least"

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
