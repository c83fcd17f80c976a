# Sources of lib/, one per line; a new file is a decision.
LIB_ROOMS = base value topic layout pool tls proto store logrec
LIBMUSTER_ROOMS = base value topic

base_SRCS = \
	lib/base/alloc.c \
	lib/base/blob.c \
	lib/base/buf.c \
	lib/base/cursor.c \
	lib/base/diag.c \
	lib/base/err.c \
	lib/base/file.c \
	lib/base/heap.c \
	lib/base/rng.c \
	lib/base/text.c \
	lib/base/uuid.c

value_SRCS = \
	lib/value/bin.c \
	lib/value/container.c \
	lib/value/describe.c \
	lib/value/event.c \
	lib/value/identifier.c \
	lib/value/json.c \
	lib/value/json_read.c \
	lib/value/json_write.c \
	lib/value/key.c \
	lib/value/key_plain.c \
	lib/value/key_type.c \
	lib/value/net.c \
	lib/value/order.c \
	lib/value/peek.c \
	lib/value/real.c \
	lib/value/short.c \
	lib/value/skip.c \
	lib/value/text.c \
	lib/value/time.c \
	lib/value/value.c

topic_SRCS = \
	lib/topic/filter.c \
	lib/topic/trie.c \
	lib/topic/trie_cache.c \
	lib/topic/trie_node.c

layout_SRCS = \
	lib/layout/check.c \
	lib/layout/connect.c \
	lib/layout/diff.c \
	lib/layout/digest.c \
	lib/layout/fields.c \
	lib/layout/fields_inputs.c \
	lib/layout/fields_logs.c \
	lib/layout/fields_rules.c \
	lib/layout/identifiers.c \
	lib/layout/inputs.c \
	lib/layout/layout.c \
	lib/layout/links.c \
	lib/layout/names.c \
	lib/layout/pools.c \
	lib/layout/range.c \
	lib/layout/read.c \
	lib/layout/rows.c \
	lib/layout/rules.c \
	lib/layout/rules_circle.c \
	lib/layout/scalars.c \
	lib/layout/schema.c \
	lib/layout/section.c \
	lib/layout/section_rows.c \
	lib/layout/source.c \
	lib/layout/stores.c \
	lib/layout/yaml.c

pool_SRCS = \
	lib/pool/hrw.c \
	lib/pool/pool.c \
	lib/pool/pools.c \
	lib/pool/rotation.c

tls_SRCS = \
	lib/tls/context.c \
	lib/tls/errors.c \
	lib/tls/issue.c \
	lib/tls/pem.c \
	lib/tls/resume.c \
	lib/tls/verify.c

proto_SRCS = \
	lib/proto/envelope.c \
	lib/proto/frame.c \
	lib/proto/handshake.c \
	lib/proto/jtext.c \
	lib/proto/jtext_scalar.c \
	lib/proto/lines.c \
	lib/proto/peer.c \
	lib/proto/peer_handshake.c \
	lib/proto/peer_phase3.c \
	lib/proto/peer_table.c \
	lib/proto/peer_time.c

store_SRCS = \
	lib/store/apply.c \
	lib/store/clone.c \
	lib/store/clone_aside.c \
	lib/store/clone_attach.c \
	lib/store/clone_chunks.c \
	lib/store/clone_copy.c \
	lib/store/clone_merge.c \
	lib/store/clone_query.c \
	lib/store/clone_write.c \
	lib/store/command.c \
	lib/store/consumer.c \
	lib/store/entry.c \
	lib/store/master.c \
	lib/store/master_chunks.c \
	lib/store/master_clones.c \
	lib/store/master_lives.c \
	lib/store/master_release.c \
	lib/store/master_trouble.c \
	lib/store/master_write.c \
	lib/store/master_writers.c \
	lib/store/memory.c \
	lib/store/order.c \
	lib/store/outq.c \
	lib/store/producer.c \
	lib/store/request.c \
	lib/store/tree.c

logrec_SRCS = \
	lib/logrec/escape.c \
	lib/logrec/format.c \
	lib/logrec/infer.c \
	lib/logrec/json_scan.c \
	lib/logrec/message.c \
	lib/logrec/number.c \
	lib/logrec/path.c \
	lib/logrec/reader.c \
	lib/logrec/reader_json.c \
	lib/logrec/reader_tsv.c \
	lib/logrec/record.c \
	lib/logrec/scalar.c \
	lib/logrec/shown.c \
	lib/logrec/shortest.c \
	lib/logrec/stream.c \
	lib/logrec/stream_message.c \
	lib/logrec/type.c \
	lib/logrec/writer.c

CFLAGS_base = -Wconversion
CFLAGS_value = -Wconversion
CFLAGS_pool = -Wconversion
CFLAGS_proto = -Wconversion
CFLAGS_store = -Wconversion
CFLAGS_logrec = -Wconversion
