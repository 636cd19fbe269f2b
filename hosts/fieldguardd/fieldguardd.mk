# SPDX-License-Identifier: Apache-2.0
# fieldguardd: everything but main is in archives, so that unit tests and fuzzers link what the program links.
# fieldguardd-base: what needs no socket, no thread and no store (wire format, configuration, log).
FGD_BASE_SOURCES := $(addprefix hosts/fieldguardd/,config.c options.c yaml.c log.c limits.c net/wire.c net/bson_check.c \
   net/crc32c.c net/reply.c)
FGD_SOURCES := $(filter-out hosts/fieldguardd/main.c $(FGD_BASE_SOURCES),$(wildcard hosts/fieldguardd/*.c \
   hosts/fieldguardd/net/*.c hosts/fieldguardd/store/*.c hosts/fieldguardd/commands/*.c))
FGD_LIBS := fieldguardd fieldguardd-base fieldguardd-query fieldguard-host fieldguard-schema fieldguard-base
FGD_LDLIBS = $(BSON_LIBS) $(PCRE2_LIBS) $(LMDB_LIBS) $(UV_LIBS) $(YAML_LIBS) -ldl -lm

$(eval $(call static_lib,fieldguardd-base,$(FGD_BASE_SOURCES)))
$(eval $(call static_lib,fieldguardd,$(FGD_SOURCES)))
$(eval $(call program,bin/fieldguardd,hosts/fieldguardd/main.c,$(FGD_LIBS),$(FGD_LDLIBS)))
$(eval $(call unit_tests,fieldguardd,fieldguardd-base fieldguard-base,$(BSON_LIBS) $(YAML_LIBS)))
ALL_ARTIFACTS += $(B)/bin/fieldguardd
