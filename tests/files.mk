# The tests.  Each unit test names the rooms it may link: what it cannot link
# it cannot depend on.

# unit NAME,ROOMS: tests/unit/check_NAME.c is a program of its own
define unit
UNIT_TESTS += $(B)/tests/check_$(1)
TEST_OBJS += $(B)/obj/tests/unit/check_$(1).o
$(B)/tests/check_$(1): $(B)/obj/tests/unit/check_$(1).o $$(call rooms_a,$(2))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$(Q)$$(CC) $$(CFLAGS_ALL) $$(LDFLAGS_ALL) -o $$@ $$^ $$(call rooms_l,$(2)) $$(CHECK_LIBS) $$(JANSSON_LIBS) -lm
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
$(B)/tests/fuzz_$(1): $(B)/obj/tests/fuzz/fuzz_$(1).o $$(FUZZ_MAIN) $$(call rooms_a,$(2))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$(Q)$$(CC) $$(CFLAGS_ALL) $$(LDFLAGS_ALL) $$(FUZZ_ENGINE) -o $$@ $$^ $$(call rooms_l,$(2)) -lm
endef
# With FUZZ=1 libFuzzer drives instead of the replay.
ifeq ($(FUZZ),1)
FUZZ_ENGINE = -fsanitize=fuzzer
else
FUZZ_MAIN = $(B)/obj/tests/fuzz/replay.o
TEST_OBJS += $(FUZZ_MAIN)
endif

# --- unit tests: one line each ---------------------------------------------
$(eval $(call unit,base,base))
$(eval $(call unit,echoes,core sys proto pool layout topic value base))
$(eval $(call unit,members,core sys proto pool layout topic value base))
$(eval $(call unit,members_history,core sys proto pool layout topic value base))
$(eval $(call unit,members_peers,core sys proto pool layout topic value base))
$(eval $(call unit,members_track,core sys proto pool layout topic value base))
$(eval $(call unit,members_reload,core sys proto pool layout topic value base))
$(eval $(call unit,replay,core sys proto tls pool layout topic value base))
$(eval $(call unit,replay_forward,core sys proto tls pool layout topic value base))
$(eval $(call unit,dial,core base))
$(eval $(call unit,delivery,logs stores core store value base))
$(eval $(call unit,outbox,logs stores core sys store logrec pool value base))
$(eval $(call unit,outbox_answer,logs stores core sys store logrec pool value base))
$(eval $(call unit,shipper,logs stores core sys proto store logrec pool layout topic value base))
$(eval $(call unit,outbox_model,logs stores core sys store logrec pool value base))
$(eval $(call unit,inputs,logs stores core sys store logrec pool layout topic value base))
$(eval $(call unit,inputs_turn,logs stores core sys store logrec pool layout topic value base))
$(eval $(call unit,infile,io core base))
$(eval $(call unit,forward,core proto topic value base))
$(eval $(call unit,outq,core proto topic value base))
$(eval $(call unit,router,core proto topic value base))
$(eval $(call unit,link,core sys proto pool layout topic value base))
$(eval $(call unit,endpoint_pools,core sys proto pool layout topic value base))
$(eval $(call unit,endpoint,core sys proto pool layout topic value base))
$(eval $(call unit,hold,core sys proto pool layout topic value base))
$(eval $(call unit,relays,core sys proto pool layout topic value base))
$(eval $(call unit,access,core sys proto pool layout topic value base))
$(eval $(call unit,rules,rules logs stores core sys proto store pool layout topic value base))
$(eval $(call unit,stores,stores core sys proto store pool layout topic value base))
$(eval $(call unit,stores_hosts,stores core sys proto store pool layout topic value base))
$(eval $(call unit,base_text,base))
$(eval $(call unit,heap,base))
$(eval $(call unit,value,value base))
$(eval $(call unit,value_bin,value base))
$(eval $(call unit,json,value base))
$(eval $(call unit,short,value base))
$(eval $(call unit,event,value base))
$(eval $(call unit,layout,layout value base))
$(eval $(call unit,layout_nodes,layout value base))
$(eval $(call unit,key,pool value base))
$(eval $(call unit,pool,pool value base))
$(eval $(call unit,pools,pool base))
$(eval $(call unit,layout_words,layout value base))
$(eval $(call unit,layout_reload,layout value base))
$(eval $(call unit,tls,tls base))
$(eval $(call unit,tls_files,tls base))
$(eval $(call unit,tls_peer,tls base))
$(eval $(call unit,tls_zeek,tls base))
$(eval $(call unit,sys,sys base))
$(eval $(call unit,sys_log,sys base))

