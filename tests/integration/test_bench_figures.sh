#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What BENCH_WRITE=1 make bench does to docs/BENCHMARKS.md: tables are put between their marks, and nothing else is touched.
# shellcheck disable=SC2154 # test_dir is lib.sh's
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=tests/bench/parts.sh
. tests/bench/parts.sh

document=$test_dir/document.md
cat >"$document" <<'TEXT'
By hand, first.
<!-- figures: drain postgres -->
old
figures
<!-- end of figures -->
By hand, between & with \1 marks.
<!-- figures: drain mariadb -->
<!-- end of figures -->
By hand, last.
TEXT
printf 'new & \\1\n| a | b |\n' >"$test_dir/table"
figures_put "$document" 'drain postgres' "$test_dir/table"
is "a table takes the place of the one of its name" "$(<"$document")" 'By hand, first.
<!-- figures: drain postgres -->
new & \1
| a | b |
<!-- end of figures -->
By hand, between & with \1 marks.
<!-- figures: drain mariadb -->
<!-- end of figures -->
By hand, last.'
cp "$document" "$test_dir/before"
figures_put "$document" 'drain postgres' "$test_dir/table"
ok "... and the same again" cmp "$document" "$test_dir/before"
figures_put "$document" 'drain mariadb' "$test_dir/table"
is "an empty place is filled" "$(grep -c '^| a | b |$' "$document")" 2
figures_put "$document" 'idle sqlite' "$test_dir/table"
is "a new one comes last" "$(tail -n 6 "$document")" 'By hand, last.

<!-- figures: idle sqlite -->
new & \1
| a | b |
<!-- end of figures -->'
is "what is written by hand stays" "$(grep '^By hand' "$document")" 'By hand, first.
By hand, between & with \1 marks.
By hand, last.'
tests_end
