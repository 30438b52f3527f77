/** Scripts that ask the program itself what can stand at the cursor; files are offered where it knows nothing. */
export const completionScripts: Readonly<Record<string, string>> = {
	bash: `# happo-ctl completion for bash: source <(happo-ctl completion bash)
_happo_ctl() {
	local line current="\${COMP_LINE:0:COMP_POINT}"
	local -a words
	read -r -a words <<< "$current"
	# a blank at the end begins a new word
	[[ $current == *[[:space:]] ]] && words+=("")
	COMPREPLY=()
	while IFS= read -r line; do
		COMPREPLY+=("$line")
	done < <(happo-ctl complete -- "\${words[@]:1}" 2>/dev/null)
	# bash has split the word at = and : and replaces the part behind them only
	local word="\${words[\${#words[@]} - 1]}"
	if [[ $word == *[=:]* ]]; then
		local part="\${word%"\${word##*[=:]}"}"
		COMPREPLY=("\${COMPREPLY[@]#"$part"}")
	fi
}
complete -o default -o bashdefault -F _happo_ctl happo-ctl
`,
	zsh: `#compdef happo-ctl
# happo-ctl completion for zsh: source <(happo-ctl completion zsh)
_happo_ctl() {
	local -a candidates
	candidates=("\${(@f)$(happo-ctl complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
	candidates=(\${candidates:#})
	if (( \${#candidates} )); then
		compadd -Q -- $candidates
	else
		_files
	fi
}
compdef _happo_ctl happo-ctl
`,
	fish: `# happo-ctl completion for fish: happo-ctl completion fish | source
function __happo_ctl
	set -l words (commandline -opc) (commandline -ct)
	happo-ctl complete -- $words[2..-1] 2>/dev/null
end
complete -c happo-ctl -a '(__happo_ctl)'
`,
};
