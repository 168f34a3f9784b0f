# app-db-listener
#
#   make            build/app-db-listener
#   make check      every test        make demo     see it work        make help     the rest
#
# Variants: make VARIANT=debug|asan|tsan|coverage ...; each builds in build/VARIANT.

VARIANT ?= release
BUILD ?= build$(if $(filter-out release,$(VARIANT)),/$(VARIANT))
CC ?= gcc

PKGS := libpq libcurl yaml-0.1 libmicrohttpd jansson libsystemd
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wvla -Wformat=2 -Wundef -Wwrite-strings -Wcast-qual
FLAGS_release := -O2 -g
FLAGS_debug := -O0 -g
FLAGS_asan := -O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer
FLAGS_tsan := -O1 -g -fsanitize=thread
FLAGS_coverage := -O0 -g --coverage -fprofile-update=atomic

CPPFLAGS += -D_GNU_SOURCE -Iinclude -Itests/support
CFLAGS ?=
ALL_CFLAGS = -std=gnu11 -pthread -fvisibility=hidden -fstack-protector-strong $(WARN) \
	$(FLAGS_$(VARIANT)) $(shell pkg-config --cflags $(PKGS)) $(CFLAGS)
LDLIBS += $(shell pkg-config --libs $(PKGS)) -lm
ALL_LDFLAGS = -pthread $(FLAGS_$(VARIANT)) -Wl,-z,relro,-z,now $(LDFLAGS)

SRC := $(wildcard src/*/*.c)
LIB_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(filter-out src/daemon/main.c,$(SRC)))
UNIT := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*/test_*.c))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all unit clean

all: $(BUILD)/app-db-listener

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/lib.a: $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/app-db-listener: $(BUILD)/src/daemon/main.o $(BUILD)/lib.a
	$(CC) $(ALL_LDFLAGS) $^ $(LDLIBS) -o $@

$(BUILD)/tests/%: tests/%.c $(BUILD)/lib.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP $< $(BUILD)/lib.a $(ALL_LDFLAGS) $(LDLIBS) -lcmocka -o $@

unit: $(UNIT)
	@set -e; for t in $(UNIT); do $$t; done

clean:
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
