# The tests.  Each unit test names the rooms it may link: what it cannot link
# it cannot depend on.

# unit NAME,ROOMS: tests/unit/check_NAME.c is a program of its own
define unit
UNIT_TESTS += $(B)/tests/check_$(1)
TEST_OBJS += $(B)/obj/tests/unit/check_$(1).o
$(B)/tests/check_$(1): $(B)/obj/tests/unit/check_$(1).o $$(call rooms_a,$(2))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$(Q)$$(CC) $$(CFLAGS_ALL) $$(LDFLAGS_ALL) -o $$@ $$^ $$(call rooms_l,$(2)) $$(CHECK_LIBS) -lm
endef

# prog NAME,SOURCES,ROOMS: another program used by tests
define prog
TEST_PROGS += $(B)/tests/$(1)
TEST_OBJS += $$(patsubst %.c,$(B)/obj/%.o,$(2))
$(B)/tests/$(1): $$(patsubst %.c,$(B)/obj/%.o,$(2)) $$(call rooms_a,$(3))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$(Q)$$(CC) $$(CFLAGS_ALL) $$(LDFLAGS_ALL) -o $$@ $$^ $$(call rooms_l,$(3)) $$(CHECK_LIBS) $$(JANSSON_LIBS) -lm
endef

# fuzz NAME,ROOMS: tests/fuzz/fuzz_NAME.c defines LLVMFuzzerTestOneInput and is
# linked with a driver that replays tests/fuzz/corpus/NAME/
define fuzz
FUZZERS += $(B)/tests/fuzz_$(1)
FUZZ_NAMES += $(1)
FUZZ_ROOMS_$(1) = $(2)
TEST_OBJS += $(B)/obj/tests/fuzz/fuzz_$(1).o
$(B)/tests/fuzz_$(1): $(B)/obj/tests/fuzz/fuzz_$(1).o $(B)/obj/tests/fuzz/replay.o $$(call rooms_a,$(2))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$(Q)$$(CC) $$(CFLAGS_ALL) $$(LDFLAGS_ALL) -o $$@ $$^ $$(call rooms_l,$(2)) -lm
endef

# --- unit tests: one line each ---------------------------------------------
$(eval $(call unit,base,base))
$(eval $(call unit,layout,layout base))
$(eval $(call unit,tls,tls base))
$(eval $(call unit,tls_files,tls base))
$(eval $(call unit,sys,sys base))
$(eval $(call unit,sys_log,sys base))

# --- fuzz targets ----------------------------------------------------------

# --- other test programs ---------------------------------------------------
$(eval $(call prog,vectors_value,tests/golden/vectors_value.c tests/golden/golden.c,value base))
$(eval $(call prog,vectors_proto,tests/golden/vectors_proto.c tests/golden/golden.c,proto topic value base))

# Golden vectors of any folder (DIR; empty: our own); ends with a total.
VECTORS = $(filter $(B)/tests/vectors_%,$(TEST_PROGS))
.PHONY: vectors
vectors: $(VECTORS)
	@tests/vectors.sh '$(DIR)' $(VECTORS)

.PHONY: check
check: all $(UNIT_TESTS) $(TEST_PROGS) $(FUZZERS)
	@B='$(B)' tests/run.sh
