# SPDX-License-Identifier: Apache-2.0
# One non-recursive GNU Makefile; every folder brings its own .mk. `make help` lists the targets.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=

# Where everything goes. A sanitizer build has a folder of its own, so that both can stand side by side.
comma := ,
SANITIZE ?=
ifeq ($(SANITIZE),)
B := build
else
B := build/sanitize-$(subst $(comma),-,$(SANITIZE))
endif

# ---- set-up: install what is missing (Debian), unless the goal needs nothing ------------------------------------------
NO_SETUP_GOALS := clean distclean help
DEPS_SETS := $(sort $(foreach g,$(MAKECMDGOALS),$(if $(filter check unit regress integration soak valgrind,$(g)),check) \
   $(if $(filter lint format,$(g)),lint) $(if $(filter fuzz fuzz-smoke,$(g)),fuzz) $(if $(filter bench,$(g)),bench)))
ifneq ($(filter-out $(NO_SETUP_GOALS),$(or $(MAKECMDGOALS),all)),)
ifneq ($(FG_NO_SETUP),1)
SETUP := $(shell ci/deps.sh build $(DEPS_SETS) >&2 || echo failed)
ifneq ($(SETUP),)
$(error ci/deps.sh could not install what is missing; see its message above)
endif
endif
endif

# ---- flags -------------------------------------------------------------------------------------------------------------
CC ?= cc
ifeq ($(origin CC),default)
CC := gcc
endif
OPT ?= -O2
WARN := -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wcast-qual -Wformat=2 -Wstrict-prototypes \
   -Wmissing-prototypes -Wvla -Wnull-dereference -Wswitch-enum -Wundef -Wwrite-strings
ifeq ($(CI),true)
WARN += -Werror
endif
HARDEN := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fvisibility=hidden -fno-strict-aliasing -fPIC
LDHARDEN := -Wl,-z,relro,-z,now -Wl,-z,noexecstack
ifneq ($(SANITIZE),)
SAN := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT := -O1
else
HARDEN += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif

pkg = $(shell pkg-config $(1) $(2) 2>/dev/null)
BSON_CFLAGS := $(patsubst -I%,-isystem %,$(call pkg,--cflags,libbson-1.0))
BSON_LIBS := $(call pkg,--libs,libbson-1.0)
MONGOC_CFLAGS := $(patsubst -I%,-isystem %,$(call pkg,--cflags,libmongoc-1.0))
MONGOC_LIBS := $(call pkg,--libs,libmongoc-1.0)
PCRE2_LIBS := $(call pkg,--libs,libpcre2-8)
CRYPTO_LIBS := $(call pkg,--libs,libcrypto)
SSL_LIBS := $(call pkg,--libs,libssl libcrypto)
CURL_LIBS := $(call pkg,--libs,libcurl)
UV_LIBS := $(call pkg,--libs,libuv)
YAML_LIBS := $(call pkg,--libs,yaml-0.1)
LMDB_LIBS := -llmdb
CUNIT_LIBS := -lcunit

CPPFLAGS_ALL := -Iinclude -I. -D_GNU_SOURCE -DPCRE2_CODE_UNIT_WIDTH=8 -DFG_VERSION='"$(VERSION)"' $(BSON_CFLAGS) $(CPPFLAGS)
CFLAGS_ALL := -std=c11 -g $(OPT) $(WARN) $(HARDEN) $(SAN) $(CFLAGS)
LDFLAGS_ALL := $(LDHARDEN) $(SAN) $(LDFLAGS)

# ---- building blocks used by the folders' .mk files --------------------------------------------------------------------
# $(call objs,sources)
objs = $(patsubst %.c,$(B)/obj/%.o,$(1))

# $(call static_lib,name,sources): build/lib/lib<name>.a
define static_lib
$(B)/lib/lib$(1).a: $(call objs,$(2))
ALL_ARTIFACTS += $(B)/lib/lib$(1).a
ALL_OBJS += $(call objs,$(2))
endef

# $(call program,path below build/,sources,static library names in link order,other libraries)
define program
$(B)/$(1): $(call objs,$(2)) $(foreach l,$(3),$(B)/lib/lib$(l).a)
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS_ALL) -pie -o $$@ $(call objs,$(2)) $(foreach l,$(3),$(B)/lib/lib$(l).a) $(4) -lpthread
ALL_OBJS += $(call objs,$(2))
endef

