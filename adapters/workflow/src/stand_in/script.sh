#!/bin/sh
# Stands in for the runners of a workflow: prints what a runner is given, and returns an example of
# each value that is expected. `autoproc workflow init` wrote this file; `autoproc.toml` names it.
# Replace it there by your own programs, one line at a time.
#
# A runner finds in its environment:
#   AUTOPROC_FILE         the file that is processed
#   AUTOPROC_STEP_INPUTS  a file with the inputs and the parameters of the step, in JSON
#   AUTOPROC_EXPECTED     the names of the values that the rest of the workflow reads
#   AUTOPROC_OUTPUT       the file to write them to: lines of NAME=VALUE, or an object in JSON
set -eu
{
    echo "$AUTOPROC_PHASE/$AUTOPROC_STEP: a stand-in for $1"
    echo "  file      $AUTOPROC_FILE"
    echo "  inputs    $(cat "$AUTOPROC_STEP_INPUTS")"
    echo "  expected  $AUTOPROC_EXPECTED"
} >&2
values=
examples=$(dirname "$0")/$AUTOPROC_WORKFLOW.values
if [ -f "$examples" ]; then
    while read -r phase object; do
        [ "$phase" != "$AUTOPROC_PHASE" ] || values=$object
    done < "$examples"
fi
if [ -z "$values" ]; then
    for name in $AUTOPROC_EXPECTED; do
        values="${values:+$values, }\"$name\": true"
    done
    values="{$values}"
fi
printf '%s\n' "$values" > "$AUTOPROC_OUTPUT"
printf '%s\n' "$values"
