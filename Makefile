# Muster's only makefile.  configure writes config.mk; the lists of sources,
# one file per line, are in lib/files.mk, daemon/files.mk and tests/files.mk.
#
#   make            programs and libraries below $(B)
#   make check      everything that must hold, on loopback, in minutes;
#                   T=pattern picks tests
#   make check-sanitizers    the same under gcc's sanitizers
#   make fuzz TIME=60        looks for new inputs, seconds per target
#   make demo       a cluster of nine nodes on this machine
#   make deps       installs the Debian packages that are needed
#
# Variables: V=1 shows commands, B=dir puts objects elsewhere, SAN=1 builds
# with sanitizers, DESTDIR and prefix are honoured by install.

B ?= build
.DEFAULT_GOAL := all

NOCONFIG = deps demo distclean clean help format
ifneq ($(filter-out $(NOCONFIG),$(or $(MAKECMDGOALS),all)),)
include config.mk
endif

V ?= 0
ifeq ($(V),1)
Q =
say =
else
Q = @
say = @printf '  %-7s %s\n' $(1) '$(2)';
endif

WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 \
	-Wno-missing-field-initializers
ifeq ($(WERROR),yes)
WARN += -Werror
endif
HARDEN = -fstack-protector-strong -fstack-clash-protection -fcf-protection
FORTIFY = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
OPT = -O2 -g
ifeq ($(LTO),yes)
# Archives of such objects serve linkers without the plugin, too.
OPT += -flto=auto -ffat-lto-objects
endif
ifneq ($(filter yes 1,$(SANITIZERS) $(SAN)),)
SANFLAGS = -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
FORTIFY =
HARDEN =
OPT = -O1 -g
ifeq ($(FUZZ),1)
SANFLAGS += -fsanitize=fuzzer-no-link
endif
# gcc's instrumentation hides the range of shifts from its own warning.
WARN += -Wno-error=conversion
endif
CPPFLAGS_ALL = -D_GNU_SOURCE $(FORTIFY) -I. -Ilib -Idaemon $(USER_CPPFLAGS)
CFLAGS_ALL = -std=c17 $(OPT) $(WARN) $(HARDEN) -fPIC -fvisibility=hidden \
	$(SANFLAGS) $(filter-out -O2 -g,$(USER_CFLAGS))
LDFLAGS_ALL = -Wl,-z,relro,-z,now $(SANFLAGS) $(USER_LDFLAGS)
PIE = -pie
LIBS_layout = $(YAML_LIBS) $(JANSSON_LIBS)
LIBS_tls = $(OPENSSL_LIBS)
LIBS_value = -lm
LIBS_proto = $(JANSSON_LIBS)
LIBS_store = $(OPENSSL_LIBS)
LIBS_core = $(OPENSSL_LIBS)
LIBS_stores = $(LMDB_LIBS) -lpthread
LIBS_logs = $(LMDB_LIBS) $(ZLIB_LIBS) -lpthread
LIBS_control = $(OPENSSL_LIBS)
LIBS_io = $(LIBEVENT_LIBS) $(OPENSSL_LIBS) $(LMDB_LIBS) $(ZLIB_LIBS) \
	$(ZSTD_LIBS) -lpthread
LIBS_node = $(LIBEVENT_LIBS)
LIBS_ctl = $(JANSSON_LIBS) $(OPENSSL_LIBS)
DEPS_CFLAGS = $(LIBEVENT_CFLAGS) $(OPENSSL_CFLAGS) $(YAML_CFLAGS) \
	$(JANSSON_CFLAGS) $(LMDB_CFLAGS) $(ZLIB_CFLAGS) \
	$(ZSTD_CFLAGS)

all:

include lib/files.mk
include daemon/files.mk

# A room is an archive of its objects: $(B)/rooms/value.a
# room NAME,FOLDER
define room
$(1)_OBJS := $$(patsubst %.c,$(B)/obj/%.o,$$($(1)_SRCS))
ALL_OBJS += $$($(1)_OBJS)
$(B)/rooms/$(1).a: $$($(1)_OBJS)
	$$(call say,AR,$$@)
	@mkdir -p $$(@D); rm -f $$@
	$(Q)ar rcs $$@ $$^