$(eval $(call unit,topic,topic base))
$(eval $(call unit,trie,topic base))
$(eval $(call unit,frame,proto base))
$(eval $(call unit,handshake,proto topic base))
$(eval $(call unit,envelope,proto base))
$(eval $(call unit,lines,proto base))
$(eval $(call unit,peer,proto topic base))
$(eval $(call unit,peer_end,proto topic base))
$(eval $(call unit,peer_states,proto topic base))
$(eval $(call unit,peer_table,proto topic base))
$(eval $(call unit,peer_time,proto topic base))
$(eval $(call unit,accepted,core base))
$(eval $(call unit,transcripts,proto topic base))
$(eval $(call unit,control,control rules logs stores core sys tls proto store logrec pool layout topic value base))
$(eval $(call unit,idents,core sys proto pool layout topic value base))
$(eval $(call unit,idents_replay,core sys proto pool layout topic value base))
$(eval $(call unit,control_pools,control rules logs stores core sys tls proto store logrec pool layout topic value base))
$(eval $(call unit,control_rules,control rules logs stores core sys tls proto store logrec pool layout topic value base))
$(eval $(call unit,control_store,control rules logs stores core sys tls proto store logrec pool layout topic value base))
$(eval $(call unit,control_ship,control rules logs stores core sys tls proto store logrec pool layout topic value base))
$(eval $(call unit,control_jtext,proto base))
$(eval $(call unit,backend_lmdb,stores core sys store base))
$(eval $(call unit,backend_lmdb_fail,stores core sys store base))
$(eval $(call unit,backend_lmdb_file,stores core sys store base))
$(eval $(call unit,backend_lmdb_model,stores core sys store base))
$(eval $(call unit,command,store value base))
$(eval $(call unit,store_memory,store value base))
$(eval $(call unit,store,store value base))
$(eval $(call unit,channel,store value base))
$(eval $(call unit,store_apply,store value base))
$(eval $(call unit,store_model,store value base))
$(eval $(call unit,store_lives,store value base))
$(eval $(call unit,store_resume,store value base))
$(eval $(call unit,store_chunks,store value base))
$(eval $(call unit,store_lmdb,stores core sys store value base))
$(eval $(call unit,store_trouble,store value base))
$(eval $(call unit,store_zeek,store value base))
$(eval $(call unit,store_transcripts,proto store value base))
$(eval $(call unit,logrec_message,logrec value base))
$(eval $(call unit,logrec_text,logrec value base))
$(eval $(call unit,ctl,ctl sys proto logrec tls layout topic value base))
$(eval $(call unit,ctl_client,ctl sys proto logrec tls layout topic value base))
$(eval $(call unit,ctl_views,ctl sys proto logrec tls layout topic value base))
$(eval $(call unit,io,io control rules logs stores core sys tls store base))
$(eval $(call unit,conn,io control rules logs stores core sys tls store base))
$(eval $(call unit,child,io control rules logs stores core sys tls store base))
$(eval $(call unit,control_server,io control rules logs stores core sys tls proto store logrec pool layout topic value base))
$(eval $(call unit,peers,io control rules logs stores core sys tls proto pool layout topic store value base))
$(eval $(call unit,records,core base))
$(eval $(call unit,logger,logs stores core sys proto tls store logrec pool layout topic value base))
$(eval $(call unit,logpost,io logs stores core sys layout store base))
$(eval $(call unit,logpost_again,io logs stores core sys layout store base))
$(eval $(call unit,logdisk,io logs stores core sys proto logrec layout store value base))
$(eval $(call unit,logsink,logs stores core sys proto logrec layout store value base))
$(eval $(call unit,logsink_crash,logs stores core sys proto logrec layout store value base))
$(eval $(call unit,logger_recordings,io logs stores core sys proto logrec layout store value base))
$(eval $(call unit,logfile,io control rules logs stores core sys store base))
$(eval $(call unit,options,node sys layout value base))
$(eval $(call unit,supervise,node sys layout value base))

