"""Completion scripts: each asks `pyflux __complete WORDS…` (see `pyflux.cli.complete`) and does as the answer says.

The last line of an answer is `:N`, a sum of: 1 no answer, 2 no space after the word, 4 no file names, 16 folders only.
"""

BASH = r"""# bash completion for pyflux: . <(pyflux completion bash)
__pyflux_completion() {
    COMPREPLY=()
    # bash cuts words at = and :, pyflux wants them whole
    local -a words=()
    local index token
    for ((index = 1; index <= COMP_CWORD; index++)); do
        token=${COMP_WORDS[index]}
        if ((${#words[@]} > 0)) && [[ $token == [=:]* || ${words[-1]} == *[=:] ]] \
            && [[ "$COMP_LINE" == *"${words[-1]}$token"* ]]; then
            words[-1]+=$token
        else
            words+=("$token")
        fi
    done
    local current=${words[-1]}
    local -a lines=()
    local line
    while IFS='' read -r line; do
        lines+=("$line")
    done < <(pyflux __complete "${words[@]}" 2>/dev/null)
    ((${#lines[@]} > 0)) || return
    local directive=${lines[-1]#:}
    unset 'lines[-1]'
    [[ $directive =~ ^[0-9]+$ ]] || return
    ((directive & 1)) && return
    ((directive & 2)) && compopt -o nospace
    if ((${#lines[@]} == 0)); then
        if ((directive & 16)); then
            compopt -o dirnames
        elif ((!(directive & 4))); then
            compopt -o default
        fi
        return
    fi
    # the part of the word that bash keeps
    local before='' kept=''
    if [[ $current == -*=* && $COMP_WORDBREAKS != *=* ]]; then
        before=${current%%=*}=
    elif [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
        kept=${current%"${current##*:}"}
        kept=${kept#*=}
    fi
    local name longest=0
    for line in "${lines[@]}"; do
        name=${line%%$'\t'*}
        ((${#name} > longest)) && longest=${#name}
    done
    for line in "${lines[@]}"; do
        name=${line%%$'\t'*}
        if ((COMP_TYPE == 63 && ${#lines[@]} > 1)) && [[ $line == *$'\t'* ]]; then
            # a list on the screen, not a word to insert
            printf -v name '%-*s  (%s)' "$longest" "$name" "${line#*$'\t'}"
            name=${name:0:$((${COLUMNS:-80} - 1))}
        else
            name=$before${name#"$kept"}
        fi
        COMPREPLY+=("$name")
    done
}
complete -F __pyflux_completion pyflux
if [[ $(type -t flux) == alias || -z $(type -P flux) || $(type -P flux) -ef $(type -P pyflux) ]]; then
    complete -F __pyflux_completion flux
fi
"""

ZSH = r"""#compdef pyflux
# zsh completion for pyflux: . <(pyflux completion zsh), or as a file _pyflux in a folder of $fpath
_pyflux() {
    local -a lines entries options
    local line name directive
    lines=("${(@f)$(pyflux __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    directive=${lines[-1]#:}
    [[ $directive == <-> ]] || return 1
    lines[-1]=()
    (( directive & 1 )) && return 1
    (( directive & 2 )) && options=(-S '')
    # a flag's value after =
    [[ $PREFIX == -*=* ]] && compset -P '*='
    for line in $lines; do
        name=${${line%%$'\t'*}//:/\\:}
        if [[ $line == *$'\t'* ]]; then
            entries+=("$name:${line#*$'\t'}")
        else
            entries+=("$name")
        fi
    done
    if (( $#entries )); then
        _describe -V pyflux entries $options
    elif (( directive & 16 )); then
        _path_files -/
    elif (( ! (directive & 4) )); then
        _files
    else
        return 1
    fi
}
if [[ $funcstack[1] == _pyflux ]]; then
    _pyflux "$@"
else
    compdef _pyflux pyflux
    # an alias is expanded before it is completed; a link is a command of its own
    if [[ -n ${commands[flux]} && ${commands[flux]:A} == ${commands[pyflux]:A} ]]; then
        compdef _pyflux flux
    fi
fi
"""

FISH = r"""# fish completion for pyflux: pyflux completion fish > ~/.config/fish/completions/pyflux.fish
function __pyflux_completion
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines (pyflux __complete $words[2..-1] $current 2>/dev/null)
    set -q lines[1]; or return
    set -l directive (string replace -r '^:' '' -- $lines[-1])
    string match -qr '^[0-9]+$' -- $directive; or return
    set -e lines[-1]
    if test (math "$directive % 2") -eq 1
        return
    end
    # a flag's value after =
    set -l before (string match -r '^-[^=]*=' -- $current)
    if not set -q lines[1]
        if test (math "floor($directive / 16) % 2") -eq 1
            __fish_complete_directories (string replace -r '^-[^=]*=' '' -- $current)
        else if test (math "floor($directive / 4) % 2") -eq 0
            __fish_complete_path (string replace -r '^-[^=]*=' '' -- $current) | string replace -r '^' -- "$before"
        end
        return
    end
    for line in $lines
        printf '%s\n' "$before$line"
    end
end
complete -c pyflux -e
complete -c pyflux -f -a '(__pyflux_completion)'
# an alias brings the completion of what it stands for; a link is a command of its own
if command -q flux; and test (realpath (command -s flux)) = (realpath (command -s pyflux))
    complete -c flux -e
    complete -c flux -f -a '(__pyflux_completion)'
end
"""

POWERSHELL = r"""# PowerShell completion for pyflux: pyflux completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName 'pyflux', 'flux' -ScriptBlock {
    param($word, $ast, $cursor)
    $before = @()
    foreach ($element in ($ast.CommandElements | Select-Object -Skip 1)) {
        if ($element.Extent.EndOffset -lt $cursor -or ($element.Extent.EndOffset -eq $cursor -and -not $word)) {
            $before += $element.Extent.Text
        }
    }
    # older PowerShells drop empty arguments of programs
    $modern = $PSNativeCommandArgumentPassing -in 'Standard', 'Windows'
    $typed = if ($word) { $word } elseif ($modern) { '' } else { '""' }
    $lines = @(& pyflux __complete @before $typed 2>$null)
    if ($lines.Count -eq 0) { return }
    $directive = [int]($lines[-1].TrimStart(':'))
    if ($directive -band 1) { return }
    $prefix = if ($word -match '^(-[^=]*=)') { $Matches[1] } else { '' }
    $space = if ($directive -band 2) { '' } else { ' ' }
    foreach ($line in ($lines | Select-Object -SkipLast 1)) {
        $name, $help = $line -split "`t", 2
        if (-not $help) { $help = $name }
        [System.Management.Automation.CompletionResult]::new("$prefix$name$space", $name, 'ParameterValue', $help)
    }
}
"""
