# SPDX-License-Identifier: MIT
#
## make              build/app-db-listener
## make demo         see it work: database, daemon, receiver, faults; DB=sqlite|postgres|mariadb
## make check        every test and lint; ends with "N passed, N failed"
## make deps         install what is missing (apt); the three above call it when needed
## make install      PREFIX=/usr/local, DESTDIR=, SYSCONFDIR=/etc;  make uninstall removes it
## make unit contract torture corpus integration e2e lint      one kind of test
## make analyzer     clang-tidy, cppcheck, gcc -fanalyzer, clang -Wthread-safety
## make coverage     tests under gcov, report in build/coverage, gate in tests/coverage.gate
## make fuzz         libFuzzer on every target, FUZZ_SECONDS=60 each
## make soak bench   long runs, and the figures of docs/BENCHMARKS.md
## make load-ingest  1,000 connections that post 1 to 10 MB each, with a kill
## make weeks        525,000 events with faults on the way: the figures of docs/RELIABILITY.md
## make backfill-large  backfills of 2,000,000 rows in each database
## make archive-kills   kill -9 at 200 random points while it archives, ARCHIVE_KILLS=200
## make clean
##
## VARIANT=release|debug|asan|tsan|coverage|analyzer|clang|fuzz; each builds in build/VARIANT.

VARIANT ?= release
BUILD ?= build$(if $(filter-out release,$(VARIANT)),/$(VARIANT))

PKGS := libpq mysqlclient sqlite3 libcurl yaml-0.1 libmicrohttpd jansson msgpack libcbor liblz4 libsystemd libcrypto zlib
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wvla -Wformat=2 -Wundef -Wwrite-strings -Wcast-qual
# Sanitizers blind gcc to the ranges that -Wformat-truncation needs; release has it.
FLAGS_release := -O2 -g
FLAGS_debug := -O0 -g
FLAGS_asan := -O1 -g -Wno-format-truncation -fsanitize=address,undefined -fno-omit-frame-pointer
FLAGS_tsan := -O1 -g -Wno-format-truncation -fsanitize=thread
FLAGS_coverage := -O0 -g -Wno-format-truncation -fsanitize=address,undefined -fno-omit-frame-pointer --coverage -fprofile-update=atomic
FLAGS_analyzer := -O1 -g -fanalyzer
FLAGS_clang := -O1 -g -Wno-format-nonliteral -Wthread-safety -Wthread-safety-beta
FLAGS_fuzz := -O1 -g -Wno-format-nonliteral -fsanitize=address,undefined,fuzzer-no-link -fno-omit-frame-pointer
CC_clang := clang-14
CC_fuzz := clang-14
ifneq ($(filter default undefined,$(origin CC)),)
CC := $(or $(CC_$(VARIANT)),gcc)
endif
ifndef FLAGS_$(VARIANT)
$(error VARIANT=$(VARIANT) is none of release debug asan tsan coverage analyzer clang fuzz)
endif