# --- fuzz targets ----------------------------------------------------------
$(eval $(call fuzz,frame,proto base))
$(eval $(call fuzz,handshake,proto topic base))
$(eval $(call fuzz,envelope,proto base))
$(eval $(call fuzz,lines,proto base))
$(eval $(call fuzz,peer,proto topic base))
$(eval $(call fuzz,value,value base))
$(eval $(call fuzz,json,value base))
$(eval $(call fuzz,text,value base))
$(eval $(call fuzz,key,value base))
$(eval $(call fuzz,layout,layout value base))
$(eval $(call fuzz,command,store value base))
$(eval $(call fuzz,record,stores core store base))
$(eval $(call fuzz,log_record,logrec value base))
$(eval $(call fuzz,input_mark,logs stores core store base))
$(eval $(call fuzz,delivery,logs stores core store value base))
$(eval $(call fuzz,idents,core sys proto pool layout topic value base))
$(eval $(call fuzz,control,control rules logs stores core sys tls proto store logrec pool layout topic value base))
$(eval $(call fuzz,outbox,logs stores core sys store logrec pool value base))
$(eval $(call fuzz,logsink,logs stores core sys proto logrec layout store value base))
$(eval $(call fuzz,log_tsv,logrec value base))
$(eval $(call fuzz,log_json,logrec value base))

# --- other test programs ---------------------------------------------------
SIM_SRCS = tests/sim/sim_asks.c tests/sim/sim_cases.c tests/sim/sim_check.c \
	tests/sim/sim_heap.c tests/sim/sim_main.c tests/sim/sim_net.c \
	tests/sim/sim_node.c tests/sim/sim_oracle.c tests/sim/sim_pools.c \
	tests/sim/sim_relays.c \
	tests/sim/sim_scenario.c tests/sim/sim_stores.c
$(eval $(call prog,sim,$(SIM_SRCS),stores core sys store proto tls pool layout topic value base))

# Simulations with seeds nobody chose, for TIME minutes, after 200 deaths of a
# daemon that writes, and 1500 seeds of the model of stores and 1500 of stores
# in simulated clusters.
.PHONY: soak
soak: $(B)/tests/sim $(B)/tests/check_store_model $(PROGRAMS) \
    $(B)/tests/rawpeer $(B)/tests/freeports
	B='$(B)' MUSTER_KILLS=200 tests/cluster/43-store-kill.sh
	MODEL_SEED=$$(date +%s) MODEL_SEEDS=500 $(B)/tests/check_store_model
	$(B)/tests/sim --scenario stores --nodes 6 --seed $$(date +%s) --runs 1500
	$(B)/tests/sim --soak $(or $(TIME),10)

# A cluster of 5,000 nodes, or NODES, in one process until it has started:
# minutes and gigabytes.
.PHONY: scale
scale: $(B)/tests/sim
	$(B)/tests/sim --scenario form --nodes $(or $(NODES),5000)

# A store of ten million entries, or ENTRIES: some minutes and gigabytes below
# TMPDIR.
.PHONY: large
large: $(PROGRAMS) $(B)/tests/storefill $(B)/tests/freeports $(B)/tests/rawpeer
	@B='$(B)' ENTRIES=$(or $(ENTRIES),10000000) SMALL=$(or $(SMALL),1000000) \
	    tests/cluster/48-store-larger-than-memory.sh
$(eval $(call prog,rawpeer,tests/cluster/rawpeer.c tests/cluster/wire.c,tls value base))
$(eval $(call prog,bench_logger,tests/bench/bench_logger.c,io logs stores core sys proto logrec layout store value base))
$(eval $(call prog,bench_clone,tests/bench/bench_clone.c,store value base))
$(eval $(call prog,bench_lmdb,tests/bench/bench_lmdb.c,stores core sys store base))
$(eval $(call prog,freeports,tests/cluster/freeports.c,base))
$(eval $(call prog,storefill,tests/cluster/storefill.c,stores core sys store value base))

# For LD_PRELOAD, therefore without sanitizers.
TEST_PROGS += $(B)/tests/slowdisk.so $(B)/tests/leapclock.so
$(B)/tests/slowdisk.so $(B)/tests/leapclock.so: $(B)/tests/%.so: tests/cluster/%.c
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c17 -O1 $(WARN) -fPIC -shared -o $@ $< -ldl
# The load generator is an implementation of its own: no room is linked.
BENCH_COMMON = tests/bench/util.c tests/bench/wire.c tests/bench/peer.c \
	tests/bench/nats.c tests/bench/shake.c tests/bench/tls.c
