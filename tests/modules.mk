# SPDX-License-Identifier: Apache-2.0
# Modules that only tests load: deliberately bad ones, and two that show what the loader does.
TEST_MODULES := $(patsubst tests/modules/%.c,tests/modules/%.so,$(wildcard tests/modules/*.c))
$(foreach m,$(TEST_MODULES),$(eval $(call shared_object,$(m),$(m:.so=.c),,,module/fieldguard.map)))
TEST_ARTIFACTS += $(addprefix $(B)/,$(TEST_MODULES)) $(B)/tests/modules/bad_not_an_object.so

$(B)/tests/modules/bad_not_an_object.so: tests/modules.mk
	@mkdir -p $(@D)
	@echo 'this is no shared object' > $@

$(eval $(call unit_tests,loader,fieldguard-host fieldguard-base,))
