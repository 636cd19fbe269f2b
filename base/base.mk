# SPDX-License-Identifier: Apache-2.0
$(eval $(call static_lib,fieldguard-base,$(wildcard base/*.c)))
$(eval $(call unit_tests,base,fieldguard-base,))