# $(call shared_object,path below build/,sources,static library names,other libraries,version script)
define shared_object
$(B)/$(1): $(call objs,$(2)) $(foreach l,$(3),$(B)/lib/lib$(l).a) $(5)
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS_ALL) -shared $(if $(SANITIZE),,-Wl$$(comma)--no-undefined) -Wl,--version-script=$(5) -o $$@ $(call objs,$(2)) $(foreach l,$(3),$(B)/lib/lib$(l).a) $(4) -lpthread
ALL_OBJS += $(call objs,$(2))
endef

# $(call unit_tests,room,static library names,other libraries): every tests/unit/<room>/test_*.c is one CUnit program
define unit_tests
$(foreach t,$(wildcard tests/unit/$(1)/test_*.c),$(eval $(call program,tests/$(1)/$(basename $(notdir $(t))),$(t) tests/unit/runner.c,$(2),$(3) $(CUNIT_LIBS) -ldl)) $(eval UNIT_TESTS += $(B)/tests/$(1)/$(basename $(notdir $(t)))))
endef

ALL_ARTIFACTS :=
ALL_OBJS :=
UNIT_TESTS :=
TEST_ARTIFACTS :=
FUZZERS :=
BENCHES :=
PKG_CONFIGS :=

include $(sort $(wildcard */*.mk hosts/*/*.mk))

# ---- rules -------------------------------------------------------------------------------------------------------------
.PHONY: all check unit regress integration valgrind lint format fuzz fuzz-smoke bench soak demo install clean distclean help

all: $(ALL_ARTIFACTS)

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(CFLAGS_$(subst /,_,$(dir $*))) -MMD -MP -c -o $@ $<

$(B)/lib/lib%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^

-include $(sort $(ALL_OBJS:.o=.d))

check: all $(UNIT_TESTS) $(TEST_ARTIFACTS)
	FG_BUILD=$(abspath $(B)) SANITIZE='$(SANITIZE)' ci/check.sh all

unit: all $(UNIT_TESTS) $(TEST_ARTIFACTS)
	FG_BUILD=$(abspath $(B)) SANITIZE='$(SANITIZE)' ci/check.sh unit

regress: all $(TEST_ARTIFACTS)
	FG_BUILD=$(abspath $(B)) SANITIZE='$(SANITIZE)' ci/check.sh regress

integration: all $(TEST_ARTIFACTS)
	FG_BUILD=$(abspath $(B)) SANITIZE='$(SANITIZE)' ci/check.sh integration

valgrind: all $(UNIT_TESTS) $(TEST_ARTIFACTS)
	FG_BUILD=$(abspath $(B)) ci/valgrind.sh

lint: all
	ci/lint.sh

format:
	git ls-files -- '*.c' '*.h' '*.cpp' | xargs -r clang-format -i

fuzz-smoke fuzz:
	ci/fuzz.sh $@

bench: all $(BENCHES)
	FG_BUILD=$(abspath $(B)) ci/bench.sh

soak: all $(TEST_ARTIFACTS)
	FG_BUILD=$(abspath $(B)) ci/soak.sh

# The module goes where hosts look for it by path; libraries, headers, pkg-config files and manual pages where they belong.
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/fieldguard $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include/fieldguard $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 755 $(B)/bin/fieldguardd $(B)/bin/fieldguard $(DESTDIR)$(PREFIX)/bin/
	install -m 755 $(B)/lib/fieldguard.so $(DESTDIR)$(PREFIX)/lib/fieldguard/
	install -m 644 $(wildcard $(B)/lib/libfieldguard-*.a) $(DESTDIR)$(PREFIX)/lib/
	install -m 755 $(wildcard $(B)/lib/libfieldguard-*.so) $(DESTDIR)$(PREFIX)/lib/
	install -m 644 include/fieldguard/*.h $(DESTDIR)$(PREFIX)/include/fieldguard/
	install -m 644 man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	for pc in $(PKG_CONFIGS); do sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' $$pc >$(DESTDIR)$(PREFIX)/lib/pkgconfig/$$(basename $$pc .in); done

clean:
	rm -rf build

distclean: clean

help:
	@echo 'make            build everything (installs what is missing first)'
	@echo 'make demo       the main job, end to end, with a transcript'
	@echo 'make check      unit, regress and integration tests; SANITIZE=address,undefined for a sanitizer build'
	@echo 'make valgrind   unit tests and the demo server under valgrind'
	@echo 'make lint       clang-format, clang-tidy, cppcheck, our own rules'
	@echo 'make fuzz-smoke replay every corpus and fuzz each target briefly; make fuzz: FUZZ_SECONDS each (600)'
	@echo 'make bench      ratios against named peers, also in build/bench.json'
	@echo 'make soak       long runs'
	@echo 'make install    DESTDIR= PREFIX='
