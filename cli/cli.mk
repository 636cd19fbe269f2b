# SPDX-License-Identifier: Apache-2.0
# What reads documents and options stands in a library of its own: tests and fuzzers link it, too.
CLI_READERS := cli/documents.c cli/extjson.c cli/extjson_types.c cli/options_file.c cli/window.c
$(eval $(call static_lib,documents,$(CLI_READERS)))
$(eval $(call program,bin/fieldguard,$(filter-out $(CLI_READERS),$(wildcard cli/*.c)),documents fieldguard-client fieldguard-audit fieldguard-schema fieldguard-base,$(MONGOC_LIBS) $(PCRE2_LIBS) $(CURL_LIBS) $(SSL_LIBS) -lm))
ALL_ARTIFACTS += $(B)/bin/fieldguard
$(eval $(call unit_tests,cli,documents fieldguard-base,$(BSON_LIBS)))