endef
$(foreach r,$(LIB_ROOMS) $(DAEMON_ROOMS),$(eval $(call room,$(r))))

# rooms_a NAMES: their archives in link order (high floors first)
ORDER = node ctl io control rules logs stores core sys proto store logrec tls pool layout topic value base
rooms_a = $(foreach r,$(filter $(1),$(ORDER)),$(B)/rooms/$(r).a)
rooms_l = $(foreach r,$(filter $(1),$(ORDER)),$(LIBS_$(r)))

$(B)/obj/%.o: %.c | config.mk
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(DEPS_CFLAGS) $(CFLAGS_ALL) $(CFLAGS_$(notdir $(patsubst %/,%,$(dir $<)))) \
	    -MMD -MP -c -o $@ $<

# The public library: the rooms a program needs, with an explicit list of
# exported symbols.
SOVERSION = 0
LIBMUSTER = $(B)/libmuster.so.$(SOVERSION)
$(LIBMUSTER): $(foreach r,$(LIBMUSTER_ROOMS),$($(r)_OBJS)) lib/libmuster.map
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -shared -Wl,-soname,$(@F) \
	    -Wl,--version-script=lib/libmuster.map -o $@ $(filter %.o,$^) \
	    $(call rooms_l,$(LIBMUSTER_ROOMS))
	$(Q)ln -sf $(@F) $(B)/libmuster.so
$(B)/libmuster.a: $(foreach r,$(LIBMUSTER_ROOMS),$($(r)_OBJS))
	$(call say,AR,$@)
	$(Q)rm -f $@; ar rcs $@ $^

MUSTERD_ROOMS = node io control rules logs stores core sys proto store logrec tls pool layout topic value base
MUSTERCTL_ROOMS = ctl sys proto logrec tls layout topic value base
$(B)/musterd: $(B)/obj/daemon/node/main.o $(call rooms_a,$(MUSTERD_ROOMS))
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) $(PIE) -o $@ $^ \
	    $(call rooms_l,$(MUSTERD_ROOMS))
$(B)/musterctl: $(B)/obj/daemon/ctl/main.o $(call rooms_a,$(MUSTERCTL_ROOMS))
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) $(PIE) -o $@ $^ \
	    $(call rooms_l,$(MUSTERCTL_ROOMS))

PROGRAMS = $(B)/musterd $(B)/musterctl
LIBRARIES = $(LIBMUSTER) $(B)/libmuster.a

.PHONY: all
all: $(PROGRAMS) $(LIBRARIES)

include tests/files.mk

# --- configuration ---------------------------------------------------------

# pkg.m4 comes with pkg-config.
ACLOCAL_DIR = /usr/share/aclocal

configure: configure.ac
	$(call say,AUTOCONF,$@)
	$(Q)autoheader -I $(ACLOCAL_DIR) && autoconf -I $(ACLOCAL_DIR) && touch configure

config.mk: configure build-aux/config.mk.in
	$(call say,CONFIG,$@)
	$(Q)./configure -q $(CONFIGURE_FLAGS)
	$(Q)touch $@

.PHONY: deps clean distclean help format install uninstall demo
deps:
	@build-aux/deps.sh

format:
	@git ls-files '*.c' '*.h' | xargs -r clang-format-14 -i

clean:
	@rm -rf $(B)

distclean: clean
	@rm -rf build config.mk config.h config.h.in config.log \
	    config.status configure configure~ autom4te.cache

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile

demo:
	@tests/demo.sh

# --- installation ----------------------------------------------------------

include build-aux/install.mk

-include $(patsubst %.o,%.d,$(ALL_OBJS) $(TEST_OBJS) \
	$(B)/obj/daemon/node/main.o $(B)/obj/daemon/ctl/main.o)
