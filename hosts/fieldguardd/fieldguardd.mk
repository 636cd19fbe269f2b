# SPDX-License-Identifier: Apache-2.0
# fieldguardd: everything but main is in an archive, so that unit tests and fuzzers link what the program links.
FGD_SOURCES := $(filter-out hosts/fieldguardd/main.c,$(wildcard hosts/fieldguardd/*.c hosts/fieldguardd/net/*.c \
   hosts/fieldguardd/store/*.c hosts/fieldguardd/query/*.c hosts/fieldguardd/commands/*.c))
FGD_LIBS := fieldguardd fieldguard-host fieldguard-schema fieldguard-base
FGD_LDLIBS = $(BSON_LIBS) $(PCRE2_LIBS) $(LMDB_LIBS) $(UV_LIBS) $(YAML_LIBS) $(CRYPTO_LIBS) -ldl -lm

$(eval $(call static_lib,fieldguardd,$(FGD_SOURCES)))
$(eval $(call program,bin/fieldguardd,hosts/fieldguardd/main.c,$(FGD_LIBS),$(FGD_LDLIBS)))
$(eval $(call unit_tests,fieldguardd,$(FGD_LIBS),$(FGD_LDLIBS)))
ALL_ARTIFACTS += $(B)/bin/fieldguardd
