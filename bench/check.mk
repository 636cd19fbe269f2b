# SPDX-License-Identifier: Apache-2.0
$(eval $(call program,bench/bson_walk,bench/bson_walk.c,,$(BSON_LIBS)))
BENCHES += $(B)/bench/bson_walk
