# Completion of autoproc in bash: asks autoproc at each Tab.
_autoproc() {
    local answer kind at
    answer=$(AUTOPROC_COMPLETE=bash autoproc "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null)
    kind=${answer%%$'\n'*}
    COMPREPLY=()
    [[ $answer == "$kind" ]] || mapfile -t COMPREPLY <<<"${answer#*$'\n'}"
    case $kind in
        paths)
            compopt -o filenames -o noquote
            if ((${#COMPREPLY[@]} > 1)); then
                # bash shows folders with a slash.
                COMPREPLY=("${COMPREPLY[@]%/}")
            elif [[ ${COMPREPLY-} == */ ]]; then
                compopt -o nospace
            fi
            ;;
        files) compopt -o bashdefault -o default ;;
        folders) compopt -o dirnames ;;
        command)
            for ((at = 1; at <= COMP_CWORD; at++)); do
                [[ ${COMP_WORDS[at - 1]} == -- ]] && break
            done
            if declare -F _comp_command_offset >/dev/null; then
                _comp_command_offset "$at"
            elif declare -F _command_offset >/dev/null; then
                _command_offset "$at"
            elif ((COMP_CWORD > at)); then
                compopt -o bashdefault -o default
            else
                mapfile -t COMPREPLY < <(compgen -c -- "$2")
                [[ $2 != */* ]] || compopt -o filenames
            fi
            ;;
    esac
}
complete -F _autoproc autoproc
