# SPDX-License-Identifier: Apache-2.0
$(eval $(call program,bench/bench_policy,bench/bench_policy.c,fieldguard-schema fieldguard-base,$(BSON_LIBS) $(PCRE2_LIBS) -lm))
BENCHES += $(B)/bench/bench_policy
