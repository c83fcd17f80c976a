# install and uninstall.  DESTDIR, prefix and the other folders of config.mk
# are honoured; the layout of a site is never touched.

INSTALL = install
D = $(DESTDIR)
pkgconfigdir = $(libdir)/pkgconfig
unitdir = $(prefix)/lib/systemd/system
sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d
bashcompdir = $(datadir)/bash-completion/completions
zshcompdir = $(datadir)/zsh/site-functions

PUBLIC_HEADERS = $(sort $(wildcard lib/muster/*.h))
MAN_PAGES = $(sort $(wildcard man/*.[1-9]))
EXAMPLES = $(sort $(wildcard conf/*.yaml conf/examples/*.yaml))
UNIT_TEMPLATES = systemd/musterd@.service

# Whatever completions there are: musterctl.bash goes by the command's name.
BASH_COMPLETIONS = $(sort $(wildcard conf/completion/*.bash))
ZSH_COMPLETIONS = $(sort $(wildcard conf/completion/_*))

SUBST = sed -e 's|@prefix@|$(prefix)|g' -e 's|@libdir@|$(libdir)|g' \
	-e 's|@includedir@|$(includedir)|g' -e 's|@version@|$(VERSION)|g' \
	-e 's|@private@|$(strip $(call rooms_l,$(LIBMUSTER_ROOMS)))|g' \
	-e 's|@sbindir@|$(sbindir)|g' -e 's|@sysconfdir@|$(sysconfdir)|g'

# subst_to SOURCE,TARGET
subst_to = $(SUBST) $(1) >$(2).new && chmod 644 $(2).new && mv -f $(2).new $(2)

install: all
	$(call say,INSTALL,$(D)$(prefix))
	$(Q)$(INSTALL) -d $(D)$(sbindir) $(D)$(bindir) $(D)$(libdir) \
	    $(D)$(includedir)/muster $(D)$(pkgconfigdir) $(D)$(docdir)/examples \
	    $(D)$(sysconfdir)/muster $(D)$(unitdir) $(D)$(sysusersdir) \
	    $(D)$(tmpfilesdir) $(D)$(bashcompdir) $(D)$(zshcompdir)
	$(Q)$(INSTALL) -m 755 $(B)/musterd $(D)$(sbindir)/musterd
	$(Q)$(INSTALL) -m 755 $(B)/musterctl $(D)$(bindir)/musterctl
	$(Q)$(INSTALL) -m 644 $(LIBMUSTER) $(D)$(libdir)/$(notdir $(LIBMUSTER))
	$(Q)ln -sf $(notdir $(LIBMUSTER)) $(D)$(libdir)/libmuster.so
	$(Q)$(INSTALL) -m 644 $(B)/libmuster.a $(D)$(libdir)/libmuster.a
	$(Q)$(INSTALL) -m 644 $(PUBLIC_HEADERS) $(D)$(includedir)/muster/
	$(Q)$(call subst_to,build-aux/muster.pc.in,$(D)$(pkgconfigdir)/muster.pc)
	$(Q)for page in $(MAN_PAGES); do \
	    $(INSTALL) -d $(D)$(mandir)/man$${page##*.} && \
	    $(INSTALL) -m 644 $$page $(D)$(mandir)/man$${page##*.}/ || exit 1; \
	done
	$(Q)$(INSTALL) -m 644 LICENSE $(wildcard CHANGES README.md) $(D)$(docdir)/
	$(Q)for file in $(EXAMPLES); do \
	    $(INSTALL) -m 644 $$file $(D)$(docdir)/examples/ || exit 1; \
	done
	$(Q)if [ -f conf/cluster.yaml ]; then \
	    $(INSTALL) -m 644 conf/cluster.yaml \
	        $(D)$(sysconfdir)/muster/cluster.yaml.example; \
	fi
	$(Q)for unit in $(UNIT_TEMPLATES); do \
	    $(call subst_to,$$unit.in,$(D)$(unitdir)/$${unit##*/}) || exit 1; \
	done
	$(Q)$(INSTALL) -m 644 systemd/muster.target $(D)$(unitdir)/muster.target
	$(Q)$(INSTALL) -m 644 systemd/muster.sysusers $(D)$(sysusersdir)/muster.conf
	$(Q)$(INSTALL) -m 644 systemd/muster.tmpfiles $(D)$(tmpfilesdir)/muster.conf
	$(Q)for file in $(BASH_COMPLETIONS); do \
	    name=$${file##*/}; \
	    $(INSTALL) -m 644 $$file $(D)$(bashcompdir)/$${name%.bash} || exit 1; \
	done
	$(Q)for file in $(ZSH_COMPLETIONS); do \
	    $(INSTALL) -m 644 $$file $(D)$(zshcompdir)/ || exit 1; \
	done

# Takes what install brings; cluster.yaml and the data of nodes stay.
uninstall:
	$(call say,REMOVE,$(D)$(prefix))
	$(Q)rm -f $(D)$(sbindir)/musterd $(D)$(bindir)/musterctl \
	    $(D)$(libdir)/libmuster.so $(D)$(libdir)/libmuster.a \
	    $(D)$(libdir)/$(notdir $(LIBMUSTER)) $(D)$(pkgconfigdir)/muster.pc \
	    $(D)$(sysconfdir)/muster/cluster.yaml.example \
	    $(D)$(unitdir)/musterd@.service $(D)$(unitdir)/muster.target \
	    $(D)$(sysusersdir)/muster.conf $(D)$(tmpfilesdir)/muster.conf
	$(Q)rm -f $(patsubst lib/%,$(D)$(includedir)/%,$(PUBLIC_HEADERS)) \
	    $(addprefix $(D)$(docdir)/,LICENSE CHANGES README.md) \
	    $(addprefix $(D)$(docdir)/examples/,$(notdir $(EXAMPLES)))
	$(Q)for page in $(MAN_PAGES); do \
	    rm -f $(D)$(mandir)/man$${page##*.}/$${page##*/}; \
	done
	$(Q)for file in $(BASH_COMPLETIONS); do \
	    name=$${file##*/}; rm -f $(D)$(bashcompdir)/$${name%.bash}; \
	done
	$(Q)for file in $(ZSH_COMPLETIONS); do \
	    rm -f $(D)$(zshcompdir)/$${file##*/}; \
	done
	$(Q)for folder in $(D)$(includedir)/muster $(D)$(docdir)/examples \
	    $(D)$(docdir) $(D)$(sysconfdir)/muster; do \
	    rmdir $$folder 2>/dev/null || true; \
	done
