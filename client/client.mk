# SPDX-License-Identifier: Apache-2.0
CLIENT_SRC := $(wildcard client/*.c client/*/*.c)
CLIENT_LDLIBS := $(MONGOC_LIBS) $(CURL_LIBS) $(SSL_LIBS)
CFLAGS_client_keys_ := $(MONGOC_CFLAGS)
$(eval $(call static_lib,fieldguard-client,$(CLIENT_SRC)))
$(eval $(call shared_object,lib/libfieldguard-client.so,$(CLIENT_SRC),fieldguard-audit fieldguard-base,-Wl$(comma)-soname$(comma)libfieldguard-client.so $(CLIENT_LDLIBS),client/client.map))
ALL_ARTIFACTS += $(B)/lib/libfieldguard-client.so
PKG_CONFIGS += client/fieldguard-client.pc.in

$(eval $(call unit_tests,client,fieldguard-client fieldguard-audit fieldguard-base,$(CLIENT_LDLIBS)))

# libmongocrypt is a peer of the tests and the bench, never of the library.
ifneq ($(wildcard /usr/include/mongocrypt/mongocrypt.h),)
CFLAGS_tests_unit_client_interop_ := -isystem /usr/include/mongocrypt
$(eval $(call unit_tests,client_interop,fieldguard-client fieldguard-base,-lmongocrypt $(CLIENT_LDLIBS)))
endif
