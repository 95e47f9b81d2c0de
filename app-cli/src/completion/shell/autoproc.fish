# Completion of autoproc in fish: asks autoproc at each Tab.
function __autoproc_complete
    set -l token (commandline --current-token --cut-at-cursor)
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l values (AUTOPROC_COMPLETE=fish autoproc $words "$token" 2>/dev/null)
    set -l option (string match --regex -- '^--[^=]*=' "$token"; or echo)
    set -l value (string replace -- "$option" '' "$token")
    switch "$values[1]"
        case words paths
            printf '%s\n' $values[2..]
        case files
            # The words of an unknown command are files.
            printf '%s\n' "$option"(complete --do-complete "__autoproc_unknown $value")
        case folders
            printf '%s\n' "$option"(complete --do-complete "__autoproc_unknown $value" | string match --regex -- '.*/$')
        case command
            set -l line (commandline --current-process --cut-at-cursor | string collect)
            complete --do-complete (string replace --regex -- '(?s)^.*?\s--\s+' '' "$line")
    end
end

complete --command autoproc --no-files --arguments '(__autoproc_complete)'
