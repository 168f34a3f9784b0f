#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The dictionary of fuzz_config, from the key table.
set -eu
cd "$(dirname "$0")/../.."
make -s build/tests/fuzz/config_keys >/dev/null
exec build/tests/fuzz/config_keys dict
