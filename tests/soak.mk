# SPDX-License-Identifier: Apache-2.0
# The load generator of tests/soak/load.py. `make soak` builds it with everything else that tests need.
$(eval $(call program,tests/soak/load,$(wildcard tests/soak/*.c),fieldguard-base,$(BSON_LIBS)))
TEST_ARTIFACTS += $(B)/tests/soak/load