# pkg-config is asked once, and not before a recipe needs it: make deps may have to come first.
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)
ALL_CPPFLAGS = -D_GNU_SOURCE -Iinclude -Itests/support $(CPPFLAGS)
ALL_CFLAGS = -std=gnu11 -pthread -fvisibility=hidden -fstack-protector-strong $(WARN) \
	$(FLAGS_$(VARIANT)) $(PKG_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pthread $(FLAGS_$(VARIANT)) -Wl,-z,relro,-z,now $(LDFLAGS)
ALL_LIBS = $(foreach l,$(PKG_LIBS),$(if $(filter $(ARCHIVED:%=-l%),$l),$(l:-l%=-l:lib%.a),$l)) $(LDLIBS) -lm

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
BINDIR = $(DESTDIR)$(PREFIX)/bin
MANDIR = $(DESTDIR)$(PREFIX)/share/man
UNITDIR = $(DESTDIR)$(PREFIX)/lib/systemd/system
CONFDIR = $(DESTDIR)$(SYSCONFDIR)/app-db-listener

# What is tested and how it is found: see docs/testing.md.
TEST_MAINS := tests/support/receiver.c tests/support/poster.c tests/support/fuzz_main.c
LIB_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(filter-out src/daemon/main.c,$(wildcard src/*/*.c)))
SUPPORT_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(TEST_MAINS),$(wildcard tests/support/*.c)))
tests-of = $(patsubst %.c,$(BUILD)/%,$(wildcard $(1)))
UNIT := $(call tests-of,tests/unit/*/test_*.c)
UNIT_TSAN := $(filter $(BUILD)/tests/unit/base/% $(BUILD)/tests/unit/core/% $(BUILD)/tests/unit/source/% \
	$(BUILD)/tests/unit/sink/% $(BUILD)/tests/unit/ingest/% $(BUILD)/tests/unit/control/% $(BUILD)/tests/unit/daemon/%,$(UNIT))
CONTRACT := $(call tests-of,tests/contract/test_*.c)
TORTURE := $(call tests-of,tests/torture/test_*.c)
INTEGRATION := $(call tests-of,tests/integration/test_*.c)
E2E ?= $(wildcard tests/e2e/test_*.sh)
# These reach most of src/daemon: make check runs them under the sanitizers, where they count for coverage, and the others
# as the daemon is installed.
E2E_COMMANDS := $(filter tests/e2e/test_cli_% tests/e2e/test_ops_admin.sh tests/e2e/test_ops_reload.sh,$(E2E))
FUZZ := $(call tests-of,tests/fuzz/fuzz_*.c)
BENCH := $(call tests-of,tests/bench/*.c)
RECEIVER := $(BUILD)/tests/support/receiver
POSTER := $(BUILD)/tests/support/poster
DAEMON := $(BUILD)/app-db-listener
MAN := $(wildcard docs/man/*.[1-8])
WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup
WRAP_CALLS := $(addprefix -Xlinker --wrap=,open open64 mkstemp mkostemp eventfd socket accept4 epoll_create1 flock opendir readdir \
	write pwrite pwrite64 read pread pread64 ftruncate ftruncate64 fsync fdatasync rename unlink fstat lstat stat \
	fdopen fopen fwrite fflush fclose)

# What test scripts see.
export TEST_BUILD := $(BUILD)
export ADBL := $(CURDIR)/$(DAEMON)
export RECEIVER_BIN := $(CURDIR)/$(RECEIVER)
export POSTER_BIN := $(CURDIR)/$(POSTER)
RUN = tests/run --label

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all lib deps deps-build deps-test deps-lint tools tests demo check lint analyzer unit unit-tsan \
	contract torture corpus integration e2e fuzz soak weeks backfill-large archive-kills load-ingest coverage coverage-gate bench install uninstall clean help

all: $(DAEMON)

deps deps-build deps-test deps-lint:
	@tests/support/deps $(subst deps,,$(subst deps-,,$@))

# V=1 shows the commands, -s nothing.
Q = $(if $(V),,@$(if $(findstring s,$(firstword -$(MAKEFLAGS))),,echo "  $(1)  $@";))
$(BUILD)/%.o: %.c Makefile | deps-build
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/lib.a: $(LIB_OBJ)
$(BUILD)/support.a: $(SUPPORT_OBJ)
$(BUILD)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(call Q,AR)ar rcs $@ $^

LINK = $(call Q,LD)$(CC) $(ALL_LDFLAGS) $^ $(ALL_LIBS)
$(DAEMON): $(BUILD)/src/daemon/main.o $(BUILD)/lib.a
	$(LINK) -o $@
$(RECEIVER) $(POSTER) $(BENCH) $(BUILD)/tests/fuzz/config_keys: $(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/support.a $(BUILD)/lib.a
	$(LINK) -o $@
$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o \
		$(if $(filter fuzz,$(VARIANT)),,$(BUILD)/tests/support/fuzz_main.o) $(BUILD)/support.a $(BUILD)/lib.a
	$(LINK) $(if $(filter fuzz,$(VARIANT)),-fsanitize=fuzzer) -o $@
# Libraries from their archives, so that their allocations fail too; in these tests also system calls do.
TORTURE_CALLS := $(patsubst %,$(BUILD)/tests/torture/test_%,archive archive_thread committer export front ingest)
$(TORTURE): ARCHIVED := yaml
$(TORTURE_CALLS): ARCHIVED := yaml microhttpd sqlite3 z
$(TORTURE_CALLS): WRAP += $(WRAP_CALLS)
$(BUILD)/tests/torture/%: $(BUILD)/tests/torture/%.o $(BUILD)/support.a $(BUILD)/lib.a | deps-test
	$(LINK) $(WRAP) -lcmocka -lssl $(if $(filter microhttpd,$(ARCHIVED)),-lgnutls) -o $@
$(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/support.a $(BUILD)/lib.a | deps-test
	$(LINK) -lcmocka -lssl -o $@
# Tests include cmocka.h when they are compiled.
$(patsubst $(BUILD)/%,$(BUILD)/%.o,$(UNIT) $(CONTRACT) $(TORTURE) $(INTEGRATION)): | deps-test

# The allocator itself looks like a leak to the analyzer, which takes its attributes for the callers' duty.
$(BUILD)/src/base/mem.o: FLAGS_analyzer := -O1 -g
# gcc 12's analyzer loses what is kept in an array's element, in a list, or by the address of a member, and calls it a
# leak. LeakSanitizer watches these files in the tests.
$(patsubst %,$(BUILD)/src/%.o,config/column_rules config/document config/headers config/ingest_tokens config/mistakes sink/http source/fake source/fake_db source/pg_tables source/postgres \
	source/my_audit source/my_columns source/my_keys source/my_owners source/sqlite): \
	FLAGS_analyzer += -Wno-analyzer-malloc-leak

lib: $(patsubst %.c,$(BUILD)/%.o,$(wildcard src/*/*.c))
tools: $(RECEIVER) $(POSTER) $(BENCH)
tests: $(UNIT) $(CONTRACT) $(TORTURE) $(INTEGRATION) $(FUZZ)

demo: deps-test all $(RECEIVER)
	@tests/demo/run $(DB)
bench: deps-test all tools
	@tests/bench/run
check: deps
	@tests/run --all

unit: $(UNIT)
	@$(RUN) unit/$(VARIANT) $^
unit-tsan: $(UNIT_TSAN)
	@$(RUN) unit/$(VARIANT) $^
contract: $(CONTRACT)
	@$(RUN) contract/$(VARIANT) $^
torture: $(TORTURE)
	@$(RUN) torture/$(VARIANT) --under tests/support/with-server $^
corpus: $(FUZZ)
	@$(RUN) corpus/$(VARIANT) --corpus $^
integration: $(INTEGRATION) tools $(if $(wildcard src/daemon/main.c),all)
	@$(RUN) integration/$(VARIANT) --jobs 3 --under tests/support/with-server $(INTEGRATION) \
		$(wildcard tests/integration/test_*.sh)
e2e: all tools deps-test
	@$(RUN) e2e/$(VARIANT) --again --jobs 4 --timeout 600 $(E2E)
e2e-commands: all tools deps-test
	@$(RUN) e2e/$(VARIANT) --again --jobs 4 --timeout 600 $(E2E_COMMANDS)
e2e-others: all tools deps-test
	@$(RUN) e2e/$(VARIANT) --again --jobs 4 --timeout 600 $(filter-out $(E2E_COMMANDS),$(E2E))
lint: deps-lint lib
	@$(RUN) lint $(shell find tests/lint -maxdepth 1 -type f -perm -u+x ! -name 'analyze-*' | sort)
analyzer: deps-lint
	@$(RUN) analyzer --jobs 1 --timeout 3000 $(sort $(wildcard tests/lint/analyze-*))
fuzz: deps-lint
	@$(MAKE) --no-print-directory VARIANT=fuzz BUILD=build/fuzz $(FUZZ:$(BUILD)/%=build/fuzz/%)
	@tests/fuzz/run $(FUZZ:$(BUILD)/%=build/fuzz/%)
archive-kills: deps-test all tools
	@ARCHIVE_KILLS=$(or $(ARCHIVE_KILLS),200) $(RUN) archive-kills --jobs 1 --timeout 3600 tests/e2e/test_hook_archive_kill.sh
soak: deps-test all tools
	@tests/e2e/soak
load-ingest: deps-test all tools
	@LOAD_CONNECTIONS=1000 LOAD_REQUESTS=1 LOAD_MIN_KB=1024 LOAD_MAX_KB=10240 LOAD_TRIES=8 LOAD_PAUSE_MS=2000 LOAD_SETTLE_S=35 \
		timeout --kill-after=60 1800 tests/e2e/test_ingest_load.sh
weeks: deps-test all tools
	@WEEKS_EVENTS=$${WEEKS_EVENTS:-525000} $(RUN) weeks --jobs 1 --timeout 7200 tests/e2e/test_ops_weeks.sh

backfill-large: deps-test all tools
	@tests/e2e/backfill_large
coverage: deps
	@tests/support/coverage all
coverage-gate:
	@$(RUN) coverage --timeout 900 tests/support/coverage

install: all
	install -D -m 755 $(DAEMON) $(BINDIR)/app-db-listener
	install -D -m 755 scripts/monitor.sh $(BINDIR)/app-db-listener-monitor
	install -d $(UNITDIR)
	sed 's|/usr/local|$(PREFIX)|g' systemd/app-db-listener.service >$(UNITDIR)/app-db-listener.service
	chmod 644 $(UNITDIR)/app-db-listener.service
	install -D -m 644 config.yaml.example $(CONFDIR)/config.yaml.example
	$(foreach m,$(MAN),install -D -m 644 $(m) $(MANDIR)/man$(subst .,,$(suffix $(m)))/$(notdir $(m)) &&) :
uninstall:
	rm -f $(BINDIR)/app-db-listener $(BINDIR)/app-db-listener-monitor $(UNITDIR)/app-db-listener.service
	rm -f $(CONFDIR)/config.yaml.example
	rm -f $(foreach m,$(MAN),$(MANDIR)/man$(subst .,,$(suffix $(m)))/$(notdir $(m)))
	rmdir $(CONFDIR) 2>/dev/null || :

clean:
	rm -rf build

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

-include $(shell find $(BUILD)/src $(BUILD)/tests -name '*.d' 2>/dev/null)
