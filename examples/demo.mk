# SPDX-License-Identifier: Apache-2.0
CFLAGS_examples_demo_ = $(MONGOC_CFLAGS)
$(eval $(call program,bin/fieldguard-demo,examples/demo/demo.c,fieldguard-base,$(MONGOC_LIBS)))
ALL_ARTIFACTS += $(B)/bin/fieldguard-demo

demo: all
	FG_BUILD=$(abspath $(B)) examples/demo/demo.sh
