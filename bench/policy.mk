# SPDX-License-Identifier: Apache-2.0
$(eval $(call program,bench/bench_policy,bench/bench_policy.c,fieldguard-schema fieldguard-base,$(BSON_LIBS) $(PCRE2_LIBS) -lm))
$(eval $(call program,bench/bench_matcher,bench/bench_matcher.c,fieldguard-schema fieldguard-base,$(BSON_LIBS) $(PCRE2_LIBS) -lm))
$(eval $(call program,bench/bench_names,bench/bench_names.c,fieldguard-base,))
BENCHES += $(B)/bench/bench_policy $(B)/bench/bench_matcher $(B)/bench/bench_names
