# SPDX-License-Identifier: Apache-2.0
$(eval $(call program,bin/fieldguard,$(wildcard cli/*.c),fieldguard-client fieldguard-audit fieldguard-base,$(MONGOC_LIBS) $(CURL_LIBS) $(SSL_LIBS)))
ALL_ARTIFACTS += $(B)/bin/fieldguard
