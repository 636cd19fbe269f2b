# SPDX-License-Identifier: Apache-2.0
ifneq ($(wildcard /usr/include/mongocrypt/mongocrypt.h),)
CFLAGS_bench_client_ := -isystem /usr/include/mongocrypt
$(eval $(call program,bench/bench_client,bench/client/bench_client.c bench/client/peer_hooks.c,fieldguard-client fieldguard-base,$(MONGOC_LIBS) $(CURL_LIBS) $(SSL_LIBS) -ldl))
BENCHES += $(B)/bench/bench_client
endif
