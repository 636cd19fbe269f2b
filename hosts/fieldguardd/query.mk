# SPDX-License-Identifier: Apache-2.0
# libfieldguardd-query.a: updates, projections, sorts and pipelines over BSON bytes. fieldguardd links it before fieldguard-schema and fieldguard-base, with -lm.
FGD_QUERY_LIBS := fieldguardd-query fieldguard-schema fieldguard-base
$(eval $(call static_lib,fieldguardd-query,$(wildcard hosts/fieldguardd/query/*.c)))

# What its tests share; no artifact.
FGD_QUERY_TEST_OBJS := $(call objs,tests/integration/queries/extjson.c tests/unit/query/helper.c)
$(B)/lib/libfieldguardd-query-tests.a: $(FGD_QUERY_TEST_OBJS)
ALL_OBJS += $(FGD_QUERY_TEST_OBJS)
$(eval $(call unit_tests,query,fieldguardd-query-tests $(FGD_QUERY_LIBS),$(BSON_LIBS) $(PCRE2_LIBS) -lm))
$(eval $(call program,tests/queries/replay,tests/integration/queries/replay.c,fieldguardd-query-tests $(FGD_QUERY_LIBS),$(BSON_LIBS) $(PCRE2_LIBS) -lm))
TEST_ARTIFACTS += $(B)/tests/queries/replay
