# SPDX-License-Identifier: Apache-2.0
$(eval $(call static_lib,fieldguard-audit,$(wildcard audit/*.c)))
$(eval $(call unit_tests,audit,fieldguard-audit fieldguard-base,$(CRYPTO_LIBS)))
