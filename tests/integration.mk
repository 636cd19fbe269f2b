# SPDX-License-Identifier: Apache-2.0
# Clients that the integration tests drive.
CFLAGS_tests_integration_clients_ = $(MONGOC_CFLAGS)
$(eval $(call program,tests/clients/run_commands,tests/integration/clients/run_commands.c,,$(MONGOC_LIBS)))
$(eval $(call program,tests/clients/libmongoc_client,tests/integration/clients/libmongoc_client.c,,$(MONGOC_LIBS)))
$(eval $(call program,tests/clients/libmongoc_transactions,tests/integration/clients/libmongoc_transactions.c,,$(MONGOC_LIBS)))
TEST_ARTIFACTS += $(B)/tests/clients/libmongoc_transactions
$(eval $(call program,tests/clients/key_churn,tests/integration/clients/key_churn.c,fieldguard-client fieldguard-base,$(CLIENT_LDLIBS)))
$(eval $(call program,tests/clients/libmongoc_encryption,tests/integration/clients/libmongoc_encryption.c,,$(MONGOC_LIBS)))
TEST_ARTIFACTS += $(B)/tests/clients/libmongoc_encryption
$(eval $(call program,tests/clients/kms_client,tests/integration/clients/kms_client.c,fieldguard-client fieldguard-base,$(CLIENT_LDLIBS)))
TEST_ARTIFACTS += $(B)/tests/clients/kms_client
$(eval $(call program,tests/clients/key_tool,tests/integration/clients/key_tool.c,fieldguard-client fieldguard-base,$(CLIENT_LDLIBS)))
TEST_ARTIFACTS += $(B)/tests/clients/key_tool
TEST_ARTIFACTS += $(B)/tests/clients/run_commands $(B)/tests/clients/libmongoc_client $(B)/tests/clients/key_churn

# Recorded queries against a running server.
CFLAGS_tests_integration_queries_ = $(MONGOC_CFLAGS)
$(eval $(call program,tests/queries/replay_wire,tests/integration/queries/replay_wire.c,fieldguardd-query-tests fieldguardd-query fieldguard-schema fieldguard-base,$(MONGOC_LIBS) $(PCRE2_LIBS) -lm))
TEST_ARTIFACTS += $(B)/tests/queries/replay_wire
