# Sources of lib/, one per line; a new file is a decision.
LIB_ROOMS = base value topic layout tls proto
LIBMUSTER_ROOMS = base value topic

base_SRCS = \
	lib/base/alloc.c \
	lib/base/blob.c \
	lib/base/buf.c \
	lib/base/cursor.c \
	lib/base/diag.c \
	lib/base/err.c \
	lib/base/rng.c \
	lib/base/text.c \
	lib/base/uuid.c

value_SRCS = \

topic_SRCS = \

layout_SRCS = \

tls_SRCS = \
	lib/tls/context.c \
	lib/tls/errors.c \
	lib/tls/issue.c \
	lib/tls/pem.c \
	lib/tls/verify.c

proto_SRCS = \

CFLAGS_base = -Wconversion
CFLAGS_value = -Wconversion
CFLAGS_proto = -Wconversion
