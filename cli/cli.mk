# SPDX-License-Identifier: Apache-2.0
$(eval $(call program,bin/fieldguard,$(wildcard cli/*.c),fieldguard-audit fieldguard-base,$(CRYPTO_LIBS)))
ALL_ARTIFACTS += $(B)/bin/fieldguard
