# SPDX-License-Identifier: Apache-2.0
# The store's own tests and the interposer that shows when its files reach the disk. Its sources are part of libfieldguardd.a (fieldguardd.mk).
$(eval $(call unit_tests,store,$(FGD_LIBS),$(FGD_LDLIBS)))

# Loaded into fieldguardd by tests/integration/test_fdatasync.py and test_store_faults.py.
$(B)/tests/store/%.so: tests/integration/store/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) -std=c11 -g -O2 $(WARN) -fPIC -shared -o $@ $< -ldl
TEST_ARTIFACTS += $(B)/tests/store/sync_order.so $(B)/tests/store/fail_io.so
