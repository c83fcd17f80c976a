# Sources of daemon/, one per line; a new file is a decision.
DAEMON_ROOMS = sys core io node ctl

sys_SRCS = \

core_SRCS = \

io_SRCS = \

node_SRCS = \

ctl_SRCS = \

