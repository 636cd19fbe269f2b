# SPDX-License-Identifier: Apache-2.0
# The second interpreter of validators and policies, held against the first. A library so that the fuzz target can have it too; never installed.
ORACLE_SOURCES := $(filter-out tests/oracle/differential_main.c,$(wildcard tests/oracle/*.c))
$(B)/lib/liboracle.a: $(call objs,$(ORACLE_SOURCES))
ALL_OBJS += $(call objs,$(ORACLE_SOURCES))
$(eval $(call program,tests/oracle/differential,tests/oracle/differential_main.c,oracle fieldguard-schema fieldguard-base,$(BSON_LIBS) $(PCRE2_LIBS) -lm))
TEST_ARTIFACTS += $(B)/tests/oracle/differential