BENCH_CASES = tests/bench/case_logs.c tests/bench/case_memory.c \
	tests/bench/case_start.c tests/bench/case_store.c \
	tests/bench/control.c tests/bench/logload.c tests/bench/store.c
BENCH_SRCS = $(BENCH_COMMON) $(BENCH_CASES) \
	tests/bench/cases.c tests/bench/event.c \
	tests/bench/gates.c tests/bench/hist.c tests/bench/limits.c \
	tests/bench/load.c tests/bench/main.c tests/bench/proc.c \
	tests/bench/report.c tests/bench/selftest.c tests/bench/table.c \
	tests/bench/target.c tests/bench/track.c
PROBE_SRCS = $(BENCH_COMMON) tests/bench/probe.c

# bench_prog NAME,SOURCES,LIBRARIES
define bench_prog
TEST_PROGS += $(B)/tests/$(1)
TEST_OBJS += $$(patsubst %.c,$(B)/obj/%.o,$(2))
$(B)/tests/$(1): $$(patsubst %.c,$(B)/obj/%.o,$(2))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$(Q)$$(CC) $$(CFLAGS_ALL) $$(LDFLAGS_ALL) -o $$@ $$^ $$(OPENSSL_LIBS) $(3)
endef
$(eval $(call bench_prog,muster-bench,$(BENCH_SRCS),$(ZLIB_LIBS) $(ZSTD_LIBS)))
$(eval $(call bench_prog,bench-probe,$(PROBE_SRCS)))

# The standard set in less than five minutes, results in $(B)/bench.json;
# EARLIER=file compares with the results of then, BENCH=options adds some.
.PHONY: bench
bench: $(PROGRAMS) $(B)/tests/muster-bench $(B)/tests/bench-probe \
    $(B)/tests/bench_logger $(B)/tests/bench_lmdb $(B)/tests/bench_clone \
    $(B)/tests/storefill
	@$(B)/tests/bench_logger --seconds 1 --json '$(B)/bench-logger.json'
	@$(B)/tests/muster-bench --programs '$(B)' --json '$(B)/bench.json' \
	    $(if $(EARLIER),--earlier '$(EARLIER)') $(BENCH)

$(eval $(call prog,vectors_value,tests/golden/vectors_value.c tests/golden/golden.c,value base))
$(eval $(call prog,vectors_store,tests/golden/vectors_store.c tests/golden/golden.c,store value base))
$(eval $(call prog,vectors_pool,tests/golden/vectors_pool.c tests/golden/golden.c,pool value base))
$(eval $(call prog,vectors_proto,tests/golden/vectors_proto.c tests/golden/golden.c,proto topic value base))

$(eval $(call prog,zeek_logs,tests/golden/zeek_logs.c,logrec value base))
$(eval $(call prog,vectors_logrec,tests/golden/vectors_logrec.c tests/golden/golden.c,logrec value base))

# Golden vectors of any folder (DIR; empty: our own); ends with a total.
VECTORS = $(filter $(B)/tests/vectors_%,$(TEST_PROGS))
.PHONY: vectors
vectors: $(VECTORS)
	@tests/vectors.sh '$(DIR)' $(VECTORS)

.PHONY: check check-programs check-sanitizers fuzz
check-programs: all $(UNIT_TESTS) $(TEST_PROGS) $(FUZZERS)
ifneq ($(HAVE_CHECK),yes)
	$(error the test library "check" is missing: run "make deps" and "./configure")
endif

# T=pattern runs only the tests whose names match.
check: check-programs
	@B='$(B)' T='$(T)' tests/run.sh

# All of it again under the address and undefined-behaviour sanitizers.
check-sanitizers:
	+$(Q)MUSTER_SANITIZED=1 $(MAKE) --no-print-directory SAN=1 \
	    B='$(B)/san' check

# Look for new inputs for TIME seconds per target.
fuzz:
	+$(Q)$(MAKE) --no-print-directory CC=clang-14 SAN=1 FUZZ=1 \
	    B='$(B)/fuzz' fuzz-programs
	@B='$(B)/fuzz' tests/fuzz.sh $(or $(TIME),60) $(FUZZ_NAMES)
fuzz-programs: $(FUZZERS)
