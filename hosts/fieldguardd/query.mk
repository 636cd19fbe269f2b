# SPDX-License-Identifier: Apache-2.0
# libfieldguardd-query.a: updates, projections, sorts and pipelines over BSON bytes. fieldguardd links it before fieldguard-schema and fieldguard-base, with -lm.
FGD_QUERY_LIBS := fieldguardd-query fieldguard-schema fieldguard-base
$(eval $(call static_lib,fieldguardd-query,$(wildcard hosts/fieldguardd/query/*.c)))
$(eval $(call unit_tests,query,$(FGD_QUERY_LIBS),$(BSON_LIBS) $(PCRE2_LIBS) -lm))
ifneq ($(wildcard tests/integration/queries/replay.c),)
$(eval $(call program,tests/queries/replay,tests/integration/queries/replay.c tests/integration/queries/extjson.c,$(FGD_QUERY_LIBS),$(BSON_LIBS) $(PCRE2_LIBS) -lm))
TEST_ARTIFACTS += $(B)/tests/queries/replay
endif
