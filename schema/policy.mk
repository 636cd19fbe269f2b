# SPDX-License-Identifier: Apache-2.0
MONGOCRYPT_CFLAGS := $(patsubst -I%,-isystem %,$(call pkg,--cflags,libmongocrypt))
MONGOCRYPT_LIBS := $(call pkg,--libs,libmongocrypt)
CFLAGS_tests_unit_policy_ := $(if $(MONGOCRYPT_LIBS),-DFG_TEST_MONGOCRYPT=1 $(MONGOCRYPT_CFLAGS),-DFG_TEST_MONGOCRYPT=0)
$(eval $(call unit_tests,policy,fieldguard-schema fieldguard-base,$(BSON_LIBS) $(PCRE2_LIBS) $(MONGOCRYPT_LIBS) -lm))
