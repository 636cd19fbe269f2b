# SPDX-License-Identifier: Apache-2.0
CFLAGS_bench_ = $(MONGOC_CFLAGS)
$(eval $(call program,bench/insert_load,bench/insert_load.c,,$(MONGOC_LIBS)))
BENCHES += $(B)/bench/insert_load $(B)/tests/clients/run_commands
