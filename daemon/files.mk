# Sources of daemon/, one per line; a new file is a decision.
DAEMON_ROOMS = sys core io node ctl

sys_SRCS = \
	daemon/sys/clock.c \
	daemon/sys/dirs.c \
	daemon/sys/file.c \
	daemon/sys/log.c \
	daemon/sys/notify.c \
	daemon/sys/priv.c \
	daemon/sys/usage.c

core_SRCS = \

io_SRCS = \

node_SRCS = \

ctl_SRCS = \

