# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # test_dir comes from lib.sh; archive_dir is for the scripts
# For the end-to-end scripts about archives: what their files hold.

archive_dir=$test_dir/archive

# archive_cat PATH: its records one a line, the rotated files first, plain or compressed. Fails when one of them does not
# parse: an array where it begins with a bracket, else lines, each of them whole.
archive_cat() {
	local file
	for file in "$1".[0-9][0-9][0-9][0-9][0-9][0-9]* "$1"; do
		[ -e "$file" ] || continue
		[[ $file != *.tmp ]] || continue
		gzip -dcf "$file" >"$test_dir/plain" || return 1
		if [ "$(head -c 1 "$test_dir/plain")" = '[' ]; then
			jq -ce '.[]' <"$test_dir/plain" || [ "$(jq -c . "$test_dir/plain")" = '[]' ] || return 1
		elif [ -s "$test_dir/plain" ]; then
			[ "$(tail -c 1 "$test_dir/plain")" = '' ] && jq -ce . <"$test_dir/plain" || return 1
		fi
	done
}

# archive_parses PATH: the file of that name alone, now.
archive_parses() {
	if [ "$(head -c 1 "$1")" = '[' ]; then
		jq -e 'type == "array"' "$1" >"$test_dir/verdict" 2>&1
	else
		jq -ce . "$1" >"$test_dir/verdict" 2>&1 && [ "$(tail -c 1 "$1")" = '' ]
	fi
}

# archive_count PATH: how many different events it holds, in all its files.
archive_count() {
	archive_cat "$1" >"$test_dir/records" && jq -r .id "$test_dir/records" | sort -u | wc -l
}
archive_has() {
	[ "$(archive_count "$1")" = "$2" ]
}
