# SPDX-License-Identifier: Apache-2.0
CFLAGS_examples_client_app_ := $(MONGOC_CFLAGS)
$(eval $(call program,tests/examples/client_app,examples/client_app/client_app.c,fieldguard-client fieldguard-base,$(MONGOC_LIBS) $(CURL_LIBS) $(SSL_LIBS)))
TEST_ARTIFACTS += $(B)/tests/examples/client_app
