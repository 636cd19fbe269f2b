# SPDX-License-Identifier: Apache-2.0
$(eval $(call static_lib,fieldguard-schema,$(wildcard schema/match/*.c schema/policy/*.c)))
$(eval $(call unit_tests,schema,fieldguard-schema fieldguard-base,$(BSON_LIBS) $(PCRE2_LIBS) -lm))
$(eval $(call program,tests/schema/replay,tests/integration/verdicts/replay.c,fieldguard-schema fieldguard-base,$(BSON_LIBS) $(PCRE2_LIBS) -lm))
TEST_ARTIFACTS += $(B)/tests/schema/replay
