# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For the lints, which source it. Each lint is called as LINT [ROOT], looks at the tree under ROOT (default: this
# one), prints what is wrong, one finding a line, and exits 1 if anything is.
set -u
lint_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "${1:-$lint_dir/../..}" || exit 69
export LC_ALL=C
# git may refuse a tree of another user, and then every lint would find nothing wrong
if [ -e .git ] && [ -z "$(git ls-files | head -n 1)" ]; then
	echo "${0##*/}: git lists no files in $PWD"
	exit 69
fi

# lint_files PATTERN...: the project's files that match a shell pattern of the whole path.
lint_files() {
	local file pattern
	if [ -e .git ]; then
		git ls-files --cached --others --exclude-standard
	else
		find . -path ./build -prune -o -type f -print | sed 's|^\./||'
	fi | sort -u | while IFS= read -r file; do
		[ -f "$file" ] || continue
		for pattern in "$@"; do
			# shellcheck disable=SC2053 # the right side is a pattern
			if [[ $file == $pattern ]]; then
				printf '%s\n' "$file"
				break
			fi
		done
	done
}

# lint_scripts: files that begin with #! and name a shell, and *.sh.
lint_scripts() {
	lint_files '*' | tr '\n' '\0' | xargs -0 -r awk '
		FNR == 1 { if (/^#!.*[\/ ](ba|da)?sh( |$)/ || FILENAME ~ /\.sh$/) print FILENAME; nextfile }'
}

# lint_allow NAME: filter findings. A finding begins with "WHAT: "; one whose WHAT is a line's first word in
# tests/lint/allow-NAME is dropped. The rest of that line is the reason, without which it does not count. An
# entry that no finding needs is a finding itself, so that the list only shrinks.
lint_allow() {
	local list=tests/lint/allow-$1
	[ -f "$list" ] || list=/dev/null
	awk -v list="$list" '
		FILENAME == list && (/^#/ || !NF) { next }
		FILENAME == list { if (NF > 2) reason[$1] = 1; else print list ": no reason given: " $0; next }
		{ what = $0; sub(/: .*/, "", what) }
		what in reason { used[what] = 1; next }
		{ print }
		END { for (w in reason) if (!(w in used)) print list ": nothing needs " w " any more" }' \
		"$list" -
}

# lint_report: pass findings on; exit 1 when there are any.
lint_report() {
	awk '{ print } END { exit NR > 0 }'
}

# lint_code FILE: the C code without comments and with empty strings, lines kept.
lint_code() {
	awk '
	{
		line = $0; out = ""
		while (length(line)) {
			if (inside) {
				at = index(line, "*/")
				if (!at) { line = ""; break }
				line = substr(line, at + 2); inside = 0
			} else if (match(line, /\/\*|\/\/|"([^"\\]|\\.)*"|\047([^\047\\]|\\.)*\047/)) {
				out = out substr(line, 1, RSTART - 1)
				token = substr(line, RSTART, RLENGTH)
				line = substr(line, RSTART + RLENGTH)
				if (token == "//") break
				if (token == "/*") inside = 1
				else if (out !~ /^[ \t]*#[ \t]*include/) out = out substr(token, 1, 1) substr(token, 1, 1)
				else out = out token
			} else { out = out line; line = "" }
		}
		print out
	}' "$1"
}
