# SPDX-License-Identifier: Apache-2.0
# The loader that hosts link. Its objects have default visibility and the version script picks what libfieldguard-host.so exports.
CFLAGS_module_loader_ := -fvisibility=default
$(eval $(call static_lib,fieldguard-host,$(wildcard module/loader/*.c)))
$(eval $(call shared_object,lib/libfieldguard-host.so,$(wildcard module/loader/*.c),fieldguard-base,-ldl,module/loader/host.map))
ALL_ARTIFACTS += $(B)/lib/libfieldguard-host.so

# fieldguard.so: exports its magic block and its init, and nothing else.
$(eval $(call shared_object,lib/fieldguard.so,$(wildcard module/*.c),fieldguard-audit fieldguard-schema fieldguard-base,$(BSON_LIBS) $(PCRE2_LIBS) $(CRYPTO_LIBS),module/fieldguard.map))
ALL_ARTIFACTS += $(B)/lib/fieldguard.so
$(eval $(call unit_tests,module,fieldguard-host fieldguard-audit fieldguard-base,$(BSON_LIBS) $(CRYPTO_LIBS)))
